"""Lists all settings and checks a config. Runs without torch too, as a page and
`evenkeel submit` check what they queue (`core.without_torch`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import interpolation, methods
from core.data.prompts import TEMPLATE_SETS, resolve_templates
from core.errors import UserError
from core.models import names
from core.results.records import DEFAULT_ALPHAS, CombinedConfig, RunConfig, RunRecord
from core.results.runs import RunFolder
from core.training.settings import TowerParams

USUAL_IN_FOLDS = "lp"
"""The method that stands in for one that trains the tower, which would take minutes per fold."""


def catalogue() -> dict[str, Any]:
    """Every method, interpolator and model, with their hyper-parameters and those of a run; the
    template sets; and what can be read in folds.
    """
    return {
        "methods": methods.catalogue(),
        "interpolators": interpolation.catalogue(),
        "run_knobs": RunConfig.knobs(),
        "models": names.catalogue(),
        "templates": {name: list(texts) for name, texts in TEMPLATE_SETS.items()},
        "folds": {
            "usual": USUAL_IN_FOLDS,
            "methods": [name for name in methods.METHODS if is_quick(name)],
        },
    }


def is_quick(method: str) -> bool:
    """True if a method trains on the features and does not change the tower."""
    found = methods.METHODS.get(method)
    return (
        found is not None
        and found.family == "features"
        and not issubclass(found.Params, TowerParams)
    )


def complete(config: RunConfig, own_templates: Sequence[str] | None = None) -> RunConfig:
    """The same config with every setting of its method filled in. A `UserError` for a wrong
    setting, or for prompts that leave the method nothing to do. `own_templates` are the data set's,
    if known.
    """
    method = methods.find(config.method)
    preset = method.paper_preset if config.preset == "paper" else {}
    params = method.Params.parse({**preset, **config.params}, config.method)
    if config.templates != "dataset" or own_templates is not None:
        method.check(params, resolve_templates(config.templates, own_templates or ()))
    return config.model_copy(update={"params": params.model_dump(mode="json")})


def complete_combination(
    method: str,
    runs: Sequence[Path],
    params: Mapping[str, Any],
    alphas: Sequence[float] = DEFAULT_ALPHAS,
    device: str = "auto",
) -> CombinedConfig:
    """The config of a combination with every setting filled in; a `UserError` for anything
    wrong.
    """
    interpolator = interpolation.find(method)
    interpolator.check_count(len(runs))
    places = [RunFolder(Path(run).expanduser().resolve()) for run in runs]
    records = fitting(places)
    parsed = interpolator.Params.parse(params, method)
    return CombinedConfig.parse(
        {
            **records[0].config,
            "method": method,
            "preset": "default",
            "params": parsed.model_dump(mode="json"),
            "members": tuple(str(place.path) for place in places),
            "alphas": tuple(alphas),
            "evaluations": 0,
            "device": device,
        },
        method,
    )


def fitting(places: Sequence[RunFolder]) -> list[RunRecord]:
    """The records of runs that can be combined; a `UserError` says which run does not fit and
    why.
    """
    records = [place.record() for place in places]
    for number, (place, record) in enumerate(zip(places, records, strict=True)):
        if place.path in [other.path for other in places[:number]]:
            raise UserError(f"combine: {place.path} is named twice. Name every run once.")
        if record.environment["model_fingerprint"] != records[0].environment["model_fingerprint"]:
            raise UserError(
                f"combine: {record.run_id} started from another model than {records[0].run_id} "
                f"({record.config['model']} and {records[0].config['model']}). Weights are only "
                "comparable from one start; name runs of one model."
            )
        if record.classes != records[0].classes:
            raise UserError(
                f"combine: {record.run_id} has other classes than {records[0].run_id} "
                f"({_shown(record)} and {_shown(records[0])}). Name runs with the same classes."
            )
    return records


def _shown(record: RunRecord) -> str:
    more = len(record.classes) - 3
    return ", ".join(record.classes[:3]) + (f" and {more} more" if more > 0 else "")
