"""Converts between the form and a run's config, and writes the config as a command, YAML and
Python.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from core.results.records import RunConfig
from core.spelling import read, spelled, word
from studio.data.prompt_sets import spec
from studio.train.knob_form import UNSET, all_knobs

_FLAGS = (
    "preset", "model", "shots", "split", "seed", "evaluations", "precision", "device",
    "activation",
)  # fmt: skip
_FORM = (
    "shots", "split", "seed", "allow_fewer", "unseen", "group_by", "allow_leaks", "stress",
    "evaluations", "precision", "device", "alphas", "activation",
)  # fmt: skip
_PLAIN = {name: RunConfig.model_fields[name].default for name in ("model", "templates")}


def config_of(
    data: str, draft: Mapping[str, Any], catalogue: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The config of the form: only values that differ from the defaults. Wrong values stay as
    typed.
    """
    config: dict[str, Any] = {"data": data, "method": draft["method"]}
    for name in ("model", "templates"):
        value = spec(draft[name])
        if value != _PLAIN[name]:
            config[name] = value
    preset = str(draft["fields"].get("preset", ""))
    knobs = all_knobs(catalogue, draft["method"], preset) if catalogue else {}
    params: dict[str, Any] = {}
    for field, typed in draft["fields"].items():
        if field not in knobs or str(typed).strip() == UNSET:
            continue
        value = read(str(typed).strip(), knobs[field])
        if value == knobs[field]["default"]:
            continue
        if field.startswith("params."):
            params[field.removeprefix("params.")] = value
        else:
            config[field] = value
    if params:
        config["params"] = params
    return config


def draft_of(config: Mapping[str, Any], catalogue: Mapping[str, Any] | None) -> dict[str, Any]:
    """The draft of the form that gives this config; defaults stay empty."""
    knobs = all_knobs(catalogue, config["method"]) if catalogue else {}
    asked = {f"params.{name}": value for name, value in config.get("params", {}).items()}
    asked |= {name: config[name] for name in _FORM if name in config}
    fields = {
        name: as_typed(value)
        for name, value in asked.items()
        if (knobs[name]["default"] != value if name in knobs else value is not None)
    }
    return {
        "method": config["method"],
        "model": config.get("model", "embedded"),
        "templates": config.get("templates", "dataset"),
        "fields": fields,
    }


def as_typed(value: Any) -> str:
    """A value as it stands in a field of the form."""
    if not isinstance(value, list | tuple):
        return str(value) if isinstance(value, str | float) else spelled(value)
    typed = ", ".join(map(str, value))
    # Templates hold braces and maybe commas: what would be read otherwise is quoted.
    items = type(value[0]).__name__ if value else "str"
    whole = {"type": "list", "items": items}
    return typed if read(typed, whole) == list(value) else json.dumps(list(value))


def codes(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same run outside the page: (name of the tab, text)."""
    return [("CLI", command(config)), ("YAML", document(config)), ("Python", script(config))]


def command(config: Mapping[str, Any]) -> str:
    """The command line of this run."""
    words = [f"evenkeel train {shlex.quote(config['data'])}", f"--method {config['method']}"]
    words += [f"--{name} {shlex.quote(str(config[name]))}" for name in _FLAGS if name in config]
    if "templates" in config:
        given = config["templates"]
        templates = [given] if isinstance(given, str) else given
        words += [f"--templates {shlex.quote(template)}" for template in templates]
    if "allow_fewer" in config:
        words.append("--allow-fewer" if config["allow_fewer"] is True else "--no-allow-fewer")
    if "group_by" in config:
        words.append(f"--group-by {word(config['group_by'])}")
    if config.get("allow_leaks") is True:
        words.append("--allow-leaks")
    if "stress" in config:
        words.append("--stress" if config["stress"] is True else "--no-stress")
    if "alphas" in config:
        words.append(f"--alphas {','.join(word(alpha) for alpha in config['alphas'])}")
    words += [f"--unseen {shlex.quote(_alone(name))}" for name in config.get("unseen", ())]
    words += [f"--set {name}={word(value)}" for name, value in config.get("params", {}).items()]
    return " \\\n  ".join(words)


def document(config: Mapping[str, Any]) -> str:
    """The YAML that `--config` reads."""
    text: str = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=88)
    return f"# evenkeel train {shlex.quote(config['data'])} --config run.yaml\n{text}".rstrip()


def script(config: Mapping[str, Any]) -> str:
    """A plain script over the library."""
    values = "\n".join(f"    {name}={value!r}," for name, value in config.items())
    return (
        "from pathlib import Path\n\n"
        "from core.run.pipeline import run\n"
        "from core.results.records import RunConfig\n\n"
        f"config = RunConfig(\n{values}\n)\n"
        'for event in run(config, Path("my-run")):\n'
        "    print(event)"
    )


def _alone(name: str) -> str:
    """A name, or a list with it if the name alone would be read as something else."""
    return name if read(name, {"type": "list"}) == [name] else spelled([name])
