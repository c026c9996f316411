"""Measures the current classifier of a training now and then, without the loop knowing."""

import statistics
import time
from collections.abc import Generator, Iterator

import torch

from core.errors import NotFinite
from core.evaluation.evaluate import evaluate
from core.evaluation.projections import PrototypeTrail, shown_items
from core.events import Evaluated, Event, Measuring, Resumed, Saved, Step, Warned
from core.methods import Method
from core.methods.fd_align import FDAlign, spurious_prototypes
from core.models.classifier import Classifier
from core.models.prototypes import contexts_of
from core.results.records import write_json
from core.results.runs import RunFolder
from core.results.untrained import PrototypeLook, Prototypes
from core.run.environment import Clock


class Watch:
    """Follows `fit`. At the end of `looks` evenly spaced epochs it evaluates every domain and adds
    a look at the training images to the prototype plot. The caller measures the finished
    classifier, which is the last look.
    """

    def __init__(self, method: Method, folder: RunFolder, looks: int) -> None:
        self.step = 0
        self.steps = 0
        """The number of planned steps; `step` is smaller if the training was stopped."""
        self.images = 0
        self._durations: list[float] = []
        self._epochs = 0
        self._method = method
        self._folder = folder
        self._looks = looks
        task = method.task
        self._shown = [task.train[i] for i in shown_items([item.label for item in task.train])]
        self._trail = self._start_trail()

    def follow(self, clock: Clock) -> Generator[Event, None, Classifier]:
        """All events of `fit` with the looks between them; returns its classifier."""
        method = self._method
        earlier = self._earlier_looks()
        features = method.clip.evaluation_features(method.task.root, self._shown)
        yield self._look(0, features)
        fit = method.fit()
        while True:
            started = time.perf_counter()
            try:
                with clock("train_seconds"):
                    event = next(fit)
            except StopIteration as stop:
                tuned: Classifier = stop.value
                break
            if isinstance(event, Step):
                self._durations.append(time.perf_counter() - started)
            yield event
            if isinstance(event, Resumed):
                self._trail.go_back(event.step, earlier)
            if isinstance(event, Step | Resumed):
                self.step, self.steps, self._epochs = event.step, event.steps, event.epoch
                earlier = []
            if isinstance(event, Step) and self._is_due(event):
                yield Measuring(event.step)
                with clock("evaluation_seconds"):
                    events = list(self._measure(event))
                yield from events
        self.images = len(method.task.train) * self._epochs
        yield self._look(self._epochs, self._features(tuned))
        return tuned

    @property
    def step_seconds(self) -> float:
        """Median wall clock of a step including its wait for data. Work that is done once, such as
        the frozen tower's features, does not count. 0 without steps.
        """
        return statistics.median(self._durations) if self._durations else 0.0

    def _is_due(self, event: Step) -> bool:
        """True if an epoch ended that is one of the evenly spaced ones (and not the last)."""
        per_epoch = event.steps // event.epochs
        due = {round(event.epochs * k / self._looks) for k in range(1, self._looks)}
        return event.step == event.epoch * per_epoch and event.epoch in due - {event.epochs}

    def _measure(self, event: Step) -> Iterator[Event]:
        method = self._method
        try:
            evaluation = evaluate(method.classifier, method.clip, method.task)
        except NotFinite:  # the next step finds this too, and goes back
            yield Warned(f"After step {event.step} the model's outputs are not numbers.")
            return
        yield Evaluated("training", event.step, evaluation.domains)
        yield self._look(event.epoch, self._features(method.classifier))

    def _features(self, classifier: Classifier) -> torch.Tensor:
        return self._method.clip.features_of(classifier, self._method.task.root, self._shown)

    def _look(self, epoch: int, features: torch.Tensor) -> Event:
        labels = torch.tensor([item.label for item in self._shown])
        self._trail.look(epoch, self.step, features, labels)
        write_json(self._folder.prototypes_path, self._trail.prototypes.model_dump(mode="json"))
        return Saved("prototypes", self._folder.prototypes_path.name)

    def _earlier_looks(self) -> list[PrototypeLook]:
        """The looks of an earlier attempt, if the method continues from its checkpoint."""
        checkpoints = self._method.checkpoints
        if not checkpoints or not checkpoints.may_resume:
            return []
        try:
            return Prototypes.model_validate_json(self._folder.prototypes_path.read_bytes()).trail
        except (OSError, ValueError):
            return []  # then the plot starts where training continues

    def _start_trail(self) -> PrototypeTrail:
        """The trail of FD-Align's prototypes: the settings of FD-Align's own runs, its defaults in
        all others.
        """
        clip, task, params = self._method.clip, self._method.task, self._method.params
        if not isinstance(params, FDAlign.Params):
            params = FDAlign.Params()
        templates = params.templates_for(task.templates)
        contexts = contexts_of(clip, task, templates)
        spurious = spurious_prototypes(clip, task, params)
        return PrototypeTrail(contexts, templates, spurious, clip.logit_scale, task.classes)
