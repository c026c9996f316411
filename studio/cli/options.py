"""The options that describe a run, for `train` and `submit`, and the config they add up to."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from core.errors import UserError
from core.models.names import absolute
from core.results.records import Mixing, RunConfig, RunRecord
from core.results.runs import RunFolder
from core.spelling import flag, read, read_file, unquoted, yaml_problem
from jobs.naming import find_run as find_run
from jobs.settings import Settings

_SETTINGS = {setting["name"]: setting for setting in RunConfig.knobs()}
_TYPES: dict[str, Any] = {"int": int, "float": float, "bool": bool}


def _option(name: str) -> Any:
    """The option of a setting of a run; its help is the attribute docstring."""
    setting = _SETTINGS[name]
    option = flag(name)
    if setting["type"] == "bool":
        option = f"{option}/{option.replace('--', '--no-', 1)}"
    choices = "|".join(map(str, setting["choices"] or ()))
    metavar = setting.get("metavar") or (f"[{choices}]" if choices else None)
    more = " Repeat it for several." if setting["items"] == "str" else ""
    return typer.Option(option, help=setting["help"] + more, metavar=metavar)


def _type(setting: Mapping[str, Any]) -> Any:
    """The type that the command line reads for a setting; `_meant` makes the value of it."""
    if setting["items"] == "str":
        return list[str]
    return str if setting["items"] else _TYPES.get(setting["type"], str)


Data = Annotated[str, typer.Argument(metavar="DATA", help=_SETTINGS["data"]["help"])]
Model = Annotated[str | None, _option("model")]
Activation = Annotated[str | None, _option("activation")]
Templates = Annotated[list[str] | None, _option("templates")]
Alphas = Annotated[str | None, _option("alphas")]
Device = Annotated[str | None, _option("device")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A setting of the method or the run. Repeat for more."
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML with any of these; flags win over it.")
]

Run = Annotated[str, typer.Argument(metavar="RUN", help="Folder or id of a finished run.")]
Alpha = Annotated[
    float | None,
    typer.Option(help="0 is zero-shot, 1 is fine-tuned. By default what the run recommends."),
]
Steady = Annotated[
    bool | None,
    typer.Option(
        "--steady/--no-steady",
        help="Leave images unlike the training images to zero-shot. By default what the run "
        "recommends; with --alpha alone, no.",
    ),
]


def describing_a_run(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command(asked, …)` the options below; `asked` is the config that they add up to."""

    describing: dict[str, Any] = {"data": Data}
    for name, setting in _SETTINGS.items():
        if name == "params":
            describing |= {"knobs": Set, "config": Config}
        elif name != "data":
            describing[name] = Annotated[_type(setting) | None, _option(name)]
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if name == "data" else None,
            annotation=annotation,
        )
        for name, annotation in describing.items()
    ]
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        described = {name: given.pop(name) for name in describing}
        command(build_config(**described), **given)

    run.__signature__ = inspect.Signature([*parameters, *own])  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, **describing}
    return run


def build_config(
    data: str, config: Path | None = None, knobs: Sequence[str] | None = None, **flags: Any
) -> RunConfig:
    """The run that a file and the flags describe. `flags` are named as `RunConfig` names them;
    `knobs` are the words of `--set`.
    """
    values = _read_settings(config) if config else {}
    params = values.get("params") or {}
    if not isinstance(params, dict):
        raise UserError(f"{config}: params must be lines of 'knob: value', got {params!r}.")
    for name, text in assignments(knobs).items():
        of_run = name in _SETTINGS and name not in ("data", "params")
        (values if of_run else params)[name] = text
    values |= {
        name: _meant(name, given) for name, given in flags.items() if given not in (None, [])
    }
    for name, setting in _SETTINGS.items():
        if setting["items"] == "float" and _is_grid(values.get(name)):
            values[name] = parse_alphas(values[name])
    values["params"] = params
    values["data"] = str(Path(data).expanduser().absolute())
    if isinstance(values.get("model"), str):
        values["model"] = absolute(values["model"])
    return RunConfig.parse(values, "run")


def _meant(name: str, given: Any) -> Any:
    """The value of a flag: of one that is repeated, all that was given."""
    setting = _SETTINGS[name]
    if setting["items"] != "str":
        return given
    if setting["type"] == "str":
        return template_spec(given)
    return [one for text in given for one in read(text, setting)]


def _is_grid(value: Any) -> bool:
    return isinstance(value, str) and not value.startswith("[")


def template_spec(given: Sequence[str]) -> str | tuple[str, ...]:
    """The value of `--templates`: one text is a set or a template, several are templates."""
    return given[0] if len(given) == 1 else tuple(given)


def parse_alphas(text: str) -> tuple[float, ...]:
    """`0:1:0.05` (both ends included) or `0,0.3,1`."""
    try:
        if ":" not in text:
            return tuple(float(part) for part in text.split(","))
        low, high, step = (float(part) for part in text.split(":"))
        count = round((high - low) / step)
    except (ValueError, ZeroDivisionError):
        raise UserError(
            "alphas must be LOW:HIGH:STEP such as 0:1:0.05, or numbers such as 0,0.3,1; "
            f"got {text!r}."
        ) from None
    if not 0 <= count <= 1000:
        raise UserError(
            f"alphas: {text!r} makes {count + 1} mixing weights; at most 1001 make sense."
        )
    return tuple(round(low + i * step, 6) for i in range(count + 1))


def mixing(record: RunRecord, alpha: float | None, steady: bool | None) -> Mixing:
    """The mixing that the run recommends, unless the flags name another."""
    if alpha is None and steady in (None, record.mixing.kind == "steady"):
        return record.mixing
    if alpha is None:
        alpha = record.mixing.alpha if steady else record.selection.alpha
    return Mixing.steady(alpha) if steady else Mixing.wise(alpha)


def is_run(text: str, settings: Settings) -> bool:
    """True if this names a finished run, by folder or id, and not a model."""
    by_id = Path(text).name == text and settings.run_folder(text).path.is_dir()
    return by_id or RunFolder(Path(text).expanduser()).record_path.exists()


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        values = read_file(path.read_bytes())
    except OSError as error:
        raise UserError(f"config: {path} cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"config: {path} is no valid YAML: {yaml_problem(error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"config: {path} must be lines of 'name: value', got {values!r}.")
    return values


def assignments(texts: Sequence[str] | None) -> dict[str, Any]:
    """The values of `--set` by setting."""
    return dict(_assignment(text) for text in texts or ())


def _assignment(text: str) -> tuple[str, str]:
    """`lr=1e-5` as name and text. The knob says what the text is."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--set must be KNOB=VALUE such as lr=1e-5, got {text!r}.")
    return name.strip(), unquoted(value)
