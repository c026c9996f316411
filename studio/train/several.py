"""Plans several runs from one form: all methods, several seeds, or values of one setting."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from core.errors import UserError
from core.spelling import read
from jobs.ledger import Job
from studio.train import words
from studio.train.knob_form import all_knobs
from studio.train.same_run import config_of
from studio.workspace.session import Notice

MOST = 100
FIELDS = ("several.methods", "several.seeds", "several.knob", "several.values")
SEEDS = tuple(words.Several.seed_choices)
Draft = Mapping[str, Any]
Config = dict[str, Any]


def planned(data: str, draft: Draft, catalogue: Mapping[str, Any]) -> list[Config]:
    """The runs of the form, quick methods first; a single run if nothing else is chosen.

    Raises `UserError` if something does not fit.
    """
    methods, seeds, knob, values = (str(draft["fields"].get(name, "")).strip() for name in FIELDS)
    count = int(seeds or 1) if seeds in SEEDS else 1
    drafts = _methods(draft, catalogue) if methods == "all" else [draft]
    configs: list[Config] = []
    for one in drafts:
        knobs = all_knobs(catalogue, one["method"], str(one["fields"].get("preset", "")))
        config = config_of(data, one, catalogue)
        first = config.get("seed", knobs["seed"]["default"])
        if count > 1 and not isinstance(first, int):
            raise UserError(words.Several.no_seed.format(seed=first))
        for number, value in product(range(count), _values(knob, values, knobs)):
            seeded = _with(config, "seed", first + number, knobs) if number else config
            configs.append(_with(seeded, knob, value, knobs))
        if len(configs) > MOST:
            raise UserError(words.Several.too_many.format(most=MOST))
    return configs


def outcome(jobs: Sequence[Job], refused: Sequence[str]) -> Notice:
    """The notice about several queued runs, with the reasons for refusals."""
    said = words.Several.some_refused if refused else words.Several.queued
    text = said.format(n=len(jobs), why=" ".join(refused))
    return Notice(text, "error" if refused else "good")


def _methods(draft: Draft, catalogue: Mapping[str, Any]) -> list[Draft]:
    """A draft for each method: the chosen one with the form's values, the others with defaults."""
    shared = {k: v for k, v in draft["fields"].items() if not k.startswith("params.")}
    quick = sorted(catalogue["methods"], key=lambda m: (m["moves_tower"], m["trains"]))
    return [
        draft
        if method["name"] == draft["method"]
        else {**draft, "method": method["name"], "fields": shared}
        for method in quick
    ]


def _values(knob: str, typed: str, knobs: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """The values of the swept setting; one that changes nothing when none is swept."""
    if not knob or knob not in knobs:  # a method without this knob runs once
        return [None]
    values = [read(part.strip(), knobs[knob]) for part in typed.split(",")]
    if not typed:
        raise UserError(words.Several.no_values.format(knob=knob))
    return list(dict.fromkeys(values))


def _with(config: Config, field: str, value: Any, knobs: Mapping[str, Mapping[str, Any]]) -> Config:
    """The config with one more setting, left out where it is the default."""
    if value is None or field not in knobs:
        return config
    if field.startswith("params."):
        name, params = field.removeprefix("params."), dict(config.get("params", {}))
        return {**config, "params": {**params, name: value}}
    if value == knobs[field]["default"]:
        return {name: kept for name, kept in config.items() if name != field}
    return {**config, field: value}
