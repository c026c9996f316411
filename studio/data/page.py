"""The Data tab: is the data usable, and what can CLIP do with it before training?"""

from collections.abc import Hashable, Mapping
from typing import Any

import gradio as gr

from core.embedded import demo_folder
from core.errors import UserError
from core.results.untrained import ZeroShotScores
from studio.data import words
from studio.data.class_gallery import OpenClass, class_gallery
from studio.data.class_grid import class_grid
from studio.data.curating import curating, leaks_allowed
from studio.data.folder_drop import folder_drop
from studio.data.health_list import health_list, line_to_beat
from studio.data.prompt_sets import OWN, set_choices, spec
from studio.data.stress_set import stress_set
from studio.frame.domains import domain_styles
from studio.frame.html import panel
from studio.frame.markup import count, interval, percent, render
from studio.frame.more import how_many, showing_more
from studio.frame.view import Actions, View
from studio.workspace.session import Session, is_id
from studio.workspace.studio import Studio

w = words.Data
units = words.Numbers


class DataPage:
    """The demo and the upload while there is no data; then classes, zero-shot and health."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page ek-page-start") as self._start:
            start = panel()
            with gr.Row(elem_classes="ek-doors", equal_height=True):
                demo = panel(min_width=280)
                drop = folder_drop("train", w.drop_title, w.drop_text, w.example_id)
            panel(render("data/points.html"))
        with gr.Column(elem_classes="ek-page", visible=False) as self._filled:
            head = panel()
            with gr.Row(elem_classes="ek-split"):
                with gr.Column(scale=3, min_width=320, elem_classes="ek-main"):
                    gallery = panel()
                    grid = panel()
                with gr.Column(scale=2, min_width=300, elem_classes="ek-side"):
                    zero = panel()
                    stress = panel()
                    health = panel()
                    settings = panel()
                    ood = folder_drop("ood", w.drop_ood, w.drop_ood_text, w.example_ood, small=True)
                    more = folder_drop("train", w.drop_id, w.drop_id_text, w.example_id, small=True)
        self.views = [
            View(self._start, self._has_data, lambda s: gr.update(visible=not self._has_data(s))),
            View(self._filled, self._has_data, lambda s: gr.update(visible=self._has_data(s))),
            View(start, lambda s: (self._has_data(s), s.notices.get("data")), self._draw_start),
            View(demo, lambda s: "demo", lambda s: render("data/demo.html", pictures=pictures())),
            View(head, self._key, self._draw_head),
            View(grid, lambda s: (self._key(s), how_many(s, "classes")), self._draw_grid),
            View(gallery, self._gallery_key, self._draw_gallery),
            View(settings, self._settings_key, self._draw_settings),
            View(zero, self._key, self._draw_zero),
            View(stress, self._stress_key, self._draw_stress),
            View(health, self._health_key, self._draw_health),
        ]
        act: Actions = {
            "demo": self._open_demo,
            "upload": self._upload,
            "retry-zero": self._retry,
            "measure-with": self._measure_with,
            "open-class": self._open_class,
            "close-class": self._close_class,
            **curating(),
            **showing_more("classes"),
        }
        panels = (demo, drop, zero, ood, more, grid, gallery, health, settings)
        self.events: list[tuple[Any, Actions]] = [(each.action, act) for each in panels]

    # ---- what it depends on -----------------------------------------------------------------
    def _has_data(self, session: Session) -> bool:
        return session.mine.data.has(session.place.data)

    def _key(self, session: Session) -> Hashable:
        data_id = session.place.data
        if not self._has_data(session) or data_id is None:
            return None
        answer = session.mine.answers.zero_shot(data_id)
        key = session.mine.answers.zero_shot_key(data_id)
        return (key, answer.state, answer.version, session.notices.get("data"))

    def _health_key(self, session: Session) -> Hashable:
        data_id = session.place.data
        if not self._has_data(session) or data_id is None:
            return None
        health, zero = session.mine.answers.health(data_id), session.mine.answers.zero_shot(data_id)
        version = session.mine.data.open(data_id).version
        gains = session.mine.answers.gains_by_names(data_id).items()
        named = [(kind, before.state, after.state) for kind, (before, after) in gains]
        seen = (health.state, zero.state, zero.version, *named)
        return (data_id, version, *seen, leaks_allowed(session))

    def _gallery_key(self, session: Session) -> Hashable:
        data_id, folder = session.place.data, session.of(OpenClass).folder
        if folder is None or not self._has_data(session) or data_id is None:
            return None
        return (data_id, session.mine.data.open(data_id).version, folder)

    def _settings_key(self, session: Session) -> Hashable:
        data_id = session.place.data
        if not self._has_data(session) or data_id is None:
            return None
        return (data_id, session.mine.data.open(data_id).version)

    def _stress_key(self, session: Session) -> Hashable:
        data_id = session.place.data
        if not self._has_data(session) or data_id is None:
            return None
        known = tuple(job.id for job in session.mine.runs.finished(data_id))
        draft = session.mine.draft(data_id)
        asked = (draft["model"], repr(draft["templates"]))
        return (data_id, session.mine.data.open(data_id).version, asked, known)

    # ---- how it looks -----------------------------------------------------------------------
    def _draw_start(self, session: Session) -> str:
        note = None if self._has_data(session) else session.notices.get("data")
        return render("data/start.html", note=note)

    def _draw_head(self, session: Session) -> str:
        if not session.place.data or not self._has_data(session):
            return ""
        dataset = session.mine.data.open(session.place.data).dataset
        answer = session.mine.answers.zero_shot(session.place.data)
        domains = [
            style for style in domain_styles(d.name for d in dataset.domains) if style.role == "ood"
        ]
        summary = w.summary.format(
            images=count(sum(len(d.items) for d in dataset.domains), *units.images),
            classes=count(len(dataset.classes), *units.classes),
            domains=count(len(domains), *units.domains),
        )
        return render(
            "data/head.html",
            title=dataset.title,
            summary=summary,
            verdict=zero_shot_sentence(answer.value) if answer.state == "ready" else "",
            waiting=answer.state == "waiting",
            note=session.notices.get("data"),
        )

    def _draw_grid(self, session: Session) -> str:
        if not session.place.data or not self._has_data(session):
            return ""
        opened = session.mine.data.open(session.place.data)
        answer = session.mine.answers.zero_shot(session.place.data)
        value = answer.value if answer.state == "ready" else None
        return class_grid(opened, value, answer.state == "waiting", how_many(session, "classes"))

    def _draw_zero(self, session: Session) -> str:
        if not session.place.data or not self._has_data(session):
            return ""
        data_id = session.place.data
        opened = session.mine.data.open(data_id)
        answer = session.mine.answers.zero_shot(data_id)
        scores = answer.value.evaluation.domains if answer.state == "ready" else {}
        # Only images that runs are measured on: accuracy on training images is no line to beat.
        learned = ("train", "val") if "test" in opened.domains else ()
        sizes = {n: len(items) for n, items in opened.domains.items() if n not in learned}
        known = self._studio.catalogue
        draft = session.mine.draft(data_id)
        typed = draft["templates"] if isinstance(draft["templates"], list) else None
        own = [(OWN, words.PromptSets.own)] if typed is not None else []
        return render(
            "data/zero_shot.html",
            rows=[
                {"style": style, "score": scores.get(style.key), "n": sizes[style.key]}
                for style in domain_styles(sizes)
            ],
            ready=answer.state == "ready",
            error=answer.error if answer.state == "failed" else "",
            model=draft["model"],
            models=known["models"],
            templates=[*set_choices(opened.dataset, known["templates"]), *own],
            chosen_templates=draft["templates"] if typed is None else OWN,
        )

    def _draw_stress(self, session: Session) -> str:
        data_id = session.place.data
        if not data_id or not self._has_data(session):
            return ""
        draft, opened = session.mine.draft(data_id), session.mine.data.open(data_id)
        asked = draft["model"], spec(draft["templates"])
        return stress_set(opened, session.mine.runs.zero_shot_stress(data_id, *asked))

    def _draw_health(self, session: Session) -> str:
        if not session.place.data or not self._has_data(session):
            return ""
        mine, data_id = session.mine, session.place.data
        opened = mine.data.open(data_id)
        return health_list(
            opened,
            mine.answers.health(data_id),
            mine.answers.findings(data_id),
            [*mine.data.reports(data_id), opened.dataset.report],
            mine.data.may_change(data_id),
            leaks_allowed(session),
            mine.answers.gains_by_names(data_id),
        )

    def _draw_gallery(self, session: Session) -> str:
        data_id, folder = session.place.data, session.of(OpenClass).folder
        if not data_id or not folder or not self._has_data(session):
            return ""
        opened = session.mine.data.open(data_id)
        if folder not in opened.dataset.classes:
            return ""
        return class_gallery(opened, folder, session.mine.data.may_change(data_id))

    def _draw_settings(self, session: Session) -> str:
        data_id = session.place.data
        if not data_id or not self._has_data(session) or not session.mine.data.may_change(data_id):
            return ""
        dataset = session.mine.data.open(data_id).dataset
        return render(
            "data/settings.html",
            templates="\n".join(dataset.templates),
            group_by=dataset.group_by,
        )

    # ---- what it does -----------------------------------------------------------------------
    def _open_demo(self, session: Session, detail: Mapping[str, Any]) -> None:
        session.place = session.place.at(data=session.mine.data.open_demo(), run=None, tab="data")

    def _upload(self, session: Session, detail: Mapping[str, Any]) -> None:
        role, files = detail.get("role"), detail.get("files")
        if role not in ("train", "ood") or not isinstance(files, list):
            raise UserError(words.DataSets.lost_upload)
        data_id = session.place.data if is_id(session.place.data) else None
        folder = str(detail.get("folder", ""))
        data_id = session.mine.uploads.upload(files, role, data_id, folder)
        session.place = session.place.at(data=data_id, tab="data")

    def _retry(self, session: Session, detail: Mapping[str, Any]) -> None:
        if session.place.data:
            self._studio.background.forget(session.mine.answers.zero_shot_key(session.place.data))

    def _measure_with(self, session: Session, detail: Mapping[str, Any]) -> None:
        form = detail.get("form", {})
        if session.place.data and str(form.get("model", "")).strip():
            model, templates = str(form["model"]).strip(), str(form.get("templates", "dataset"))
            chosen = {} if templates == OWN else {"templates": templates}  # written on Train
            session.mine.keep(session.place.data, model=model, **chosen)

    def _open_class(self, session: Session, detail: Mapping[str, Any]) -> None:
        session.of(OpenClass).folder = str(detail.get("folder", ""))

    def _close_class(self, session: Session, detail: Mapping[str, Any]) -> None:
        session.of(OpenClass).folder = None


def zero_shot_sentence(answer: ZeroShotScores) -> str:
    """The zero-shot accuracy on the images that runs are tested on, as a sentence."""
    score = line_to_beat(answer.evaluation)
    return w.verdict.format(
        accuracy=percent(score.accuracy),
        interval=interval(score.low, score.high),
        n=score.n,
    )


def pictures() -> list[str]:
    """One image of each style of the demo, as `<style>/<class>`, for the start page."""
    styles = sorted(path.name for path in (demo_folder() / "ood").iterdir() if path.is_dir())
    return ["train", *styles]
