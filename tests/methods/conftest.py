"""A tiny task and model that every method can run on in a second."""

import pytest

from core.data.fewshot import sample_task
from core.data.ingest import open_dataset
from core.models import zoo


@pytest.fixture(scope="session")
def tiny_task(tiny_model, tiny_data):
    """(clip, task): the first two things a method wants after its knobs."""
    clip = zoo.load(str(tiny_model), device="cpu", precision="fp32")
    return clip, sample_task(open_dataset(tiny_data), shots=4, seed=0)
