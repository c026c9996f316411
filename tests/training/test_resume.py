"""An interrupted training ends with the same weights as an uninterrupted one, for every method."""

from pathlib import Path

import pytest
import torch

from core.events import Resumed, Step
from core.results.records import RunConfig
from core.results.runs import RunFolder
from core.training.checkpoints import Checkpoints, Keeping
from tests.training.quick import NAMES, finish, method_of

EVERY_STEP = Keeping(most_seconds=0.0)
VARIANTS = [
    *[(name, {}) for name in NAMES],
    *[(name, {"keep": "best"}) for name in ("ft", "ema", "coop", "tip-adapter-f")],
    *[(name, {"lora_rank": 2}) for name in ("ft", "ema", "l2-sp", "flyp")],
    ("ft", {"optimizer": "sgd", "warmup": 0.3}),
    ("car-ft", {"guidance": "random"}),
    ("flyp", {"loss": "cross-entropy"}),
    ("ship", {"unseen": 1}),
]


def checkpoints_of(folder: Path) -> Checkpoints:
    return Checkpoints(RunFolder(folder), RunConfig(data="here"), EVERY_STEP)


def killed_after(steps: int, method, folder: Path) -> None:
    """Train some steps, and then stop without cleaning up."""
    method.checkpoints = checkpoints_of(folder)
    fit = method.fit()
    seen = 0
    for event in fit:
        seen += isinstance(event, Step)
        if seen > steps:
            break
    method.checkpoints.settle()
    fit.close()


def label(value):
    return value if isinstance(value, str) else " ".join(f"{k}={v}" for k, v in value.items())


@pytest.mark.parametrize(("name", "more"), VARIANTS, ids=label)
def test_whole_and_interrupted_training_give_the_same_weights(name, more, tiny_task, tmp_path):
    whole, events = finish(method_of(name, tiny_task, **more).fit())
    steps = [event for event in events if isinstance(event, Step)]
    half = len(steps) // 2
    for done in (1, half - 1):  # steps of each attempt, in the midst of epochs
        killed_after(done, method_of(name, tiny_task, **more), tmp_path)
    method = method_of(name, tiny_task, **more)
    method.checkpoints = checkpoints_of(tmp_path)
    resumed, rest = finish(method.fit())
    method.checkpoints.close()
    assert [event.step for event in rest if isinstance(event, Resumed)] == [half]
    again = [(event.step, event.loss) for event in rest if isinstance(event, Step)]
    assert again == [(event.step, event.loss) for event in steps[half:]]
    for key, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[key]), key
