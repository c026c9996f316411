"""Converts between the form and a run's config, and writes the config as a command, YAML and
Python.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from core.results.records import RunConfig
from core.spelling import flag, read, spelled, word
from studio.data.prompt_sets import spec
from studio.train.knob_form import UNSET, all_knobs

_PLAIN = {name: RunConfig.model_fields[name].default for name in ("model", "templates")}


def config_of(data: str, draft: Mapping[str, Any], catalogue: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the form: only values that differ from the defaults. Wrong values stay as
    typed.
    """
    config: dict[str, Any] = {"data": data, "method": draft["method"]}
    for name in ("model", "templates"):
        value = spec(draft[name])
        if value != _PLAIN[name]:
            config[name] = value
    preset = str(draft["fields"].get("preset", ""))
    knobs = all_knobs(catalogue, draft["method"], preset)
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


def draft_of(config: Mapping[str, Any], catalogue: Mapping[str, Any]) -> dict[str, Any]:
    """The draft of the form that gives this config; defaults stay empty."""
    knobs = all_knobs(catalogue, config["method"])
    asked = {f"params.{name}": value for name, value in config.get("params", {}).items()}
    # The settings of a run are filled in already: its preset would change what counts as default.
    asked |= {name: config[name] for name in knobs if name in config and name != "preset"}
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
    for knob in RunConfig.knobs():
        if knob["name"] in config and knob["name"] not in ("data", "method", "params"):
            words += _options(knob, config[knob["name"]])
    words += [f"--set {name}={word(value)}" for name, value in config.get("params", {}).items()]
    return " \\\n  ".join(words)


def _options(knob: Mapping[str, Any], value: Any) -> list[str]:
    """A setting of a run as `studio.cli.options` reads it."""
    option = flag(knob["name"])
    if knob["type"] == "bool":
        return [option if value is True else option.replace("--", "--no-", 1)]
    if knob["items"] is None:
        return [f"{option} {shlex.quote(str(value))}"]
    if knob["items"] != "str":
        return [f"{option} {','.join(word(one) for one in value)}"]
    if knob["type"] == "str":  # one text or several, each as it is
        given = [value] if isinstance(value, str) else value
        return [f"{option} {shlex.quote(one)}" for one in given]
    return [f"{option} {shlex.quote(_alone(one))}" for one in value]


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
