"""A batch in parts is the same step: the same gradients for every method."""

import pytest
import torch

from core.errors import UserError
from core.models.allocator import is_out_of_memory
from core.training.loop import _batches
from core.training.memory import Accumulator
from tests.training.quick import NAMES, method_of

SPLIT = [name for name in NAMES if name not in ("flyp", "ship")]


def gradients(method, parts):
    """(loss, terms, gradients) of the first batch."""
    trainable = method.parameters()
    memory = Accumulator(method, trainable, parts)
    batch = next(_batches(method, 0, 0))
    run = memory.backward(batch, 1)
    with pytest.raises(StopIteration) as ended:
        next(run)
    return *ended.value.value, [weight.grad.clone() for weight in trainable]


@pytest.mark.parametrize("name", SPLIT)
def test_a_batch_in_three_parts_has_the_gradients_of_the_whole(name, tiny_task):
    method = method_of(name, tiny_task)
    assert method.splits_batches
    if name in ("tip-adapter-f", "ape-t"):
        next(step for step in method.fit() if step.kind == "step")
    else:
        method.setup()
    draws = [part for part in vars(method).values() if isinstance(part, torch.Generator)]
    states = [draw.get_state() for draw in draws]
    loss, terms, whole = gradients(method, 1)
    for draw, state in zip(draws, states, strict=True):
        draw.set_state(state)
    again, again_terms, added = gradients(method, 3)
    assert again == pytest.approx(loss, rel=1e-5)
    assert again_terms == pytest.approx(terms, rel=1e-4, abs=1e-5)
    # FD-Align's divergence starts at zero: its gradient there is rounding, times the temperature.
    torch.testing.assert_close(added, whole, atol=5e-5, rtol=1e-4)


def test_a_contrastive_loss_is_not_split(tiny_task):
    """In parts it would be another loss, so it raises the error."""
    method = method_of("flyp", tiny_task)
    method.setup()
    assert not method.splits_batches
    assert gradients(method, 3)[0] < gradients(method, 1)[0] - 0.1
    assert method_of("flyp", tiny_task, loss="cross-entropy").splits_batches


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) is expected


def hungry(method, most):
    """Make its loss fail for more than `most` images at a time, and count the calls."""
    real, sizes = method.loss, []

    def loss(batch):
        sizes.append(len(batch.labels))
        if len(batch.labels) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(batch)

    method.loss = loss
    return sizes


def test_parts_are_halved_until_they_fit_and_it_is_said(tiny_task):
    method = method_of("ft", tiny_task, batch_size=8)
    sizes = hungry(method, most=2)
    said = [event.message for event in method.fit() if event.kind == "warned"]
    assert sizes[:6] == [8, 4, 2, 2, 2, 2]
    assert [message.split(":")[0] for message in said] == ["Out of memory at step 1"] * 2
    assert "in 4 parts" in said[1]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("ft", "even for 1 of a batch's 5 images at a time"), ("flyp", "compares the images")],
)
def test_when_halving_does_not_help_it_says_what_does(name, sentence, tiny_task):
    method = method_of(name, tiny_task)
    hungry(method, most=0)
    with pytest.raises(UserError, match=rf"{sentence}.*Lower batch_size"):
        list(method.fit())
