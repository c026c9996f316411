"""What was asked (`RunConfig`) and what happened (`RunRecord`): JSON with a schema version."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from core.durable import publish
from core.errors import UserError
from core.params import Params, Sensible, first_problem

SCHEMA = 1
DEFAULT_ALPHAS = tuple(round(i * 0.05, 2) for i in range(21))
"""The 21 mixing weights that every run measures: 0, 0.05, …, 1."""

GroupBy = Literal["none", "prefix", "folder", "time"]
"""By what images belong together (see `core.data.groups`)."""


class RunConfig(Params):
    """Everything a run is asked for. Frozen when it is queued."""

    data: str
    """Folder or zip with the images, one folder a class (see the layout in the README)."""
    method: str = "ft"
    """Which fine-tuning method to run."""
    model: str = "embedded"
    """`embedded`, an open_clip name such as `ViT-B-32/laion2b_s34b_b79k`, or a local checkpoint or
    folder (see the table of weights in the README).
    """
    activation: Literal["auto", "gelu", "quickgelu"] = "auto"
    """What the weights of a local file were trained with. `auto`: what name, config or weights say,
    else what the training images show."""
    shots: Annotated[int | None, Field(ge=1), Sensible(1, 64, log=True)] = None
    """Training images per class. None: what the training side of the split has, at most 16; a
    small class gives what it has."""
    split: Literal["kept", "drawn"] = "kept"
    """Where val or test are cut from the training images: `kept`, the cut that stands with the data
    set, or `drawn`, what the shots of the seed leave, as papers do it."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Draws the shots, the augmentation and the order of the batches."""
    preset: Literal["default", "paper"] = "default"
    """Where knobs that are not named get their value: our defaults for few-shot work, or what the
    method's authors published."""
    params: dict[str, Any] = Field(default_factory=dict)
    """The method's own knobs; what is not named keeps the value of the preset."""
    templates: str | tuple[str, ...] = "dataset"
    """Prompt templates: `dataset` (its own, else openai-80), `openai-80`, `tip-7`, or your own with
    {}.
    """
    allow_fewer: bool | None = None
    """Use all images of a class that has fewer than the shots asked for. None: as the dataset says.
    """
    unseen: tuple[str, ...] = ()
    """Class folders that are not trained on but measured like the others (generalised zero-shot).
    Methods that fine-tune do not train a class head then, but for scratch-ft."""
    group_by: GroupBy | None = None
    """Which images are never split between train, val and test: those of one file-name `prefix`,
    `folder` or `time` of capture. None: as the data set says."""
    allow_leaks: bool = False
    """Train although images to learn from are also in test or an OOD domain. They are left out of
    training, and the record says so."""
    stress: bool | None = None
    """Also measure eight synthetic changes of the test images (night, blur, …). None: when there is
    no OOD domain."""
    alphas: tuple[Annotated[float, Field(ge=0, le=1)], ...] = DEFAULT_ALPHAS
    """Mixing weights of the WiSE grid; 0 and 1 are always measured."""
    evaluations: Annotated[int, Field(ge=0), Sensible(0, 12)] = 3
    """How many times to measure every domain during training."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 where the device and the tower make it fast, else fp32."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, …"""

    @field_validator("templates", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class CombinedConfig(RunConfig):
    """What a combination of finished runs was asked for: `method` is an interpolator and `params`
    are its knobs; all else is as in the first of the runs.
    """

    members: tuple[str, ...]
    """Folders of the runs."""


def read_config(payload: Mapping[str, Any]) -> RunConfig:
    """A config as a run folder holds it: of a training, or of a combination."""
    return (CombinedConfig if "members" in payload else RunConfig).model_validate(dict(payload))


class Json(BaseModel):
    """A frozen part of a record."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, populate_by_name=True)


class ClassScore(Json):
    """One class of a domain, with the count that says how much its accuracy means."""

    name: str
    """The class folder."""
    correct: int
    n: int
    accuracy: float


class GroupScore(ClassScore):
    """One class in one domain."""

    domain: str


class DomainScore(Json):
    """How one classifier did on one domain. Fractions of 1; counts are kept so that nothing is
    lost.
    """

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
    """Classes that were to choose from; None in records of older versions."""
    classes_present: int | None = None
    """Those of them that have images here."""
    correct_own: int | None = None
    """Images answered rightly when only the classes that are present are to choose from, as
    ImageNet-R and ImageNet-A are reported. None where every class is present: it is `correct`."""
    accuracy_own: float | None = None
    """The same as a fraction. It enters no mean: `ood` is of `accuracy`, over all classes."""


class Evaluation(Json):
    """One classifier on all domains: `val`, `test` (in-distribution) and `ood/<name>`."""

    domains: dict[str, DomainScore]
    id: float
    """Accuracy on `test`."""
    ood: float | None
    """Unweighted mean accuracy over the `ood/` domains; None without any."""
    worst_group: GroupScore | None = None
    """The class and domain with the lowest accuracy, validation apart; None in older records."""


class Drift(Json):
    """How far training moved the features of one domain's images from zero-shot CLIP's."""

    energy_gap: float | None
    """Mean over images of the squared change of τ·⟨image, text⟩ over random texts; τ is inside.
    None for a text tower that cannot read random tokens.
    """
    distortion: float
    """Mean length of the change of the unit image features, from 0 to 2."""


class SeenUnseen(Json):
    """Generalised zero-shot: all classes are candidates, and each side is counted by itself."""

    seen: float
    """S: accuracy on images of classes that were trained on."""
    unseen: float
    """U: accuracy on images of classes that were not."""
    harmonic: float
    """H = 2SU/(S+U); 0 when both are."""


class Generalised(Json):
    """The same test images, averaged in two ways."""

    macro: SeenUnseen
    """Mean of the per-class accuracies (Xian et al., arXiv 1707.00600): the usual number."""
    micro: SeenUnseen
    """Share of all images."""


class WisePoint(Json):
    """One point of the ID/OOD frontier: zero-shot and tuned weights mixed by `alpha`."""

    alpha: float
    id: float
    ood: float | None
    val: float | None = None
    """Accuracy on the validation images, which α is chosen by."""
    val_nll: float | None = None
    """Their mean negative log-likelihood in nats, which breaks ties."""
    domains: dict[str, float]


MixingKind = Literal["wise", "steady"]


class Mixing(Json):
    """How the zero-shot and the tuned weights of a run answer together."""

    kind: MixingKind
    """`wise`: one classifier whose weights are mixed (WiSE-FT). `steady`: that classifier for
    images like the training images; others are left to zero-shot as far as the run found right."""
    alpha: Annotated[float, Field(ge=0, le=1)]
    """The weight of the tuned weights in the mixture: 0 is zero-shot, 1 fine-tuned."""

    @classmethod
    def wise(cls, alpha: float) -> "Mixing":
        """One classifier whose weights are mixed; a `UserError` for an α out of range."""
        return cls(kind="wise", alpha=_checked(alpha))

    @classmethod
    def steady(cls, alpha: float) -> "Mixing":
        """That classifier behind the run's gate; a `UserError` for an α out of range."""
        return cls(kind="steady", alpha=_checked(alpha))

    def __str__(self) -> str:
        return f"α = {self.alpha:g}" + (", steady" if self.kind == "steady" else "")


Outcome = Literal["better", "worse", "held"]


class Change(Json):
    """A classifier against zero-shot on the same images of one domain."""

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
    """Exact two-sided McNemar test."""
    p_holm: float
    """The same, corrected for the number of domains (Holm 1979)."""
    outcome: Outcome
    """`held` where the corrected test cannot tell it from zero-shot at 5 %."""


class MeanChange(Json):
    """The unweighted mean of the changes over the OOD domains."""

    domains: int
    difference: float
    low: float
    """Lower end of its 95 % interval: the domains' intervals, squared and added."""
    high: float
    outcome: Outcome
    """`held` where the interval has 0 in it."""


class Familiar(Json):
    """How many images of a domain look like the training images to the gate of a run."""

    n: int
    familiar: int
    """Images no further from the training images than the gate's threshold."""
    share: float
    """Mean share of the tuned classifier in the answers, from 0 to 1."""


class Steadiness(Json):
    """What a run found about its gate (see `core.interpolation.steady`)."""

    layers: list[str]
    """Modules of the frozen image tower whose outputs are compared."""
    neighbours: int
    threshold: float
    """a: the distance up to which an image is familiar."""
    width: float
    """b: over how much distance the gate closes."""
    calibrated_on: int
    """Images that the threshold was set on."""
    unfamiliar: float
    """w: the share of the tuned classifier in the answer to an unfamiliar image."""
    evidence: float | None
    """What w was decided by; None without validation images, where w is 0."""
    temperatures: dict[str, float]
    """T by α, fitted on validation; α 0 is zero-shot."""
    domains: dict[str, Familiar]
    points: list[WisePoint]
    """The frontier with this gate, at the α of `wise`."""


class Selection(Json):
    """Which weights were chosen, and on what: never on the numbers that are reported.

    Its α is that of one set of weights that answers every image, such as an exported encoder; with
    a gate α may be another (see `RunRecord.mixing`).
    """

    checkpoint: str
    """`last` or `best` epoch; of a combination, what its members or radii were chosen on."""
    alpha: float
    alpha_chosen_on: Literal["val", "default", "fixed", "oracle"]
    """`fixed`: of a combination, which is α = 1 by itself. `oracle`: the same, but test images were
    looked at to make it, so its test numbers are not honest."""


ChosenOn = Literal["val", "oracle", "nothing"]


class Ingredient(Json):
    """One run of a combination."""

    run_id: str
    path: str
    method: str
    val: float | None
    """Its accuracy on the validation images of the combination."""
    share: float
    """What part of the result it is; 0 when it was left out."""


class Combined(Json):
    """How a combination came about."""

    members: list[Ingredient]
    chosen_on: ChosenOn
    facts: dict[str, float] = {}
    """What the interpolator found, such as its α."""


class StoppedEarly(Json):
    """A training that somebody ended before its time."""

    steps: int
    """Optimiser steps that were done."""
    planned: int


class ByHand(Json):
    """A mixing that a person set, measured: kept next to the record, which never changes."""

    mixing: Mixing
    evaluation: Evaluation
    changes: dict[str, Change]
    """Against zero-shot, by domain."""


class RunRecord(Json):
    """What happened: written once, at the end, beside the weights."""

    schema_version: int = Field(SCHEMA, alias="schema")
    run_id: str
    status: Literal["done"] = "done"
    config: dict[str, Any]
    """The `RunConfig` with every knob of the method spelled out."""
    classes: list[str]
    evaluations: dict[str, Evaluation]
    generalised: dict[str, Generalised] = {}
    """Seen, unseen and harmonic mean on `test`, by the names of `evaluations`; empty when every
    class was trained on."""
    wise: list[WisePoint]
    selection: Selection
    mixing: Mixing
    """What the run recommends; `evaluations["recommended"]` is of exactly that."""
    steady: Steadiness | None = None
    """The gate of the run; None where it has none."""
    why_not_steady: str = ""
    """Why it has none, as a sentence."""
    changes: dict[str, dict[str, Change]] = {}
    """Against zero-shot on the same images: by `recommended` and `fine-tuned`, then by domain."""
    mean_changes: dict[str, MeanChange] = {}
    """The same over all OOD domains; empty without any."""
    timing: dict[str, float]
    environment: dict[str, Any]
    files: dict[str, str]
    """What the run folder holds: role to path relative to it."""
    drift: dict[str, Drift] = {}
    """By domain, of the fine-tuned weights; empty in records of older versions."""
    stress: dict[str, dict[str, DomainScore]] = {}
    """Synthetic changes of the test images: by the names of `evaluations`, then by effect. No part
    of any OOD number; empty when it was not measured."""
    data: dict[str, Any] = {}
    """Counts per split and domain, and the warnings of the data."""
    stopped_early: StoppedEarly | None = None
    """Only of a training that somebody ended before its time."""
    combined: Combined | None = None
    """Only of a combination of other runs."""

    @model_validator(mode="before")
    @classmethod
    def _before_mixing(cls, payload: Any) -> Any:
        """Records of older versions recommend WiSE at the α they chose."""
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
        """Read back, or a `UserError` when the file is missing, damaged or of a newer schema."""
        try:
            payload = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"{path.parent} is not a finished run: it has no {path.name}. "
                "Name the folder of a run that has finished."
            ) from None
        except ValueError as error:  # no JSON, or no text
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
    """Write JSON so that a reader sees the old file or the new one, never a half."""
    text = json.dumps(payload, indent=1, ensure_ascii=False)
    publish(path, lambda partial: partial.write_text(text, "utf-8"))
