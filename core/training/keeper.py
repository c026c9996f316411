"""`Keeper`: what makes a training go on after a fault. Resumes it, keeps it, takes it back."""

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
"""A training that diverges once more, at a quarter of its learning rate, is given up."""


class Keeper:
    """One training and its checkpoints. Without a place for these it only says what is wrong."""

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
        """How somebody wants the training to end early."""
        return self._store.brake.pulled if self._store else None

    def begin(self) -> Generator[Event, None, Position]:
        """Where the training starts: at its checkpoint, at its end when it is over, or at zero."""
        if self._store is None:
            return Position()
        self._store.brake.holds = True
        phase, found = self._store.next_phase(self._made_of)
        if found and found.position.phase > phase:
            return Position(phase, self._schedule.steps)
        if found:
            return (yield from self._go_on(found))
        yield from self._complain()
        start = Position(phase)
        self._save(start, starting=True)
        return start

    def after(self, now: Position, epoch_ended: bool) -> Generator[Event, None, Position]:
        """Look at the training between two steps and keep it when that is due. Returns where it
        goes on, which is earlier when its weights are broken; raises `Paused` when asked to.
        """
        last = now.step == self._schedule.steps
        due = self._store is not None and (self._store.is_due(epoch_ended) or bool(self.wish))
        if (last or due) and not self._is_finite():
            return (yield from self.go_back(now, f"weights are not finite after step {now.step}"))
        if due:
            self._save(now)
        if self._store and self.wish == "pause" and not last:
            self._store.settle()
            raise Paused
        if self.wish == "stop" and not last:
            steps = self._schedule.steps
            yield Warned(f"Stopped after {now.step} of {steps} steps, as asked.")
        return now

    def go_back(self, now: Position, problem: str) -> Generator[Event, None, Position]:
        """To the last checkpoint with half the learning rate; a `UserError` when that was tried
        often enough, or there is none.
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
        return replace(back, rate_halvings=halvings, parts=now.parts)

    def end(self) -> None:
        """From here on the brake is looked at by nobody."""
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
        """Say which checkpoints were skipped."""
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
    """What a training stands on beside its config: a digest of the model and the images."""
    digest = hashlib.sha256(method.clip.identity.encode())
    for item in (*method.task.train, *method.task.val):
        digest.update(item.sha256.encode())
    return digest.hexdigest()
