"""The lab's feature space: are the classes further apart, and have the domains drifted apart?"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import gradio as gr

from core.errors import UserError
from core.results.space import End, FeatureSpace
from studio.frame.chart import chart
from studio.frame.html import panel
from studio.frame.view import Handler, View, dispatch
from studio.lab import words
from studio.lab.offer import offer
from studio.lab.space_chart import space_chart
from studio.lab.space_head import chosen, space_lab
from studio.workspace.session import Session

w = words.Space
FIELDS = ("by", "plane")
"""What a click may choose."""


class SpacePanel:
    """Zero-shot beside α, in one plane."""

    def __init__(self) -> None:
        head = panel()
        with gr.Row(visible=False, elem_classes="ek-pair", equal_height=True) as pair:
            before = chart(w.ends["zero-shot"], height=400, min_width=320)
            after = chart(w.ends["alpha"], height=400, min_width=320)
        self.views = [
            View(head, self._key, self._draw_head),
            View(pair, self._key, lambda s: gr.update(visible=self._found(s) is not None)),
            View(before, self._key, self._drawn("zero-shot")),
            View(after, self._key, self._drawn("alpha")),
        ]
        act = dispatch({"map-features": self.map_features, "show-space": self.show})
        self.events: list[tuple[Any, Handler]] = [(head.action, act)]

    def _key(self, session: Session) -> Hashable:
        run_id = _finished(session)
        if run_id is None:
            return None
        answer = session.mine.answers.mapped(run_id)
        asked = (answer.state, answer.version) if answer else None
        alpha = session.mine.runs.mixing(run_id).alpha
        return (run_id, alpha, asked, tuple(session.space.items()), session.notices.get("lab"))

    def _found(self, session: Session) -> FeatureSpace | None:
        run_id = _finished(session)
        answer = session.mine.answers.mapped(run_id) if run_id else None
        return answer.value if answer and answer.state == "ready" else None

    def _draw_head(self, session: Session) -> str:
        run_id, space = _finished(session), self._found(session)
        if run_id is None:
            return ""
        if space is not None:
            return space_lab(space, session.space)
        return offer(
            session.mine.answers.mapped(run_id),
            session.notices.get("lab"),
            "map-features",
            title=w.title,
            text=w.text,
            button=w.button,
            waiting=w.waiting,
        )

    def _drawn(self, end: End) -> Callable[[Session], Any]:
        """How the picture of one end is drawn."""

        def draw(session: Session) -> Any:
            space = self._found(session)
            if space is None:
                return None
            now = chosen(space, session.space)
            return space_chart(space, end, now.by, now.plane, str(session.place.run))

        return draw

    def map_features(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Ask for the feature space of the run."""
        run_id = _finished(session)
        if run_id is None:
            raise UserError(words.Lab.empty)
        session.mine.answers.map_features(run_id)

    def show(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Colour by something else, or look at another plane."""
        named = {name: str(detail[name])[:20] for name in FIELDS if name in detail}
        session.space = {**session.space, **named}


def _finished(session: Session) -> str | None:
    """The run of this page, once it has ended."""
    record = session.mine.runs.record(session.place.run)
    return record.run_id if record else None
