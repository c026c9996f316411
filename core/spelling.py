"""Values as people type them: read by what the setting is, and spelled so that they read back.

`off` is a word where words are asked for, False where yes or no is, and a list of one where a list
is: the text alone does not say. So a file of settings and a command give texts, and the setting
decides.
"""

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml

NOTHING = ("", "~", "null", "none")
"""How nothing is typed, in any case."""
_YES = ("true", "yes", "on", "y", "t", "1")
_NO = ("false", "no", "off", "n", "f", "0")


def read(typed: str, knob: Mapping[str, Any]) -> Any:
    """The value that is meant by a text for a knob as `Params.knobs` describes it. What does not
    fit stays as it was typed, for the check.
    """
    text, kind = typed.strip(), knob["type"]
    for choice in knob.get("choices") or ():
        if text == str(choice):
            return choice
    is_plain_text = kind == "str" and not knob.get("choices")
    if knob.get("optional") and not is_plain_text and text.lower() in NOTHING:
        return None
    if kind in ("int", "float"):
        return _number(text, typed, kind)
    if kind == "bool":
        return True if text.lower() in _YES else False if text.lower() in _NO else typed
    if kind in ("tuple", "list"):
        member = {"type": knob.get("items") or "str"}
        found = _members(text)
        return [read(one, member) if isinstance(one, str) else one for one in found]
    if kind == "dict":
        return _flow(text) or {}
    return typed


def read_file(content: bytes) -> Any:
    """What a YAML or JSON file of settings says. Of YAML every value is a text, quoted or not;
    `yaml.YAMLError` or `UnicodeDecodeError` for one that is neither.
    """
    with suppress(ValueError):
        return json.loads(content.decode("utf-8"))
    return yaml.BaseLoader(content).get_single_data()  # makes texts, lists and mappings only


def yaml_problem(error: Exception) -> str:
    """Why a file is no valid YAML, in one line."""
    if not isinstance(error, yaml.reader.ReaderError):
        return " ".join(str(error).replace('in "<byte string>", ', "in ").split())
    if error.encoding == "unicode":  # it was decoded, and holds what no text may hold
        return str(error.reason)
    return "it is not UTF-8; save it in that encoding"


def unquoted(text: str) -> str:
    """A text without the quotes around it, which not every shell takes away."""
    whole = text.strip()
    if len(whole) > 1 and whole[0] == whole[-1] and whole[0] in "'\"":
        found = _flow(whole)
        return found if isinstance(found, str) else text
    return text


def spelled(value: Any) -> str:
    """A text that `read` and `unquoted` take for this value: `1e-05`, `true`, `[a, 'b, c']`."""
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
    """The same as one word of a command line."""
    return shlex.quote(spelled(value))


def _number(text: str, typed: str, kind: str) -> Any:
    with suppress(ValueError):
        return int(text) if kind == "int" else float(text)
    with suppress(ValueError):
        number = float(text)
        return int(number) if number.is_integer() else number
    return typed


def _members(text: str) -> list[Any]:
    """The members of `[a, b]` or of `a, b`; a text that is a template with a comma is one."""
    if not text:
        return []
    found = _flow(text if text.startswith("[") else f"[{text}]")
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return found
    return [text] if "{" in text else [part.strip() for part in text.split(",")]


def _flow(text: str) -> Any:
    """A text as YAML without types; None where it is none."""
    with suppress(yaml.YAMLError):
        return yaml.BaseLoader(text).get_single_data()
    return None
