"""Reads and writes values of settings as text: on the command line, in a form, in YAML.

The text alone does not say what it means: `off` is a word for a text setting, False for a yes/no
setting, and a list of one word for a list. So files and commands deliver texts, and the type of the
setting decides how a text is read.
"""

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml

NOTHING = ("", "~", "null", "none")
"""Texts for "no value", in upper or lower case."""
_YES = ("true", "yes", "on", "y", "t", "1")
_NO = ("false", "no", "off", "n", "f", "0")


def read(typed: str, setting: Mapping[str, Any]) -> Any:
    """The value that a text means for one setting, as `Params.knobs` describes it.

    A text that does not fit is returned unchanged; validation then reports it.
    """
    text, kind = typed.strip(), setting["type"]
    for choice in setting.get("choices") or ():
        if text == str(choice):
            return choice
    is_plain_text = kind == "str" and not setting.get("choices")
    if setting.get("optional") and not is_plain_text and text.lower() in NOTHING:
        return None
    if kind in ("int", "float"):
        return _number(text, typed, kind)
    if kind == "bool":
        return True if text.lower() in _YES else False if text.lower() in _NO else typed
    if kind in ("tuple", "list"):
        member = {"type": setting.get("items") or "str"}
        found = _members(text)
        return [read(one, member) if isinstance(one, str) else one for one in found]
    if kind == "str" and setting.get("items") and text.startswith("["):  # one, or a list of them
        found = _members(text)
        return found if len(found) > 1 else typed
    if kind == "dict":
        return _flow(text) or {}
    return typed


def read_file(content: bytes) -> Any:
    """The content of a YAML or JSON file of settings. In YAML every value stays a text, quoted or
    not. Raises `yaml.YAMLError` or `UnicodeDecodeError` if the file is neither.
    """
    with suppress(ValueError):
        return json.loads(content.decode("utf-8"))
    return yaml.BaseLoader(content).get_single_data()  # makes texts, lists and mappings only


def yaml_problem(error: Exception) -> str:
    """The YAML error in one line."""
    if not isinstance(error, yaml.reader.ReaderError):
        return " ".join(str(error).replace('in "<byte string>", ', "in ").split())
    if error.encoding == "unicode":  # decoding worked, but YAML forbids one of the characters
        return str(error.reason)
    return "it is not UTF-8; save it in that encoding"


def unquoted(text: str) -> str:
    """Removes the quotes around a text, because not every shell removes them."""
    whole = text.strip()
    if len(whole) > 1 and whole[0] == whole[-1] and whole[0] in "'\"":
        found = _flow(whole)
        return found if isinstance(found, str) else text
    return text


def spelled(value: Any) -> str:
    """The text that `read` and `unquoted` turn back into this value: `1e-05`, `[a, 'b, c']`."""
    if value is None:
        return NOTHING[-1]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, list | tuple | dict):
        plain = list(value) if isinstance(value, tuple) else value
        text: str = yaml.safe_dump(plain, default_flow_style=True, width=float("inf"))
        return text.strip()
    text = str(value)
    return json.dumps(text) if unquoted(text) != text else text


def word(value: Any) -> str:
    """The value as one quoted word of a command line."""
    return shlex.quote(spelled(value))


def flag(name: str) -> str:
    """The option of a setting of a run on the command line."""
    return f"--{name.replace('_', '-')}"


def _number(text: str, typed: str, kind: str) -> Any:
    with suppress(ValueError):
        return int(text) if kind == "int" else float(text)
    with suppress(ValueError):
        number = float(text)
        return int(number) if number.is_integer() else number
    return typed


def _members(text: str) -> list[Any]:
    """The members of `[a, b]` or `a, b`. A prompt template is one member, even with a comma."""
    if not text:
        return []
    found = _flow(text if text.startswith("[") else f"[{text}]")
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return found
    return [text] if "{" in text else [part.strip() for part in text.split(",")]


def _flow(text: str) -> Any:
    """The text parsed as YAML without types; None if it is not valid YAML."""
    with suppress(yaml.YAMLError):
        return yaml.BaseLoader(text).get_single_data()
    return None
