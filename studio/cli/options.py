"""The options that describe a run, for `train` and `submit`, and the config they add up to."""

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from core.errors import UserError
from core.models.names import absolute
from core.results.records import Mixing, RunConfig, RunRecord
from core.results.runs import RunFolder
from core.spelling import read, read_file, unquoted, yaml_problem
from jobs.naming import find_run as find_run
from jobs.settings import Settings

Data = Annotated[str, typer.Argument(metavar="DATA", help="Folder or zip with the images.")]
Method = Annotated[str | None, typer.Option(help="Which method; see `evenkeel methods`.")]
Preset = Annotated[
    str | None,
    typer.Option(help="`default`, or `paper`: knobs as the authors ran it."),
]
Model = Annotated[str | None, typer.Option(help="Which CLIP; see `evenkeel models`.")]
Activation = Annotated[
    str | None,
    typer.Option(help="gelu, quickgelu, or auto: what weights of a local file were trained with."),
]
Shots = Annotated[
    int | None,
    typer.Option(help="Training images per class. By default what the data has, at most 16."),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="Where val or test are cut from the training images: `kept`, the cut that stands with "
        "the data set, or `drawn`, what the shots of the seed leave."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Draws shots, augmentation and order.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KNOB=VALUE", help="A knob of the method. Repeat for more."),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML with any of these; flags win over it.")
]
Templates = Annotated[
    list[str] | None,
    typer.Option(help="`dataset`, a template set, or your own with {}; repeat it for several."),
]
AllowFewer = Annotated[
    bool | None,
    typer.Option(
        "--allow-fewer/--no-allow-fewer", help="Use all images of a class that is short of shots."
    ),
]
Unseen = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLASS",
        help="Class folders to measure without training on them: a,b or repeated.",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(help="Keep images together: none, prefix (of file names), folder or time (EXIF)."),
]
AllowLeaks = Annotated[
    bool | None,
    typer.Option(
        "--allow-leaks",
        help="Train although images to learn from are also measured; they are left out.",
    ),
]
Stress = Annotated[
    bool | None,
    typer.Option(
        "--stress/--no-stress",
        help="Measure synthetic changes of the test images. By default when nothing is OOD.",
    ),
]
Evaluations = Annotated[int | None, typer.Option(help="Measurements during training.")]
Alphas = Annotated[
    str | None, typer.Option(help="Mixing weights, as 0:1:0.05 or as 0,0.3,1.", metavar="GRID")
]
Precision = Annotated[str | None, typer.Option(help="auto, fp32 or bf16.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, …")]
_NAMES = {"type": "tuple", "items": "str"}

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

    def options(
        data: Data,
        method: Method = None,
        preset: Preset = None,
        model: Model = None,
        activation: Activation = None,
        shots: Shots = None,
        split: Split = None,
        seed: Seed = None,
        knobs: Set = None,
        config: Config = None,
        templates: Templates = None,
        allow_fewer: AllowFewer = None,
        unseen: Unseen = None,
        group_by: GroupBy = None,
        allow_leaks: AllowLeaks = None,
        stress: Stress = None,
        evaluations: Evaluations = None,
        alphas: Alphas = None,
        precision: Precision = None,
        device: Device = None,
    ) -> None: ...

    describing = inspect.signature(options).parameters
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        described = {name: given.pop(name) for name in describing}
        command(build_config(**described), **given)

    run.__signature__ = inspect.Signature([*describing.values(), *own])  # type: ignore[attr-defined]
    run.__annotations__ = {**options.__annotations__, **command.__annotations__}
    return run


def build_config(
    data: str,
    config: Path | None,
    knobs: Sequence[str] | None,
    alphas: str | None,
    unseen: Sequence[str] | None = None,
    templates: Sequence[str] | None = None,
    **flags: Any,
) -> RunConfig:
    """The run that a file and the flags describe. `flags` are named as `RunConfig` names them."""
    values = _read_settings(config) if config else {}
    params = values.get("params") or {}
    if not isinstance(params, dict):
        raise UserError(f"{config}: params must be lines of 'knob: value', got {params!r}.")
    values |= {name: value for name, value in flags.items() if value is not None}
    values["params"] = {**params, **assignments(knobs)}
    if templates:
        values["templates"] = template_spec(templates)
    if unseen:
        values["unseen"] = [name for text in unseen for name in read(text, _NAMES)]
    if alphas is None and isinstance(values.get("alphas"), str):
        alphas = values["alphas"]
    if alphas is not None:
        values["alphas"] = parse_alphas(alphas)
    values["data"] = str(Path(data).expanduser().absolute())
    if isinstance(values.get("model"), str):
        values["model"] = absolute(values["model"])
    return RunConfig.parse(values, "run")


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
