"""`dataset.yaml`, a person's settings for a data set: names, prompts, images to leave out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator

from core.data.names import SETTINGS_NAME, same_name
from core.data.prompts import checked_templates
from core.errors import UserError, unknown
from core.params import Params
from core.results.records import GroupBy
from core.spelling import yaml_problem

_LARGEST_BYTES = 1_000_000


class DatasetSettings(Params):
    """The settings in `dataset.yaml`. All are optional."""

    title: str = ""
    """Name of the data set; by default the name of its folder."""
    classes: dict[str, str] = Field(default_factory=dict)
    """Class folder to the name used in prompts."""
    templates: tuple[str, ...] = ()
    """The data set's own prompt templates, each with {} where the class name goes."""
    allow_fewer: bool = False
    """Use all images of a class that has fewer images than shots."""
    group_by: GroupBy = "none"
    """The rule that groups images: the same file name up to its last number (`prefix`), the same
    folder inside the class (`folder`), or taken within a minute of each other (`time`)."""
    folders: Literal["", "domains", "groups", "classes"] = ""
    """The meaning of the outermost folders, if it is not clear: domains with the same classes,
    groups of different classes, or the classes themselves."""
    reference: str = ""
    """The folder of the domain that is trained on; the other domains are OOD."""
    zip_names: str = ""
    """The guessed encoding of names in an uploaded zip that declares none."""
    exclude: tuple[str, ...] = ()
    """Images that are left out, by their path in the data set. The files stay in place."""
    relabel: dict[str, str] = Field(default_factory=dict)
    """Image to the class folder that it belongs to, in place of the folder that holds it."""

    @field_validator("classes")
    @classmethod
    def _have_names(cls, classes: dict[str, str]) -> dict[str, str]:
        for folder, name in classes.items():
            if not name.strip():
                raise ValueError(f"a name for every class listed, and {folder!r} has none")
        return {folder: name.strip() for folder, name in classes.items()}

    @classmethod
    def read(cls, path: Path, folders: Sequence[str] | None = None) -> Self:
        """Reads the settings in a file; the defaults if there is no file.

        With `folders`, the keys of `classes` become these folders. Raises `UserError` for a wrong
        file.
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
        """Writes the settings that differ from the defaults, in a readable order."""
        text = yaml.safe_dump(
            self.model_dump(mode="json", exclude_defaults=True), allow_unicode=True, sort_keys=False
        )
        partial = path.with_name(f".{path.name}.part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)

    def _keyed_by(self, folders: Sequence[str]) -> Self:
        names: dict[str, str] = {}
        for key, name in self.classes.items():
            folder = _known(key, folders, "classes")
            if folder in names:
                raise UserError(
                    f"{SETTINGS_NAME}: classes names the folder '{folder}' twice, the second time "
                    f"as '{key}'. Keep one of the two lines."
                )
            names[folder] = name
        moved = {path: _known(key, folders, "relabel") for path, key in self.relabel.items()}
        return self.model_copy(update={"classes": names, "relabel": moved})


def _known(key: str, folders: Sequence[str], where: str) -> str:
    """The class folder of this name, also in another spelling."""
    folder = key if key in folders else next((f for f in folders if same_name(f, key)), None)
    if folder is None:
        raise unknown(f"{SETTINGS_NAME}: {where}", key, folders)
    return folder


class _Loader(yaml.BaseLoader):
    """Reads texts, lists and mappings only, so that folders named `no` or `010` keep their names.
    The type of a setting such as `allow_fewer` turns the text into yes or no later.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(
            yaml.AliasEvent
        ):  # nine lines of aliases can expand to a billion values
            raise yaml.YAMLError("aliases (*name) are not allowed")
        tag = getattr(self.peek_event(), "tag", None)  # type: ignore[no-untyped-call]
        if tag and tag not in _PLAIN_TAGS:
            raise yaml.YAMLError(f"{tag} is not allowed: write the value alone")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        # YAML forbids duplicate keys, but the library silently takes the last one.
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen if isinstance(key, yaml.ScalarNode) else True:
                raise yaml.YAMLError(_wrong_key(key))
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _wrong_key(key: yaml.Node) -> str:
    line = f"line {key.start_mark.line + 1}"
    if isinstance(key, yaml.ScalarNode):
        return f"the key '{key.value}' appears twice, again in {line}; keep one of them"
    return f"the key in {line} is not text; put it in quotes"


_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}
_NOTHING = ("", "~", "null", "Null", "NULL")


def _parse(text: bytes) -> dict[str, Any]:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None or _is_nothing(root):
            return {}
        if isinstance(root, yaml.MappingNode):
            values: dict[str, Any] = loader.construct_document(root)
            nothing = {key.value for key, value in root.value if _is_nothing(value)}
            return {key: value for key, value in values.items() if key not in nothing}
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{SETTINGS_NAME} is not valid YAML: {yaml_problem(error)}") from None
    got = "a list" if isinstance(root, yaml.SequenceNode) else "a text"
    raise UserError(
        f"{SETTINGS_NAME} must be lines of 'key: value' ({', '.join(DatasetSettings.model_fields)})"
        f", got {got}."
    )


def _is_nothing(node: yaml.Node) -> bool:
    """True for a key without a value, as in a form that was not filled in."""
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NOTHING
