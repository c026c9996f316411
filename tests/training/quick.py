"""Methods on the tiny model with settings that make them quick, and a way to run one to its end."""

from dataclasses import replace

from core.methods import METHODS, LoopMethod

NAMES = [name for name, method in METHODS.items() if issubclass(method, LoopMethod)]
"""All methods of the training loop."""
QUICK = {
    "epochs": 2,
    "batch_size": 5,
    "lr": 1e-3,
    "generator_epochs": 2,
    "views": 1,
    "beta_steps": 2,
    "contexts": "dataset",
    "prototypes": "dataset",
    "correction": "off",
}


def method_of(name, tiny_task, **more):
    kind, (clip, task) = METHODS[name], tiny_task
    known = {k: v for k, v in (QUICK | more).items() if k in kind.Params.model_fields}
    few = replace(task, templates=("a photo of a {}.", "a {}."))
    if "unseen" in more:
        train = tuple(item for item in task.train if item.label != 0)
        few = replace(few, train=train, unseen=(task.classes[0],))
    return kind(kind.Params(**known), clip, few)


def finish(fit):
    """(classifier, events)"""
    events = []
    while True:
        try:
            events.append(next(fit))
        except StopIteration as stop:
            return stop.value, events
