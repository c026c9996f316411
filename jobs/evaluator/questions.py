"""Every question that the evaluator answers: its fields, and the type of its answer. No torch.

To add a question, write one class here and one handler in `jobs/evaluator/service.py`:

    class CountImages(Question[int]):
        \"\"\"How many images a data set has.\"\"\"

        data: Path

    @answers(CountImages)
    def count_images(self, question: CountImages) -> int:
        return len(open_dataset(question.data, self._settings.cache).items())

and ask it with `client.ask(CountImages(data=path))`, which mypy knows to be an `int`. The route,
the check of the fields, and both directions of the wire are made from the class. An answer may be
anything that Pydantic can read back: a frozen model of `core.results`, a dataclass, a list.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from core.errors import UserError, unknown
from core.params import first_problem
from core.results.correction import Correction
from core.results.estimate import Footprint
from core.results.facts import ExportedFile
from core.results.inspection import Inspection
from core.results.photo import PhotoAnswer
from core.results.records import HandSetMixing, Mixing
from core.results.space import FeatureSpace
from core.results.untrained import CrossValidation, Prototypes, UntrainedCurve, ZeroShotScores

A = TypeVar("A")


class Question(BaseModel, Generic[A]):
    """One question; `A` is the type of its answer. Frozen; an unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def name(cls) -> str:
        """Its name on the wire: `MeasureShots` is `measure-shots`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The question as it came over the wire; a `UserError` says which field is wrong."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            problem = error.errors()[0]
            if problem["type"] == "extra_forbidden":
                field = str(problem["loc"][0])
                raise unknown(f"{cls.name()}: unknown field", field, cls.model_fields) from None
            if problem["type"] == "json_invalid":
                raise UserError(f"{cls.name()}: {problem['msg']}.") from None
            raise UserError(f"{cls.name()}: {first_problem(error)}") from None

    @classmethod
    def to_json(cls, answer: A) -> Any:
        """An answer as values of JSON."""
        return answer_type(cls).dump_python(answer, mode="json", by_alias=True)

    @classmethod
    def encode(cls, answer: A) -> bytes:
        """An answer for the wire. Numbers come back as they were, to the last bit."""
        return json.dumps(cls.to_json(answer), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, body: bytes) -> A:
        """The answer that `encode` wrote."""
        return answer_type(cls).validate_json(body)


@cache
def answer_type(kind: type[Question[A]]) -> TypeAdapter[A]:
    """The type of the answer, to read and write it."""
    for base in kind.__mro__:
        if issubclass(base, BaseModel) and (args := base.__pydantic_generic_metadata__["args"]):
            return TypeAdapter(args[0])
    raise TypeError(f"{kind.__name__} does not say what answers it: derive from Question[...].")


# About this process and this version --------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The evaluator's process answers."""

    pid: int


class Health(Question[Ready]):
    """Asks for nothing but an answer."""


@dataclass(frozen=True)
class Device:
    """The device that computes."""

    name: str
    kind: str
    """`cpu`, `cuda`, …, as PyTorch calls it."""
    bf16: bool


class DescribeDevice(Question[Device]):
    """The device that `auto` means here."""


class MeasureFootprint(Question[Footprint]):
    """Time and memory of one image for a model on this device."""

    model: str = "embedded"


# About a data set, before any training ------------------------------------------------------------


class OfData(Question[A], Generic[A]):
    """A data set as a model sees it, with a template set or one's own templates."""

    data: Path
    model: str = "embedded"
    templates: str | tuple[str, ...] = "dataset"


class MeasureZeroShot(OfData[ZeroShotScores]):
    """Zero-shot scores of every image, under the class names or other `names`."""

    names: dict[str, str] | None = None


class MeasureShots(OfData[UntrainedCurve]):
    """The shots curve of plain CLIP, and what to label next."""


class CrossValidate(OfData[CrossValidation]):
    """A method on frozen features, measured over all images in folds."""

    method: str


class PreviewPrototypes(OfData[Prototypes]):
    """Positions of the spurious prototypes of some prompts before any training."""


# About a finished run -----------------------------------------------------------------------------


class OfRun(Question[A], Generic[A]):
    """A finished run."""

    run_id: str


class UnderMixing(OfRun[A], Generic[A]):
    """A finished run under a mixing."""

    mixing: Mixing


class MeasuredByHand(HandSetMixing):
    """A mixing that a person has just set, with the time that it took to measure."""

    alpha: float
    seconds: float


class Measure(UnderMixing[MeasuredByHand]):
    """The run on all of its domains, and against zero-shot; kept in the run's folder."""


class Inspect(UnderMixing[Inspection]):
    """The answers of the run to every image: both ends and the mixing."""


class MapFeatures(OfRun[FeatureSpace]):
    """A map of the run's images for zero-shot CLIP and at α."""

    alpha: float


class CorrectTemplates(OfRun[Correction]):
    """The spurious prototypes of the run, and without the excluded templates."""

    excluded: tuple[str, ...] | None = None
    """None: as the run has them."""


class Predict(UnderMixing[PhotoAnswer]):
    """The answers of zero-shot, the mixing and the fine-tuned model to one image, its familiarity,
    and where the mixed weights looked.
    """

    image: Path


class Export(UnderMixing[ExportedFile]):
    """The run written for another program: a folder, and one file to download."""

    format: str = "open_clip"


QUESTIONS: tuple[type[Question[Any]], ...] = tuple(
    one
    for one in list(vars().values())
    if isinstance(one, type)
    and issubclass(one, Question)
    and one.__pydantic_generic_metadata__ == {"origin": None, "args": (), "parameters": ()}
)
"""Every question above; not what several of them have in common."""
