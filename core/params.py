"""`Params`: one definition of a setting for validation, form, command line, YAML and docs."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from core import spelling
from core.errors import UserError, unknown

JsonObject = dict[str, JsonValue]
"""JSON as it is written to a file or sent to the browser."""


@dataclass(frozen=True)
class Sensible:
    """The range worth trying. It is narrower than the valid range; sliders and sweeps use it."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Kind:
    """Marks a text setting that names something. `run`: a finished run, given by its folder, or by
    its id where the data folder is known.
    """

    name: str


@dataclass(frozen=True)
class Shown:
    """Marks where a setting of a run is asked for, if not simply among the others."""

    first: int | None = None
    """Place among the few settings that the form shows first."""
    elsewhere: bool = False
    """The form does not ask for it: it has a card or an editor of its own."""
    metavar: str = ""
    """The command line's word for a value."""


class Params(BaseModel):
    """Base class of all sets of settings: frozen, rejects unknown names, and its attribute
    docstrings are the help. The setting's type decides how a text is read: `1e-5` is a number, and
    `off` is a choice where there is one of that name.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or info.field_name is None:
            return value
        return spelling.read(value, _as_json(info.field_name, cls.model_fields[info.field_name]))

    @classmethod
    def parse(cls, values: Mapping[str, Any], owner: str) -> Self:
        """Validates the values. The `UserError` names the setting, the allowed values and the
        value it got.
        """
        for name in values:
            if name not in cls.model_fields:
                raise unknown(f"{owner}: unknown setting", name, cls.model_fields)
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise UserError(f"{owner}: {first_problem(error)}") from None

    @classmethod
    def knobs(cls) -> list[dict[str, Any]]:
        """Every setting as JSON: name, type, default, help, bounds, sensible range, choices."""
        return [_as_json(name, field) for name, field in cls.model_fields.items()]


_PLAINLY = {
    "dict_type": "lines of 'key: value'",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
}
"""Pydantic's error type to a plain description of the value that is needed."""


def first_problem(error: ValidationError) -> str:
    """Pydantic's first error as a sentence: `lr must be …, got -1`."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "value"
    message = problem["msg"].removeprefix("Value error, ")
    message = message.removeprefix("Input should be ").removeprefix("Input ")
    message = _PLAINLY.get(problem["type"], message)
    more = "" if error.error_count() == 1 else f" (and {error.error_count() - 1} more)"
    if problem["type"] == "missing":
        return f"{where} is needed and was not given{more}."
    return f"{where} must be {message}, got {problem['input']!r}{more}."


def _as_json(name: str, field: FieldInfo) -> dict[str, Any]:
    """One setting as `Params.knobs` describes it."""
    kind, choices, optional, rules = _kind(field.annotation)
    setting: dict[str, Any] = {
        "name": name,
        "type": kind,
        "items": _member(field.annotation),
        "default": None if field.is_required() else field.get_default(call_default_factory=True),
        "help": " ".join((field.description or "").split()),
        "optional": optional,
        "choices": choices,
        "minimum": None,
        "maximum": None,
        "exclusive_minimum": False,
        "sensible": None,
    }
    for rule in [*rules, *field.metadata]:
        if isinstance(rule, Ge | Gt):
            setting["minimum"] = rule.ge if isinstance(rule, Ge) else rule.gt
            setting["exclusive_minimum"] = isinstance(rule, Gt)
        elif isinstance(rule, Le | Lt):
            setting["maximum"] = rule.le if isinstance(rule, Le) else rule.lt
        elif isinstance(rule, Sensible):
            setting["sensible"] = {"low": rule.low, "high": rule.high, "log": rule.log}
        elif isinstance(rule, Shown):
            setting |= {"first": rule.first, "elsewhere": rule.elsewhere, "metavar": rule.metavar}
        elif isinstance(rule, Kind):
            setting["type"] = rule.name
    return setting


def _kind(annotation: Any) -> tuple[str, list[Any] | None, bool, list[Any]]:
    """(type name, choices of a `Literal`, True if None is allowed, bounds)."""
    optional = False
    rules: list[Any] = []
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        optional = len(members) < len(get_args(annotation))
        annotation = members[0]
    if get_origin(annotation) is Annotated:  # inside `Annotated[float, Gt(0)] | None`
        annotation, *found = get_args(annotation)
        for rule in found:
            rules += rule.metadata if isinstance(rule, FieldInfo) else [rule]
    if get_origin(annotation) is Literal:
        choices = list(get_args(annotation))
        return type(choices[0]).__name__, choices, optional, rules
    name = getattr(get_origin(annotation) or annotation, "__name__", str(annotation))
    return name, None, optional, rules


def _member(annotation: Any) -> str | None:
    """The type name of the members, if it is a list or may be one."""
    lists = [annotation, *get_args(annotation)]  # `list[str] | None` holds the list in its args
    of = next((get_args(each) for each in lists if get_origin(each) in (tuple, list)), None)
    return _kind(of[0])[0] if of else None
