"""The task that several runs have in common: nothing that one has learnt from judges another."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.data.fewshot import FewShotTask, sample_task
from core.data.ingest import open_dataset
from core.errors import UserError
from core.records import Draw


def shared_task(draws: Sequence[Draw], cache: Path | None) -> FewShotTask:
    """The task of the first draw, without validation images that another run was trained on, and
    without test images that another was trained on or chosen with.

    Where data has no val or test folder they are cut from what the seed leaves, so another seed's
    shots lie among them. A `UserError` when data is gone, classes differ or no test image is left.
    """
    first, *others = (_sampled(draw, cache) for draw in draws)
    for other in others:
        if other.classes != first.classes:
            raise UserError(
                f"data: the runs have different classes in {first.root} and in {other.root}."
            )
    trained = {item.sha256 for task in others for item in task.train}
    chosen = {item.sha256 for task in others for item in task.val}
    val = tuple(item for item in first.val if item.sha256 not in trained)
    test = tuple(item for item in first.test if item.sha256 not in trained | chosen)
    if first.test and not test:
        raise UserError(
            "data: every test image was used to train or choose one of these runs. Combine runs of "
            "one seed, or add a test folder."
        )
    notes = [
        f"{before - after} of {before} {name} images are left out: another run has used them."
        for name, before, after in (
            ("validation", len(first.val), len(val)),
            ("test", len(first.test), len(test)),
        )
        if after < before
    ]
    return replace(first, val=val, test=test, notes=(*first.notes, *notes))


def seen_images(draws: Sequence[Draw], cache: Path | None) -> frozenset[str]:
    """Hashes of the training and validation images of every draw."""
    tasks = [_sampled(draw, cache) for draw in draws]
    return frozenset(item.sha256 for task in tasks for item in (*task.train, *task.val))


def _sampled(draw: Draw, cache: Path | None) -> FewShotTask:
    root = Path(draw.data)
    if not root.exists():
        raise UserError(
            f"data: {root} is where this run found its images, and it is not there any more. "
            "Put it back, or measure on another folder with `evenkeel evaluate RUN DATA`."
        )
    dataset = open_dataset(root, cache)
    return sample_task(dataset, draw.shots, draw.seed, draw.allow_fewer, draw.unseen, draw.group_by)
