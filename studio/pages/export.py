"""Export: will it work elsewhere?"""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import UserError
from studio import words
from studio.components.base import panel
from studio.context import Studio
from studio.markup import render
from studio.routes import RUN_FILES
from studio.session import Session
from studio.view import Handler, View, dispatch

w = words.Export


class ExportPage:
    """The open_clip checkpoint at the chosen α, and the files of the run."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page"):
            page = panel()
        self.views = [View(page, self._key, self._draw)]
        act = dispatch({"export": self._build})
        self.events: list[tuple[Any, Handler]] = [(page.action, act)]

    def _key(self, session: Session) -> Hashable:
        run_id = session.place.run
        record = session.mine.record(run_id)
        if record is None or run_id is None:
            return (run_id, None)
        alpha = session.mine.alpha(run_id)
        built = session.mine.exported(run_id, alpha)
        state = (built.state, built.version) if built else None
        known = self._studio.catalogue().state
        return (run_id, alpha, state, known, session.notices.get("export"))

    def _draw(self, session: Session) -> str:
        run_id = session.place.run
        record = session.mine.record(run_id)
        if record is None or run_id is None:
            run = run_id if session.mine.job(run_id) else None
            return render("export.html", title="", run=run)
        alpha = session.mine.alpha(run_id)
        answer = session.mine.exported(run_id, alpha)
        ready = answer is not None and answer.state == "ready"
        return render(
            "export.html",
            title=session.mine.title(record.config),
            run=run_id,
            alpha=f"{alpha:.2f}",
            checkpoint_text=w.checkpoint_text.format(alpha=f"{alpha:.2f}"),
            built=_artefact(answer.value) if ready and answer else None,
            building=answer is not None and answer.state == "waiting",
            error=answer.error if answer else "",
            files=self._files(session, run_id),
            note=session.notices.get("export"),
        )

    def _files(self, session: Session, run_id: str) -> list[dict[str, Any]]:
        folder = session.mine.folder(run_id)
        found = []
        for role, (title, text) in w.files.items():
            path = folder.path / RUN_FILES[role]
            if path.exists():
                size_bytes = path.stat().st_size
                found.append({"role": role, "title": title, "text": text, "size_bytes": size_bytes})
        return found

    def _build(self, session: Session, detail: Mapping[str, Any]) -> None:
        run_id = session.place.run
        if run_id is None or session.mine.record(run_id) is None:
            raise UserError(w.empty_text)
        alpha = session.mine.alpha(run_id)
        known = session.mine.exported(run_id, alpha)
        if known and known.state == "failed":
            self._studio.background.forget(("export", run_id, alpha))
        session.mine.export(run_id, alpha)


def _artefact(value: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of the evaluator's answer: names, never paths of the server."""
    path = Path(str(value["path"]))
    snippet = str(value["snippet"]).replace(f"{path.parent}/", "")
    unpack = f"# {w.unpack.format(name=path.name)}\n" if path.suffix == ".zip" else ""
    return {**value, "name": path.name, "snippet": unpack + snippet}
