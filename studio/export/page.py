"""The Export tab: files of a run for other programs."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import UserError
from core.results.clip_vit import architecture_of, why_not
from core.results.facts import STEADY, ExportedFile, OutputDifference
from core.results.records import Mixing, RunRecord
from studio.export import words
from studio.frame.html import panel
from studio.frame.markup import decimal, mixture, render
from studio.frame.view import Actions, View
from studio.workspace.background import Answer
from studio.workspace.runs import RUN_FILES
from studio.workspace.session import Session
from studio.workspace.studio import Studio

w = words.Export
ENCODER = "open_clip"
"""One of the formats that hold one set of weights."""


class ExportPage:
    """The exports of a run under its mixing, and the files of the run."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page"):
            page = panel()
        self.views = [View(page, self._key, self._draw)]
        act: Actions = {"export": self._build}
        self.events: list[tuple[Any, Actions]] = [(page.action, act)]

    def _key(self, session: Session) -> Hashable:
        run_id = session.place.run
        record = session.mine.runs.record(run_id)
        if record is None or run_id is None:
            return (run_id, None)
        mixing = session.mine.runs.mixing(run_id)
        built = session.mine.answers.exported(run_id)
        states = tuple((kind, answer.state, answer.version) for kind, answer in built.items())
        return (run_id, mixing, states, session.notices.get("export"))

    def _draw(self, session: Session) -> str:
        run_id = session.place.run
        record = session.mine.runs.record(run_id)
        if record is None or run_id is None:
            run = run_id if session.mine.runs.job(run_id) else None
            return render("export/export.html", title="", run=run)
        mixing = session.mine.runs.mixing(run_id)
        encoder = session.mine.runs.to_export(run_id, ENCODER)
        answers = session.mine.answers.exported(run_id)
        reasons = dict.fromkeys(STEADY, _no_gate(record))
        reasons["huggingface"] = _no_clip_model(str(record.config.get("model", "")))
        return render(
            "export/export.html",
            title=session.mine.runs.called_by_id(record.run_id, record.config),
            run=run_id,
            mixing=mixture(mixing),
            encoder=_about_encoder(record, mixing, encoder),
            rows=[
                _row(kind, (mixing, encoder), answers.get(kind), reasons.get(kind, ""))
                for kind in w.formats
            ],
            files=self._files(session, run_id),
            note=session.notices.get("export"),
        )

    def _files(self, session: Session, run_id: str) -> list[dict[str, object]]:
        folder = session.mine.runs.folder(run_id)
        found = []
        for role, (title, text) in w.files.items():
            path = folder.path / RUN_FILES[role]
            if path.exists():
                size_bytes = path.stat().st_size
                found.append({"role": role, "title": title, "text": text, "size_bytes": size_bytes})
        return found

    def _build(self, session: Session, detail: Mapping[str, Any]) -> None:
        run_id = session.place.run
        if run_id is None or session.mine.runs.record(run_id) is None:
            raise UserError(w.empty_text)
        session.mine.answers.export(run_id, str(detail.get("format")))


def _about_encoder(record: RunRecord, mixing: Mixing, encoder: Mixing) -> str:
    """Explains the α of an encoder if it differs from the mixing; otherwise empty."""
    if mixing.kind == "wise":
        return ""
    alpha, named = decimal(encoder.alpha), mixture(mixing)
    if mixing != record.mixing:
        return w.encoder_by_hand.format(alpha=alpha, mixing=named)
    chosen = w.own[record.selection.alpha_chosen_on]
    return w.encoder_own.format(alpha=alpha, chosen=chosen, mixing=named)


def _row(
    kind: str, made_of: tuple[Mixing, Mixing], answer: Answer[ExportedFile] | None, reason: str
) -> dict[str, object]:
    """One artefact: its description and its state. `made_of` are the mixings of the run and of the
    encoder.
    """
    mixing, encoder = made_of
    title, text, loads = w.formats[kind]
    ready = answer is not None and answer.state == "ready"
    return {
        "kind": kind,
        "title": title,
        "text": text.format(
            alpha=decimal(encoder.alpha), mixing=mixture(mixing), tuned=decimal(mixing.alpha)
        ),
        "loads": loads,
        "cannot": w.cannot.format(reason=reason) if reason else "",
        "building": answer is not None and answer.state == "waiting",
        "error": answer.error if answer else "",
        "built": _artefact(answer.value) if ready and answer else None,
    }


def _artefact(value: ExportedFile) -> dict[str, object]:
    """The evaluator's answer for the page: names, never paths of the server."""
    path = Path(value.path)
    snippet = value.snippet.replace(f"{path.parent}/", "")
    unpack = f"# {w.unpack.format(name=path.name)}\n" if snippet and path.suffix == ".zip" else ""
    return {
        **vars(value),
        "name": path.name,
        "snippet": unpack + snippet,
        "difference": _difference(value.differences),
    }


def _difference(found: Sequence[OutputDifference]) -> str:
    """The difference that comes closest to its tolerance."""
    inexact = [one for one in found if one.largest > 0]
    if not inexact:
        return w.no_difference if found else ""
    return w.difference.format(**vars(max(inexact, key=lambda one: one.largest / one.tolerance)))


def _no_gate(record: RunRecord) -> str:
    """The reason a run cannot be steady; empty if it can."""
    return "" if record.steady else record.why_not_steady or words.Runs.no_gate


def _no_clip_model(model: str) -> str:
    """The reason a model has no form in transformers, if its name tells."""
    architecture = architecture_of(model)
    return why_not(architecture) if architecture else ""
