"""Builds a local model: the architecture from open_clip, the weights from files in any common
format.
"""

import contextlib
import dataclasses
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
from open_clip.model import CLIPTextCfg, CLIPVisionCfg

from core.errors import UserError
from core.models.allocator import is_out_of_memory
from core.models.architectures import architectures_fitting
from core.models.described_tensors import Unreadable
from core.models.fitting import OPENAI, TOWER_ALONE, fit, fit_tower, located
from core.models.transformers_names import architecture_from, preprocess_from, quick_gelu_of
from core.models.weight_files import SUFFIXES, WeightFile, read_weight_file

CONFIG = "open_clip_config.json"
_PREFERRED = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)
"""File names that may hold the weights in a folder with several files, the likeliest first."""


@dataclass(frozen=True)
class Built:
    """An open_clip model with its preprocessing and tokeniser settings."""

    model: Any
    tokenizer: Any
    config: dict[str, Any]
    """The architecture as open_clip's JSON; `quick_gelu` is the activation that the model uses."""
    undecided: bool = False
    """True if nothing said which activation the weights were trained with."""
    notes: tuple[str, ...] = ()


def from_folder(folder: Path, quick_gelu: bool | None) -> Built:
    """The model in a folder, in open_clip's format or in transformers'.

    `quick_gelu` overrides what the folder says.
    """
    config = _json(folder / CONFIG)
    if config is not None:
        told = _checked(config.get("model_cfg"), folder / CONFIG)
        quick = bool(told.get("quick_gelu")) if quick_gelu is None else quick_gelu
        weights = weights_in(folder)
        return _loaded(f"local-dir:{folder}", {**told, "quick_gelu": quick}, weights, str(folder))
    theirs = _json(folder / "config.json")
    if theirs is None or "vision_config" not in theirs:
        raise UserError(
            f"model: the folder {folder} has no {CONFIG} and no config.json of a CLIP."
            f"{_how_to_name(folder)}"
        )
    with in_one_sentence(str(folder)):
        told = architecture_from(theirs)
        prepare = preprocess_from(
            _json(folder / "preprocessor_config.json")
            or _json(folder / "processor_config.json")
            or {}
        )
    if quick_gelu is not None:
        told["quick_gelu"] = quick_gelu
    with tempfile.TemporaryDirectory(prefix="evenkeel-model-") as place:
        payload = {"model_cfg": told, "preprocess_cfg": prepare}
        Path(place, CONFIG).write_text(json.dumps(payload), "utf-8")
        return _loaded(f"local-dir:{place}", told, weights_in(folder), str(folder))


def from_file(architecture: str, path: Path, quick_gelu: bool | None) -> Built:
    """A listed architecture with the weights of a file, or of a folder with one file.

    `quick_gelu` is the activation. None takes it from the architecture's name, the weights or the
    files next to them.
    """
    weights = weights_in(path) if path.is_dir() else path
    config = dict(open_clip.get_model_config(architecture))
    name = f"{architecture}/{path}"
    with in_one_sentence(name):
        checkpoint = _read(weights)
    if quick_gelu is None and config.get("quick_gelu"):
        quick_gelu = True
    if quick_gelu is None:
        quick_gelu = _activation_of(checkpoint, weights.parent)
    config["quick_gelu"] = bool(quick_gelu)
    built = _loaded(architecture, config, weights, name, checkpoint)
    return dataclasses.replace(built, undecided=quick_gelu is None and uses_activation(config))


def with_tower(base: Built, name: str, path: Path) -> Built:
    """The same model with the image tower of another file."""
    weights = weights_in(path) if path.is_dir() else path
    with in_one_sentence(name):
        fitted = fit_tower(_read(weights).tensors, base.model, name.removesuffix(f"+{path}"))
        base.model.visual.load_state_dict(fitted.state)
    return dataclasses.replace(base, notes=base.notes + fitted.notes)


def weights_in(folder: Path) -> Path:
    """The file of weights in a folder, or the index of a model in several files."""
    found = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES and p.is_file()]
    parts = sorted(folder.glob("*.index.json"))
    chosen = [folder / name for name in _PREFERRED if (folder / name).is_file()]
    if chosen or parts:
        return chosen[0] if chosen else parts[0]
    safe = [path for path in found if path.suffix.lower() == ".safetensors"]
    # Exports of our own put their class head next to the weights.
    fit_for_one = [path for path in safe or found if path.stem != "head"]
    if len(fit_for_one) == 1:
        return fit_for_one[0]
    if not fit_for_one:
        raise UserError(
            f"model: the folder {folder} has no .safetensors weights, nor any other "
            f"({', '.join(SUFFIXES[1:4])})."
        )
    raise UserError(
        f"model: the folder {folder} has several files of weights "
        f"({', '.join(path.name for path in fit_for_one[:3])}). Name one of them, as "
        f"ARCHITECTURE/{fit_for_one[0]}."
    )


def why_not_alone(path: Path) -> UserError:
    """The error for a file that does not say its architecture; it names the likely one."""
    named = f"model: {str(path)!r} is a file, and a file alone does not say its architecture."
    return UserError(f"{named}{_how_to_name(path)}")


def uses_activation(config: Mapping[str, Any]) -> bool:
    """True if GELU and QuickGELU differ for this model: towers of other libraries have their own
    activation.
    """
    vision, text = config["vision_cfg"], config["text_cfg"]
    own_vision = not vision.get("timm_model_name") and not isinstance(
        vision.get("layers"), list | tuple
    )
    return own_vision or not text.get("hf_model_name")


