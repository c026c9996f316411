"""`Keeper`: lets a training continue after a fault: it resumes, saves and takes the training
back.
"""

import hashlib
import math
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from core.errors import UserError
from core.events import Event, Resumed, Warned
from core.training.brake import Paused, Wish
from core.training.checkpoints import Checkpoint, Position
from core.training.optim import Schedule
from core.training.state import restore, snapshot

if TYPE_CHECKING:
    from core.training.loop import BestEpoch, Trainable

MOST_HALVINGS = 2
"""The most times that a training goes back. One that diverges again at a quarter of its rate is
given up.
"""


class Keeper:
    """One training and its checkpoints. Without a place for checkpoints it only reports
    problems.
    """

    def __init__(
        self,
        method: "Trainable",
        trainable: list[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        best: "BestEpoch | None",
    ) -> None:
        self._method = method
        self._trainable = trainable
        self._optimizer = optimizer
        self._schedule = schedule
        self._best = best
        self._store = method.checkpoints
        self._made_of = _made_of(method) if self._store else ""

    @property
    def wish(self) -> Wish | None:
        """The requested early end, if any."""
        return self._store.brake.pulled if self._store else None

    def must_stop(self) -> bool:
        """True if the training must end with the weights so far."""
        return self.wish == "stop"

    def begin(self) -> Generator[Event, None, Position]:
        """The start of the training: its checkpoint, its end if it is over, or step zero."""
        if self._store is None:
            return Position()
        self._store.brake.holds = True
        phase, found = self._store.next_phase(self._made_of)
        # A later phase has a checkpoint, so this one is over; that phase restores everything.
        if found and found.position.phase > phase:
            return Position(phase, self._schedule.steps)
        if found:
            return (yield from self._go_on(found))
        yield from self._complain()
        start = Position(phase)
        # A training that diverges in its first epoch also needs a checkpoint to go back to.
        self._save(start, starting=True)
        return start

    def after(self, now: Position, epoch_ended: bool) -> Generator[Event, None, Position]:
        """Check the training between two steps, and save it when that is due. Returns the position
        to continue from, which is an earlier one if the weights are broken. Raises `Paused` if a
        pause was requested.
        """
        last = now.step == self._schedule.steps
        wish = self.wish  # read once, as it may change at any moment
        due = self._store is not None and (self._store.is_due(epoch_ended) or bool(wish))
        # Before every save, so that no checkpoint holds broken weights.
        if (last or due) and not self._is_finite():
            return (yield from self.go_back(now, f"weights are not finite after step {now.step}"))
        if due:
            self._save(now)
        if self._store and wish == "pause" and not last:
            # The process ends after a pause: the checkpoint must be on the disk by then.
            self._store.settle()
            raise Paused
        if wish == "stop" and not last:
            steps = self._schedule.steps
            yield Warned(f"Stopped after {now.step} of {steps} steps, as requested.")
        return now

    def go_back(self, now: Position, problem: str) -> Generator[Event, None, Position]:
        """Return to the last checkpoint with half the learning rate. A `UserError` if there is
        none, or if that was tried often enough.
        """
        store, phase = self._store, now.phase
        found = None
        if store and now.rate_halvings < MOST_HALVINGS:
            found = store.newest(self._made_of)
        if not found or found.position.phase != phase:
            tried = f", at {2**-now.rate_halvings:g} of the learning rate" * (now.rate_halvings > 0)
            raise UserError(
                f"training: the {problem}{tried}. "
                f"Lower lr (it is {self._schedule.peak:g}), or train in fp32."
            )
        halvings = now.rate_halvings + 1
        back = yield from self._go_on(found)
        yield Warned(
            f"The {problem}. Training went back to step {back.step}, with "
            f"{2**-halvings:g} of the learning rate."
        )
        # The parts stay as they are now: a batch that did not fit would not fit again.
        return replace(back, rate_halvings=halvings, parts=now.parts)

    def end(self) -> None:
        """Stop watching the brake."""
        if self._store:
            self._store.brake.holds = False

    def _go_on(self, found: Checkpoint) -> Generator[Event, None, Position]:
        position = found.position
        restore(found.state, self._method, self._optimizer, self._best)
        if self._best:
            self._best.accuracy = position.best
        steps, per_epoch = self._schedule.steps, self._schedule.per_epoch
        yield Resumed(
            step=position.step,
            steps=steps,
            epoch=math.ceil(position.step / per_epoch),
            epochs=steps // per_epoch,
            log_bytes=position.log_bytes,
        )
        yield from self._complain()
        return position

    def _complain(self) -> Generator[Event, None, None]:
        """Report the checkpoints that were skipped."""
        assert self._store
        for sentence in self._store.complaints():
            yield Warned(sentence)

    def _save(self, position: Position, starting: bool = False) -> None:
        assert self._store
        state = snapshot(self._method, self._optimizer, self._best)
        if starting:
            self._store.require_room(sum(tensor.nbytes for tensor in state.values()))
        if self._best:
            position = replace(position, best=self._best.accuracy)
        self._store.save(position, state, self._made_of)

    def _is_finite(self) -> bool:
        return all(bool(weight.isfinite().all()) for weight in self._trainable)


def _made_of(method: "Trainable") -> str:
    """A digest of the model and the images, which a training depends on in addition to its
    config.
    """
    digest = hashlib.sha256(method.clip.identity.encode())
    for item in (*method.task.train, *method.task.val):
        digest.update(item.sha256.encode())
    return digest.hexdigest()
