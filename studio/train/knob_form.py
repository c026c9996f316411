"""The form of a run, made from the knobs of its method."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.spelling import read
from studio.frame.markup import render
from studio.train import words

_FIRST = {"params.epochs": 2, "params.lr": 3}
"""Places of two settings that methods redefine; a run's own settings say theirs (`Shown`)."""
UNSET = ""

_SEVERAL = ("methods", "seeds", "knob", "values")
_KINDS = {"int": "whole", "float": "number"}


def knob_form(catalogue: Mapping[str, Any], method: str, fields: Mapping[str, str]) -> str:
    """The form for one method. `fields` are the visitor's values by field name."""
    asked = all_knobs(catalogue, method, fields.get("preset", ""))
    knobs = [knob_view(knob, key, fields) for key, knob in asked.items()]
    places = {key: _FIRST.get(key, knob.get("first")) for key, knob in asked.items()}
    main = [knob for knob in knobs if places[knob["field"]] is not None]
    rows = [knob for knob in knobs if knob not in main]
    main.sort(key=lambda knob: places[knob["field"]] or 0)
    return render(
        "train/knob_form.html",
        form_key=method,
        main=main,
        rows=rows,
        changed=sum(knob["changed"] for knob in rows),
    )


def several_form(catalogue: Mapping[str, Any], method: str, fields: Mapping[str, str]) -> str:
    """The form for more than one run: methods, seeds, and a setting to sweep over."""
    asked = all_knobs(catalogue, method, fields.get("preset", ""))
    numbers = {key: knob for key, knob in asked.items() if knob["type"] in _KINDS or _choices(knob)}
    knobs = [(key, knob_view(knob, key, fields)["label"]) for key, knob in numbers.items()]
    chosen = {name: fields.get(f"several.{name}", "") for name in _SEVERAL}
    methods = len(catalogue["methods"])
    return render("train/several.html", count_of_methods=methods, knobs=knobs, **chosen)


def all_knobs(
    catalogue: Mapping[str, Any], method: str, preset: str = ""
) -> dict[str, dict[str, Any]]:
    """Every knob of a run by its field name: the method's own first, as `params.<name>`.

    Their defaults are those of the preset.
    """
    entry: Mapping[str, Any] = next(
        (m for m in catalogue["methods"] if m["name"] == method), {"knobs": ()}
    )
    values = entry.get("presets", {}).get(preset, {})
    found = {
        f"params.{knob['name']}": {**knob, "default": values.get(knob["name"], knob["default"])}
        for knob in entry["knobs"]
    }
    for knob in catalogue["run_knobs"]:
        if not knob.get("elsewhere"):
            found[knob["name"]] = knob
    return found


def knob_view(knob: Mapping[str, Any], key: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """One row of the form. An unknown type becomes a text field: the check answers for it."""
    name = str(knob["name"])
    choices = _choices(knob)
    value = str(fields.get(key, UNSET))
    sensible = knob.get("sensible") if knob["type"] in _KINDS else None
    return {
        "field": key,
        "key": key,
        "label": words.Train.labels.get(name, name.replace("_", " ").capitalize()),
        "help": knob.get("help", ""),
        "short": words.Train.helps_short.get(name, ""),
        "kind": "choice" if choices else _KINDS.get(knob["type"], "text"),
        "choices": choices,
        "value": value,
        "placeholder": shown(knob.get("default")),
        "sensible": sensible,
        "usual": _usual(sensible),
        "changed": value != UNSET and read(value, knob) != knob.get("default"),
    }


def shown(value: Any) -> str:
    """A value as a person types it: `1e-05` as `1e-5`, a list without brackets."""
    if value is None:
        return words.Train.auto
    if isinstance(value, bool):
        return words.Train.yes if value else words.Train.no
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-")
    if isinstance(value, Sequence) and not isinstance(value, str):
        values = [shown(item) for item in value]
        return ", ".join(values if len(values) <= 6 else [*values[:3], "…", values[-1]])
    return str(value)


def _choices(knob: Mapping[str, Any]) -> list[tuple[str, str]]:
    default = knob.get("default")
    if knob.get("choices"):
        options = [(str(choice), str(choice)) for choice in knob["choices"]]
    elif knob["type"] == "bool":
        options = [("true", words.Train.yes), ("false", words.Train.no)]
    else:
        return []
    label = words.Train.by_data if knob["name"] == "allow_fewer" else shown(default)
    return [(UNSET, f"{label} ({words.Train.default})"), *options]


def _usual(sensible: Mapping[str, Any] | None) -> str:
    if not sensible:
        return ""
    return words.Train.usual.format(low=shown(sensible["low"]), high=shown(sensible["high"]))
