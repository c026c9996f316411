"""`python -m docs.settings`: rewrite the table of environment variables in operations.md."""

import re
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from jobs.settings import Settings

PAGE = Path(__file__).with_name("operations.md")
_TABLE = re.compile(r"(?<=<!-- settings -->\n).*(?=<!-- end of settings -->)", re.DOTALL)


def main() -> None:
    """Write it."""
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")


def with_table(page: str) -> str:
    """The page with one row for every field of `Settings`."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    rows += [_row(name, field) for name, field in Settings.model_fields.items()]
    table = "\n".join(rows) + "\n"
    return _TABLE.sub(lambda _old: table, page)


def _row(name: str, field: FieldInfo) -> str:
    words = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `EVENKEEL_{name.upper()}` | {_default(field)} | {words} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory:
        return "the system's folder for data"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "" if value is None else f"`{str(value).lower()}`"


if __name__ == "__main__":
    main()