@contextlib.contextmanager
def in_one_sentence(name: str) -> Iterator[None]:
    """Turns anything that goes wrong with weights into a `UserError` in our words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats that PyTorch deprecates
            yield
    except Unreadable as error:
        reason = str(error).rstrip(".")
        if reason == TOWER_ALONE:
            reason = (
                f"{reason}. Name it MODEL+FILE, such as ViT-B-32/openai+{name.partition('/')[2]}: "
                "the text tower and the rest are then MODEL's"
            )
        raise UserError(f"model: {name} could not be loaded: {reason}.") from None
    except (MemoryError, RuntimeError, OSError) as error:
        if is_out_of_memory(error):
            raise UserError(
                f"model: there is not enough memory for {name}. Choose a smaller model, or end "
                "other programs."
            ) from None
        if isinstance(error, OSError):
            why = error.strerror or type(error).__name__
            raise UserError(f"model: {name} cannot be read ({why}).") from None
        raise


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silences the log of open_clip and the hub about a failure: our own error says it."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _loaded(
    name: str,
    config: dict[str, Any],
    weights: Path,
    named: str,
    checkpoint: WeightFile | None = None,
) -> Built:
    """open_clip's model of that name and config, with the weights loaded."""
    with in_one_sentence(named):
        checkpoint = checkpoint or _read(weights)
        model, tokenizer = _empty(name, config, named)
        architecture = name if "local-dir:" not in name else CONFIG
        fitted = fit(checkpoint.tensors, model, architecture)
        model.load_state_dict(fitted.state)
    return Built(model, tokenizer, config, notes=fitted.notes)


def _empty(name: str, config: Mapping[str, Any], named: str) -> tuple[Any, Any]:
    try:
        with quietly():
            model = open_clip.create_model(
                name,
                load_weights=False,
                pretrained_text=False,  # would be downloaded
                quick_gelu=config["quick_gelu"],
            )
            return model, open_clip.get_tokenizer(name)
    except Exception as error:  # towers of three libraries, each with errors of its own
        if is_out_of_memory(error):
            raise
        size = config["vision_cfg"].get("image_size")
        raise UserError(
            f"model: {named} could not be loaded: no model can be built as it describes "
            f"({type(error).__name__}). Check embed_dim, vision_cfg and text_cfg; an image_size "
            f"({size}) must fit its tower."
        ) from None


def _read(path: Path) -> WeightFile:
    """Reads a file of weights, or all files that an index lists."""
    if not path.name.endswith(".index.json"):
        return read_weight_file(path)
    index = _json(path) or {}
    try:
        names = sorted({str(name) for name in index["weight_map"].values()})
    except (KeyError, AttributeError):
        raise Unreadable(f"{path.name} lists no files") from None
    tensors: dict[str, Any] = {}
    for name in names:
        part = path.parent / Path(name).name
        if not part.is_file():
            raise Unreadable(f"{name}, a part of the weights, is missing")
        tensors |= read_weight_file(part).tensors
    return WeightFile(tensors)


def _activation_of(checkpoint: WeightFile, folder: Path) -> bool | None:
    """True if the weights were trained with QuickGELU, None if neither they nor files next to them
    say it.
    """
    last = {name.rpartition(".")[2] for name in checkpoint.tensors}
    if last.issuperset(OPENAI):
        return True
    if "gelu(" in checkpoint.code or "sigmoid(" in checkpoint.code:
        return "gelu(" not in checkpoint.code
    ours, theirs = _json(folder / CONFIG), _json(folder / "config.json")
    if ours and isinstance(ours.get("model_cfg"), dict):
        return bool(ours["model_cfg"].get("quick_gelu"))
    return quick_gelu_of(theirs) if theirs else None


def _checked(config: Any, path: Path) -> dict[str, Any]:
    """The architecture in a config; refuses anything that open_clip does not know."""
    wanted = {"vision_cfg": CLIPVisionCfg, "text_cfg": CLIPTextCfg}
    if not isinstance(config, dict) or not {"embed_dim", *wanted} <= config.keys():
        raise UserError(
            f"model: {path} must have a model_cfg with embed_dim, vision_cfg and text_cfg."
        )
    for part, kind in wanted.items():
        known = {field.name for field in dataclasses.fields(kind)}
        strange = sorted(set(config[part]) - known) if isinstance(config[part], dict) else [part]
        if strange:
            raise UserError(f"model: {path}: open_clip knows no {strange[0]!r} in {part}.")
    return dict(config)


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None if there is no such file."""
    try:
        payload = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        raise UserError(f"model: {path} is not a JSON document that can be read.") from None
    if not isinstance(payload, dict):
        raise UserError(f"model: {path} must be a JSON object.")
    return payload


def _how_to_name(place: Path) -> str:
    """Says how to name weights of unknown architecture, with one that they fit."""
    fitting: list[str] = []
    with contextlib.suppress(Unreadable, UserError, OSError):
        weights = weights_in(place) if place.is_dir() else place
        fitting = architectures_fitting(located(_read(weights).tensors))
    name = fitting[0] if fitting else "ARCHITECTURE"
    example = f" Its weights fit {name}." if fitting else f" For example ViT-B-32/{place}."
    return f" Name it {name}/{place}.{example}"
