"""Writes the method guide, docs/methods.md, from the catalogue, so that it is never out of date."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studio.train import words
from studio.train.knob_form import shown

Entry = Mapping[str, Any]
REFERENCE = "ft"
HEAD = """\
# Methods and their knobs

Written by `evenkeel methods --guide`. How the formulas follow their papers, and where a paper and
its code differ, is said at the head of each file in `core/methods/` and `core/interpolation/`.

Knobs are set with `--set knob=value`; the default is for few-shot work, `--preset paper` takes what
the authors published. A knob is listed with a method where it differs from plain fine-tuning's,
whose own are at the end.
"""


def guide(methods: Sequence[Entry], interpolators: Sequence[Entry]) -> str:
    """The whole page. The knobs of plain fine-tuning, which most methods share, are described
    once.
    """
    shared = next({k["name"]: k for k in m["knobs"]} for m in methods if m["name"] == REFERENCE)
    parts = [HEAD]
    for family, (title, text) in words.Train.families.items():
        parts.append(f"## {title}\n\n{text}\n")
        parts += [_entry(m, shared) for m in methods if m["family"] == family]
    parts.append("## Combining finished runs\n\n`evenkeel combine METHOD RUN… --out RUN`\n")
    parts += [_entry(one, {}) for one in interpolators]
    parts.append("## Knobs of plain fine-tuning\n\nShared by every method that trains.\n")
    parts.append(_table(shared.values()))
    return "\n".join(parts)


def _entry(entry: Entry, shared: Mapping[str, Entry]) -> str:
    own = [k for k in entry["knobs"] if k != shared.get(k["name"])]
    preset = entry.get("presets", {}).get("paper", {})
    published = ", ".join(f"`{name}={shown(value)}`" for name, value in preset.items())
    lines = [f"### {entry['title']} · `{entry['name']}`", ""]
    lines.append(f"{entry['summary']} {entry['paper']}.")
    if published:
        lines += ["", f"As published: {published}."]
    if own:
        lines += ["", _table(own).rstrip()]
    return "\n".join([*lines, ""])


def _table(knobs: Iterable[Entry]) -> str:
    rows = ["| knob | default | what it does |", "|---|---|---|"]
    rows += [f"| `{k['name']}` | {shown(k['default'])} | {_cell(k['help'])} |" for k in knobs]
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
