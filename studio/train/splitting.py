"""Shows and changes the split of the next run: which images train, choose and measure."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from core.data.dataset import Dataset
from core.data.fewshot import FewShotTask
from core.data.split import move_split, parse_shares, write_shares
from core.results.intervals import Z95
from studio.frame.markup import count, decimal, interval, percent, render
from studio.frame.view import Handler
from studio.train import words
from studio.train.next_run import form_task
from studio.train.recommending import drafted
from studio.train.same_run import config_of
from studio.workspace.data_store import Opened
from studio.workspace.session import Session
from studio.workspace.studio import Studio

w = words.BeforeQueue
FEW_POINTS = 0.15
"""A wider 95 % interval gets a warning."""
LONGEST = 40
"""The most characters of the typed shares."""


class Splitting:
    """The card of the split, and the cross-validated accuracy if there are few test images."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def handlers(self) -> dict[str, Handler]:
        """The handlers of the buttons, by action."""
        return {"split-again": self.split_again, "read-folds": self.cross_validate}

    def key(self, session: Session) -> Hashable:
        """The key of the card."""
        if session.data is None:
            return None
        opened = session.mine.data.open(session.data)
        method, _ = self._read_in_folds(session, session.data)
        folds = session.mine.answers.cross_validated(session.data, method)
        read = (folds.state, folds.version) if folds else None
        draft = repr(drafted(session.mine, session.data))
        return (session.data, opened.version, draft, read)

    def draw(self, session: Session) -> str:
        """Draw the card."""
        data_id, catalogue = session.data, self._studio.catalogue
        if data_id is None:
            return ""
        opened = session.mine.data.open(data_id)
        config = config_of(str(opened.dataset.root), drafted(session.mine, data_id), catalogue)
        asked = form_task(opened, config)
        task = asked.task
        is_kept = config.get("split", "kept") == "kept"
        return render(
            "train/split.html",
            problem=asked.problem,
            sides=sides_of(task) if task else [],
            few=_few(task) if task else "",
            taken=_taken(opened, task) if task and is_kept else "",
            no_val=bool(task and not task.val),
            is_given=all(opened.dataset.items(side) for side in ("val", "test")),
            shares=write_shares(opened.dataset.split.shares),
            may_change=session.mine.data.may_change(data_id),
            folds=self._folds(session, data_id) if task and reach(task) else None,
        )

    def split_again(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Split the images again by the typed shares."""
        form = detail.get("form")
        typed = str(form.get("shares", "")) if isinstance(form, dict) else ""
        shares = parse_shares(typed[:LONGEST])

        def move(dataset: Dataset) -> None:
            move_split(dataset, shares)

        if session.data:
            session.mine.data.change(session.data, move)

    def cross_validate(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Start the cross-validation of a method on frozen features."""
        if session.data:
            method, _ = self._read_in_folds(session, session.data)
            session.mine.answers.cross_validated(session.data, method, wanted=True)

    def _folds(self, session: Session, data_id: str) -> dict[str, str]:
        """The cross-validated accuracy: offered, running, done or failed."""
        method, title = self._read_in_folds(session, data_id)
        answer = session.mine.answers.cross_validated(data_id, method)
        n = sum(map(sum, session.mine.data.open(data_id).sizes.values()))
        said = {"told": "", "waiting": "", "error": ""}
        said["label"] = w.folds.format(title=title, images=count(n, *words.Numbers.images))
        if answer and answer.state == "ready":
            found = answer.value
            said["told"] = w.folds_found.format(
                title=title,
                accuracy=percent(found.accuracy),
                interval=interval(found.low, found.high),
                n=found.n,
                zero=percent(found.zero_shot.accuracy),
                outcome=w.outcomes[found.change.outcome],
            )
        elif answer and answer.state == "waiting":
            said["waiting"] = w.folds_waiting.format(title=title)
        elif answer:
            said["error"] = answer.error
        return said

    def _read_in_folds(self, session: Session, data_id: str) -> tuple[str, str]:
        """The cross-validated method and its title: the chosen one, or the usual one if the chosen
        one trains the image tower.
        """
        chosen = drafted(session.mine, data_id)["method"]
        folds = self._studio.catalogue["folds"]
        method = chosen if chosen in folds["methods"] else folds["usual"]
        return method, self._studio.method_title(method)


@dataclass(frozen=True)
class Side:
    """The images of one side of the split."""

    name: str
    """`train`, `val` or `test`."""
    title: str
    images: int
    low: int
    """The images of the class with the fewest."""
    high: int


def sides_of(task: FewShotTask) -> list[Side]:
    """The images that train, choose and measure, and their range over the classes."""
    found = []
    for name, items in (("train", task.train), ("val", task.val), ("test", task.test)):
        per_class = [0] * len(task.classes)
        for item in items:
            per_class[item.label] += 1
        found.append(Side(name, w.sides[name], len(items), min(per_class), max(per_class)))
    return found


def reach(task: FewShotTask) -> float | None:
    """The largest distance from the test accuracy to an end of its 95 % interval; None if it is
    small.
    """
    half: float = Z95 * 0.5 / len(task.test) ** 0.5 if task.test else 1.0
    return half if half > FEW_POINTS else None


def _few(task: FewShotTask) -> str:
    """A warning about an accuracy on few test images; empty if there are enough."""
    half = reach(task)
    images = count(len(task.test), *words.Numbers.test_images)
    return w.few.format(images=images, points=decimal(100 * half, 0)) if half else ""


def _taken(opened: Opened, task: FewShotTask) -> str:
    """A note on images that train although the split keeps them to choose or to measure; empty if
    there are none.
    """
    sides = opened.dataset.split.sides
    taken = sum(sides.get(item.sha256, "train") != "train" for item in task.train)
    images = count(taken, *words.Numbers.images)
    return w.taken.format(images=images, shots=task.shots) if taken else ""
