"""Handles the buttons of the Data tab that change a data set."""

import time
from collections.abc import Mapping
from typing import Any, get_args

from core.data import curation
from core.data.dataset import Dataset
from core.errors import UserError, unknown
from core.results.records import GroupBy
from studio.data import words
from studio.data.class_gallery import OpenClass
from studio.frame.view import Handler
from studio.workspace.session import Session

_TO = ":to"
"""The field of the gallery that is no image: a path of ours has no colon."""


def curating() -> dict[str, Handler]:
    """The handlers by what their button does."""
    return {
        "exclude-found": _exclude_found,
        "exclude": _exclude,
        "exclude-chosen": _exclude_chosen,
        "move-chosen": _move_chosen,
        "include": _include,
        "include-all": _include_all,
        "allow-leaks": allow_leaks,
        "rename": _rename,
        "use-names": _use_names,
        "templates": _templates,
        "group-by": _group_by,
        "delete-data": _delete,
    }


def leaks_allowed(session: Session) -> bool:
    """True if the next run on this data set may train in spite of leaks."""
    data_id = session.place.data
    fields = session.mine.draft(data_id)["fields"] if data_id else {}
    return str(fields.get("allow_leaks", "")) == "true"


def _data(session: Session) -> str:
    if not session.place.data:
        raise UserError(words.DataSets.unknown_data.format(name=""))
    return session.place.data


def _exclude_found(session: Session, detail: Mapping[str, Any]) -> None:
    data_id, kind = _data(session), detail.get("kind")
    found = [f.exclude for f in session.mine.answers.findings(data_id) if f.kind == kind]
    paths = [path for each in found for path in each]
    session.mine.data.change(data_id, lambda dataset: curation.exclude(dataset, paths))


# An event with a field called `path` would be a file to Gradio, and refused: `image` names one.


def _exclude(session: Session, detail: Mapping[str, Any]) -> None:
    path = str(detail.get("image"))
    session.mine.data.change(_data(session), lambda dataset: curation.exclude(dataset, [path]))


def _exclude_chosen(session: Session, detail: Mapping[str, Any]) -> None:
    paths = _chosen(detail)
    session.mine.data.change(_data(session), lambda dataset: curation.exclude(dataset, paths))


def _move_chosen(session: Session, detail: Mapping[str, Any]) -> None:
    paths, folder = _chosen(detail), str(_form(detail).get(_TO))
    session.mine.data.change(_data(session), lambda dataset: curation.move(dataset, paths, folder))


def _include(session: Session, detail: Mapping[str, Any]) -> None:
    path = str(detail.get("image"))
    session.mine.data.change(_data(session), lambda dataset: curation.include(dataset, [path]))


def _include_all(session: Session, detail: Mapping[str, Any]) -> None:
    session.mine.data.change(_data(session), curation.include)


def allow_leaks(session: Session, detail: Mapping[str, Any]) -> None:
    """Allow leaks in the next run, or block training again."""
    data_id = _data(session)
    fields = session.mine.draft(data_id)["fields"]
    value = "true" if detail.get("on") == "true" else ""
    # A new stamp makes the form of the next run redraw.
    stamp = f"leaks-{time.monotonic_ns()}"
    session.mine.keep(data_id, fields={**fields, "allow_leaks": value}, stamp=stamp)


def _rename(session: Session, detail: Mapping[str, Any]) -> None:
    folder, name = str(detail.get("folder")), str(_form(detail).get("name", ""))[:100]
    session.mine.data.change(
        _data(session), lambda dataset: curation.rename(dataset, {folder: name})
    )


def _use_names(session: Session, detail: Mapping[str, Any]) -> None:
    """Give the classes of a finding the names that were typed; an empty field changes nothing."""
    data_id, form = _data(session), _form(detail)
    rows = [
        row
        for finding in session.mine.answers.findings(data_id)
        if finding.kind == detail.get("kind")
        for row in finding.names
    ]
    typed = {folder: str(form.get(f":{folder}", offer))[:300] for folder, _, offer in rows}
    names = {folder: name for folder, name in typed.items() if name.strip()}

    def rename(dataset: Dataset) -> None:
        if not names:
            raise UserError(words.Data.no_names)
        curation.rename(dataset, names)

    session.mine.data.change(data_id, rename)


def _templates(session: Session, detail: Mapping[str, Any]) -> None:
    lines = str(_form(detail).get("templates", ""))[:20_000].splitlines()
    session.mine.data.change(_data(session), lambda dataset: curation.use_templates(dataset, lines))


def _group_by(session: Session, detail: Mapping[str, Any]) -> None:
    asked = str(_form(detail).get("by"))
    by = next((known for known in get_args(GroupBy) if known == asked), None)
    if by is None:
        raise unknown("group_by", asked, get_args(GroupBy))
    session.mine.data.change(_data(session), lambda dataset: curation.group(dataset, by))


def _delete(session: Session, detail: Mapping[str, Any]) -> None:
    session.mine.data.delete(_data(session))
    session.of(OpenClass).folder = None
    session.place = session.place.at(data=None, run=None, tab="data")


def _form(detail: Mapping[str, Any]) -> Mapping[str, Any]:
    form = detail.get("form")
    return form if isinstance(form, dict) else {}


def _chosen(detail: Mapping[str, Any]) -> list[str]:
    paths = [name for name, chosen in _form(detail).items() if name != _TO and chosen is True]
    if not paths:
        raise UserError(words.Data.nothing_chosen)
    return paths
