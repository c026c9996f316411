"""Plug-in backbone: replaces CLIP's image tower by that of a finished run, under any head."""

from pathlib import Path
from typing import Annotated

from core.errors import UserError
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.weights import load_classifiers
from core.params import Kind, Params
from core.results.runs import RunFolder


class BackboneParams(Params):
    """The setting of a method that can use the fine-tuned tower of another run."""

    backbone: Annotated[str, Kind("run")] | None = None
    """Finished run whose fine-tuned image tower replaces CLIP's own. The text side stays zero-shot.
    The FD-Align paper does this with Tip-Adapter and APE. Empty: CLIP's own tower.
    """


def plug_in(clip: ClipModel, run: str | None) -> ClipModel:
    """`clip` with the fine-tuned tower (α = 1) of the run in that folder; `clip` itself without
    one.

    FD-Align, arXiv 2310.15105: the features of cache, validation and test images all come from that
    tower, the prototypes stay those of the text tower, and nothing of the run is trained again. A
    `UserError` when the run started from other weights than `clip`.
    """
    if run is None:
        return clip
    folder = RunFolder(Path(run).expanduser())
    record = folder.record()
    trained = record.environment.get("model_fingerprint", "")
    if trained != clip.fingerprint:
        raise UserError(
            f"backbone: {run} must be a run of the same model as this one ({clip.name}); it was "
            f"trained from {record.config.get('model')} ({trained[:12]}, here "
            f"{clip.fingerprint[:12]}). Name the same model, or another run."
        )
    _, tuned = load_classifiers(folder.weights_path, clip)
    if isinstance(tuned, Ensemble):
        raise UserError(
            f"backbone: {run} is an ensemble of several towers, and one is needed. Name a member."
        )
    return clip if clip.owns(tuned) else clip.with_tower(tuned.tower)
