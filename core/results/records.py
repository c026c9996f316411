"""`RunConfig`, the settings of a run, and `RunRecord`, its results: JSON with a schema version."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.durable import publish
from core.errors import UserError
from core.params import Params, Sensible, Shown, first_problem

SCHEMA = 1
DEFAULT_ALPHAS = tuple(round(i * 0.05, 2) for i in range(21))
"""The 21 mixing weights that every run measures: 0, 0.05, …, 1."""

GroupBy = Literal["none", "prefix", "folder", "time"]
"""The rule that groups images which belong together (see `core.data.grouped`)."""


class RunConfig(Params):
    """All settings of a run. Frozen when the run is queued."""

    data: Annotated[str, Shown(elsewhere=True)]
    """Folder or zip with the images, one folder a class (see the layout in the README)."""
    method: Annotated[str, Shown(elsewhere=True)] = "ft"
    """The fine-tuning method (see `evenkeel methods`)."""
    model: Annotated[str, Shown(elsewhere=True)] = "embedded"
    """`embedded`, an open_clip name such as `ViT-B-32/laion2b_s34b_b79k`, or a local checkpoint or
    folder (see the table of weights in the README).
    """
    activation: Literal["auto", "gelu", "quickgelu"] = "auto"
    """The activation that the weights of a local file were trained with. `auto`: read from name,
    config or weights, else found out on the training images."""
    shots: Annotated[int | None, Field(ge=1), Sensible(1, 64, log=True), Shown(first=1)] = None
    """Training images per class. By default all that the training side of the split has, at most
    16; a small class gives all it has."""
    split: Literal["kept", "drawn"] = "kept"
    """The split, if val or test come from the training images. `kept`: the split stored with the
    data set. `drawn`: the images that the shots of this seed leave, as papers do it."""
    seed: Annotated[int, Field(ge=0), Shown(first=4)] = 0
    """Draws the shots, the augmentation and the order of the batches."""
    preset: Literal["default", "paper"] = "default"
    """The source of settings that are not given: our defaults for few-shot work, or the values that
    the method's authors published."""
    params: Annotated[dict[str, Any], Shown(elsewhere=True)] = Field(default_factory=dict)
    """The method's own settings. A setting that is not given has the value of the preset."""
    templates: Annotated[str | tuple[str, ...], Shown(elsewhere=True)] = "dataset"
    """Prompt templates: `dataset` (its own, else openai-80), `openai-80`, `tip-7`, or your own
    with {}."""
    allow_fewer: bool | None = None
    """Use all images of a class that has fewer images than shots. By default as the data
    set says."""
    unseen: Annotated[tuple[str, ...], Shown(metavar="CLASS")] = ()
    """Class folders that are not trained on but measured like the others (generalised zero-shot).
    Fine-tuning methods then do not train a class head, except scratch-ft."""
    group_by: GroupBy | None = None
    """Keep related images together, never split between train, val and test: by file-name `prefix`,
    `folder` or `time` of capture. By default as the data set says."""
    allow_leaks: bool = False
    """Train even if some training images are also in test or an OOD domain. These are left out of
    training, and the record says so."""
    stress: bool | None = None
    """Also measure eight synthetic changes of the test images (night, blur, …). By default only if
    there is no OOD domain."""
    alphas: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Shown(metavar="GRID")] = (
        DEFAULT_ALPHAS
    )
    """Mixing weights of the WiSE grid, as 0:1:0.05 or as 0,0.3,1; 0 and 1 are always measured."""
    evaluations: Annotated[int, Field(ge=0), Sensible(0, 12)] = 3
    """Number of times that every domain is measured during training."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 if it is fast on this device with this tower, else fp32."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, …"""

    @field_validator("templates", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class CombinedConfig(RunConfig):
    """The settings of a combination: `method` is an interpolator; others are of the first run."""

    members: tuple[str, ...]
    """Folders of the runs."""


def read_config(payload: Mapping[str, Any]) -> RunConfig:
    """Reads the config in a run folder: of a training, or of a combination."""
    return (CombinedConfig if "members" in payload else RunConfig).model_validate(dict(payload))


class Json(BaseModel):
    """Base class of the parts of a record: frozen, read from and written to JSON."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, populate_by_name=True)


class ClassScore(Json):
    """The accuracy of one class in a domain, with the number of images behind it."""

    name: str
    """The class folder."""
    correct: int
    n: int
    accuracy: float


class GroupScore(ClassScore):
    """The accuracy of one class in one named domain."""

    domain: str


class DomainScore(Json):
    """The results of one classifier on one domain. Accuracies are fractions of 1."""

    n: int
    correct: int
    accuracy: float
    low: float
    """Lower end of the 95 % Wilson interval."""
    high: float
    """Upper end of the 95 % Wilson interval."""
    ece: float
    """Expected calibration error, 15 equal-width bins."""
    nll: float
    """Mean negative log-likelihood in nats."""
    macro: float
    """Mean of the per-class accuracies over classes that have images."""
    per_class: dict[str, tuple[int, int]] = {}
    """Class to (correct, n)."""
    macro_f1: float | None = None
    """Mean of the per-class F1 over classes that have images; None in records of older versions."""
    worst_class: ClassScore | None = None
    """The class with the lowest accuracy; None in records of older versions."""
    classes_all: int | None = None
    """The number of candidate classes; None in records of older versions."""
    classes_present: int | None = None
    """The number of those that have images in this domain."""
    correct_own: int | None = None
    """Correct answers if only the classes present in the domain are candidates, as ImageNet-R and
    ImageNet-A are reported. None if every class is present: then it equals `correct`."""
    accuracy_own: float | None = None
    """The same as a fraction. No mean uses it: `ood` is the mean of `accuracy`."""


class Evaluation(Json):
    """The results of one classifier on all domains: `val`, `test` and `ood/<name>`."""

    domains: dict[str, DomainScore]
    id: float
    """Accuracy on `test`."""
    ood: float | None
    """Unweighted mean accuracy over the `ood/` domains; None without any."""
    worst_group: GroupScore | None = None
    """The class and domain with the lowest accuracy, without validation; None in older records."""


class Drift(Json):
    """The distance between the features of one domain's images before and after training."""

    energy_gap: float | None
    """Mean over images of the squared change of τ·⟨image, text⟩ over random texts, τ included.
    None for a text tower that cannot read random tokens.
    """
    distortion: float
    """Mean length of the change of the unit image features, from 0 to 2."""


class SeenUnseen(Json):
    """Generalised zero-shot accuracy: all classes are candidates, each side is counted alone."""

    seen: float
    """S: accuracy on images of classes that were trained on."""
    unseen: float
    """U: accuracy on images of classes that were not."""
    harmonic: float
    """H = 2SU/(S+U); 0 if both are 0."""


class Generalised(Json):
    """Generalised zero-shot accuracy of the same test images, averaged in two ways."""

    macro: SeenUnseen
    """Mean of the per-class accuracies (Xian et al., arXiv 1707.00600): the usual number."""
    micro: SeenUnseen
    """Fraction of all images."""


class WisePoint(Json):
    """One point of the ID/OOD frontier: zero-shot and fine-tuned weights mixed by `alpha`."""

    alpha: float
    id: float
    ood: float | None
    val: float | None = None
    """Accuracy on the validation images, by which α is chosen."""
    val_nll: float | None = None
    """Their mean negative log-likelihood in nats, which breaks ties."""
    domains: dict[str, float]


MixingKind = Literal["wise", "steady"]


class Mixing(Json):
    """A way to combine the zero-shot and the fine-tuned weights of a run."""

    kind: MixingKind
    """`wise`: one classifier with mixed weights (WiSE-FT). `steady`: that classifier for images
    like the training images; the share of zero-shot in the other answers is set by the run."""
    alpha: Annotated[float, Field(ge=0, le=1)]
    """The weight of the fine-tuned weights: 0 is zero-shot, 1 is fine-tuned."""

    @classmethod
    def wise(cls, alpha: float) -> "Mixing":
        """One classifier with mixed weights. Raises `UserError` for an α out of range."""
        return cls(kind="wise", alpha=_checked(alpha))

    @classmethod
    def steady(cls, alpha: float) -> "Mixing":
        """The same classifier behind the run's gate. Raises `UserError` for an α out of range."""
        return cls(kind="steady", alpha=_checked(alpha))

    def __str__(self) -> str:
        return f"α = {self.alpha:g}" + (", steady" if self.kind == "steady" else "")


Outcome = Literal["better", "worse", "held"]


class AccuracyChange(Json):
    """The change of accuracy from zero-shot to a classifier, on the same images of one domain."""

    n: int
    gained: int
    """Images that zero-shot gets wrong and the classifier right."""
    lost: int
    """Images that zero-shot gets right and the classifier wrong."""
    difference: float
    """(gained − lost)/n: the change of the accuracy."""
    low: float
    """Lower end of Tango's 95 % score interval of the difference."""
    high: float
    p: float
    """P-value of the exact two-sided McNemar test."""
    p_holm: float
    """The p-value corrected for the number of domains (Holm 1979)."""
    outcome: Outcome
    """`held` if the corrected test finds no difference from zero-shot at 5 %."""


class MeanChange(Json):
    """The unweighted mean of the changes over the OOD domains."""

    domains: int
    difference: float
    low: float
    """Lower end of its 95 % interval, from the squared distances of the domains' limits."""
    high: float
    outcome: Outcome
    """`held` if the interval contains 0."""


class FamiliarImages(Json):
    """The images of a domain that the gate of a run finds similar to the training images."""

    n: int
    familiar: int
    """Images whose distance from the training images is within the gate's threshold."""
    share: float
    """Mean share of the fine-tuned classifier in the answers, from 0 to 1."""


class Steadiness(Json):
    """The gate of a run and its measurements (see `core.interpolation.steady`)."""

    layers: list[str]
    """Modules of the frozen image tower whose outputs are compared."""
    neighbours: int
    threshold: float
    """a: the distance up to which an image is familiar."""
    width: float
    """b: the range of distances over which the gate closes."""
    calibrated_on: int
    """The number of images that set the threshold."""
    unfamiliar: float
    """w: the share of the fine-tuned classifier in the answer to an unfamiliar image."""
    evidence: float | None
    """The number that decided w; None without validation images (then w is 0)."""
    temperatures: dict[str, float]
    """T by α, fitted on validation; α 0 is zero-shot."""
    domains: dict[str, FamiliarImages]
    points: list[WisePoint]
    """The frontier with this gate, at the same α as `wise`."""


class Selection(Json):
    """The chosen weights, and the images that chose them: never the ones that are reported.

    This α is for one set of weights that answers every image, such as an exported encoder. With a
    gate, α may differ (see `RunRecord.mixing`).
    """

    checkpoint: str
    """`last` or `best` epoch. For a combination: the images that chose its members or radii."""
    alpha: float
    alpha_chosen_on: Literal["val", "default", "fixed", "oracle"]
    """`fixed`: a combination, which is α = 1 by definition. `oracle`: a combination that was made
    by looking at test images, so its test numbers are not honest."""


ChosenOn = Literal["val", "oracle", "nothing"]


class Ingredient(Json):
    """One run of a combination."""

    run_id: str
    path: str
    method: str
    val: float | None
    """Its accuracy on the validation images of the combination."""
    share: float
    """Its share of the result; 0 if it was left out."""


class CombinationRecord(Json):
    """The runs behind a combination, and how they were chosen."""

    members: list[Ingredient]
    chosen_on: ChosenOn
    facts: dict[str, float] = {}
    """Numbers that the interpolator found, such as its α."""


class StoppedEarly(Json):
    """Marks a training that a person stopped before its end."""

    steps: int
    """Optimiser steps that were done."""
    planned: int


class HandSetMixing(Json):
    """A mixing set by hand, and its results. Kept next to the record, which never changes."""

    mixing: Mixing
    evaluation: Evaluation
    changes: dict[str, AccuracyChange]
    """Against zero-shot, by domain."""


class RunRecord(Json):
    """The results of a finished run. Written once, at the end, next to the weights."""

    schema_version: int = Field(SCHEMA, alias="schema")
    run_id: str
    status: Literal["done"] = "done"
    config: dict[str, Any]
    """The `RunConfig` with every setting of the method filled in."""
    classes: list[str]
    evaluations: dict[str, Evaluation]
    generalised: dict[str, Generalised] = {}
    """Accuracy on seen and unseen classes of `test`, and their harmonic mean, by the names of
    `evaluations`. Empty if every class was trained on."""
    wise: list[WisePoint]
    selection: Selection
    mixing: Mixing
    """The recommended mixing; `evaluations["recommended"]` has its results."""
    steady: Steadiness | None = None
    """The gate of the run; None if it has none."""
    why_not_steady: str = ""
    """The reason why it has no gate, as a sentence."""
    changes: dict[str, dict[str, AccuracyChange]] = {}
    """Against zero-shot on the same images: by `recommended` and `fine-tuned`, then by domain."""
    mean_changes: dict[str, MeanChange] = {}
    """The mean change over all OOD domains; empty without any."""
    timing: dict[str, float]
    environment: dict[str, Any]
    files: dict[str, str]
    """The files of the run folder: role to relative path."""
    drift: dict[str, Drift] = {}
    """Drift of the fine-tuned weights, by domain; empty in records of older versions."""
    stress: dict[str, dict[str, DomainScore]] = {}
    """Results on synthetic changes of the test images, by the names of `evaluations`, then by
    effect. Not part of any OOD number; empty if not measured."""
    data: dict[str, Any] = {}
    """Counts per split and domain, and the warnings of the data."""
    stopped_early: StoppedEarly | None = None
    """Set only if a person stopped the training early."""
    combined: CombinationRecord | None = None
    """Set only if the run is a combination of other runs."""

    @model_validator(mode="before")
    @classmethod
    def _before_mixing(cls, payload: Any) -> Any:
        """Fills in `mixing` for older records: they recommend WiSE at their chosen α."""
        if isinstance(payload, dict) and "mixing" not in payload and "selection" in payload:
            selection = payload["selection"]
            alpha = selection["alpha"] if isinstance(selection, dict) else selection.alpha
            return {**payload, "mixing": {"kind": "wise", "alpha": alpha}}
        return payload

    def write(self, path: Path) -> None:
        """Write atomically."""
        write_json(path, self.model_dump(mode="json", by_alias=True))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a record. Raises `UserError` if it is missing, damaged or has a newer schema."""
        try:
            payload = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"{path.parent} is not a finished run: it has no {path.name}. "
                "Name the folder of a run that has finished."
            ) from None
        except ValueError as error:  # not JSON, or not text
            raise UserError(f"{path} is damaged: {error}. Train the run again.") from None
        found = payload.get("schema") if isinstance(payload, dict) else None
        if isinstance(found, int) and found > SCHEMA:
            raise UserError(
                f"{path} has schema {found}; this Evenkeel reads up to {SCHEMA}. Upgrade Evenkeel."
            )
        try:
            return cls.model_validate(payload)
        except ValidationError as error:
            raise UserError(f"{path} is damaged: {first_problem(error)}") from None


def _checked(alpha: float) -> float:
    if not 0 <= alpha <= 1:
        raise UserError(f"alpha must be from 0 (zero-shot) to 1 (fine-tuned), got {alpha:g}.")
    return alpha


def write_json(path: Path, payload: Any) -> None:
    """Writes JSON atomically: a reader sees the old file or the new one, never a part."""
    text = json.dumps(payload, indent=1, ensure_ascii=False)
    publish(path, lambda partial: partial.write_text(text, "utf-8"))
