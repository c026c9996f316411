"""`dataset.yaml`: what a person says about a data set: names, prompts, and which images count."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ConfigDict, Field, field_validator

from core.data.names import SETTINGS_NAME, same_name
from core.data.prompts import checked_templates
from core.errors import UserError, unknown
from core.params import Params
from core.records import GroupBy

_LARGEST_BYTES = 1_000_000


class DatasetSettings(Params):
    """What `dataset.yaml` may say. Everything is optional."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    title: str = ""
    """What the data set is called; by default its folder's name."""
    classes: dict[str, str] = Field(default_factory=dict)
    """Class folder to the name that prompts use."""
    templates: tuple[str, ...] = ()
    """The data set's own prompt templates, each with {} where the class name goes."""
    allow_fewer: bool = False
    """Use all images of a class that has fewer than the shots asked for."""
    group_by: GroupBy = "none"
    """What images of one group have in common: their file name up to its last number (`prefix`),
    their folder inside the class (`folder`), or the minute they were taken in (`time`)."""
    exclude: tuple[str, ...] = ()
    """Images that are left out, by their path in the data set. They stay where they are."""
    relabel: dict[str, str] = Field(default_factory=dict)
    """Image to the class folder that it counts to instead of the one it lies in."""

    @field_validator("classes")
    @classmethod
    def _have_names(cls, classes: dict[str, str]) -> dict[str, str]:
        for folder, name in classes.items():
            if not name.strip():
                raise ValueError(f"a name for every class listed, and {folder!r} has none")
        return {folder: name.strip() for folder, name in classes.items()}

    @classmethod
    def read(cls, path: Path, folders: Sequence[str] | None = None) -> Self:
        """The settings in a file; defaults when there is no file.

        With `folders`, `classes` is keyed by them. Raises `UserError` for what is not understood.
        """
        if not path.is_file():
            return cls()
        if path.stat().st_size > _LARGEST_BYTES:
            raise UserError(f"{SETTINGS_NAME} is larger than {_LARGEST_BYTES // 1_000_000} MB.")
        values = _parse(path.read_bytes())
        for key in values:
            if key not in cls.model_fields:
                raise unknown(f"{SETTINGS_NAME}: unknown key", key, cls.model_fields)
        settings = cls.parse(values, SETTINGS_NAME)
        if settings.templates:
            checked_templates(settings.templates, f"{SETTINGS_NAME}: templates")
        return settings if folders is None else settings._keyed_by(folders)

    def write(self, path: Path) -> None:
        """Write what differs from the defaults, in a readable order."""
        text = yaml.safe_dump(
            self.model_dump(mode="json", exclude_defaults=True), allow_unicode=True, sort_keys=False
        )
        partial = path.with_name(f".{path.name}.part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)

    def _keyed_by(self, folders: Sequence[str]) -> Self:
        names = {_known(key, folders, "classes"): name for key, name in self.classes.items()}
        moved = {path: _known(key, folders, "relabel") for path, key in self.relabel.items()}
        return self.model_copy(update={"classes": names, "relabel": moved})


def _known(key: str, folders: Sequence[str], where: str) -> str:
    """The class folder that is called so, however it is spelled."""
    folder = key if key in folders else next((f for f in folders if same_name(f, key)), None)
    if folder is None:
        raise unknown(f"{SETTINGS_NAME}: {where}", key, folders)
    return folder


class _Loader(yaml.SafeLoader):
    """Refuses aliases: nine lines of them expand to a billion values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        values = _Loader(text).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise UserError(f"{SETTINGS_NAME} is no valid YAML: {problem}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(
            f"{SETTINGS_NAME} must be lines of 'key: value' (title, classes, templates, "
            f"allow_fewer, group_by, exclude, relabel), got a {type(values).__name__}."
        )
    return {str(key): value for key, value in values.items()}
