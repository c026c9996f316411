"""Builds the page: six tabs over one home folder."""

import gc
import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gradio as gr

from jobs import logs
from jobs.settings import Settings
from studio.compare.page import ComparePage
from studio.data.page import DataPage
from studio.door import theme
from studio.door.gradio_hooks import SparseBlocks, behind, detail
from studio.door.guard import Guard, names
from studio.door.routes import routes
from studio.export.page import ExportPage
from studio.frame import markup
from studio.frame.view import SKIP, Actions, Page, Settling, draw, guarded, outputs
from studio.lab.page import LabPage
from studio.live.page import LivePage
from studio.people.visitors import Stranger, Visitor, check_open, is_https
from studio.shell import words
from studio.shell.page import Shell
from studio.train.page import TrainPage
from studio.workspace import Workspace
from studio.workspace.session import TABS, Place, Session
from studio.workspace.studio import Studio

TICK_SECONDS = 1.0
PLACES: dict[str, Callable[[Studio], Page]] = {
    "data": DataPage,
    "train": TrainPage,
    "live": LivePage,
    "lab": LabPage,
    "compare": ComparePage,
    "export": ExportPage,
}
_QUIET: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "multiple",
}


def build(studio: Studio) -> gr.Blocks:
    """Build the page. Every event goes through one function, so that every view is up to date."""
    with SparseBlocks(title=words.Brand.name, analytics_enabled=False, fill_width=True) as demo:
        session = gr.State()
        timer = gr.Timer(TICK_SECONDS, active=False)
        shell = Shell(studio)
        pages: list[Page] = [shell]
        with gr.Tabs(elem_id="ek-places", overflow_behavior="wrap"):
            for name in TABS:
                with gr.Tab(words.Shell.tabs[name], id=name, elem_id=f"tab-{name}"):
                    pages.append(PLACES[name](studio))
        views = outputs(pages)
        everything = [session, timer, *(view.component for view in views)]

        settling = [page for page in pages if isinstance(page, Settling)]

        def settle(state: Session) -> None:
            for page in settling:
                page.settle(state)

        def show(state: Session, ticks: bool = False) -> list[Any]:
            settle(state)
            shell.announce(state)
            busy, known = shell.needs_tick(state), studio.background.version
            values = draw(views, state)
            # An answer that arrived while drawing is on no page yet, so another tick is needed.
            busy = busy or shell.needs_tick(state) or studio.background.version != known
            goes_on = ticks and busy  # the timer of this page is already on
            return [state, SKIP if goes_on else gr.Timer(active=busy), *values]

        def open_page(request: gr.Request) -> list[Any]:
            state = _opened(studio, request, dict(request.query_params))
            settle(state)
            state.open(state.place.tab, opened=0)
            return show(state)

        def tick(state: Session | None, request: gr.Request) -> list[Any]:
            state = _again(studio, state, request)
            # An action of the visitor may take long. Ticks that wait for it, one per second, would
            # occupy every thread of the server, so this tick is skipped.
            if not state.turn.acquire(blocking=False):
                return [state, *[SKIP] * (len(everything) - 1)]
            try:
                return show(state, ticks=True)
            finally:
                state.turn.release()

        # Even a hidden progress display is updated in every frame. The timer has none.
        quiet = {**_QUIET, "show_progress_on": [timer]}
        demo.load(open_page, None, everything, **quiet)
        timer.tick(tick, [session], everything, **quiet)
        for name, page in zip(("shell", *TABS), pages, strict=True):
            for event, actions in page.events:
                act = _acting(studio, name, actions, show)
                event(act, [session], everything, **quiet)
    return demo


def _acting(
    studio: Studio, name: str, actions: Actions, show: Callable[[Session], list[Any]]
) -> Any:
    """A Gradio handler: takes the visitor's action, then draws everything that it changed."""

    def act(state: Session | None, event: gr.EventData, request: gr.Request) -> list[Any]:
        state = _again(studio, state, request)
        sent = detail(event)
        with state.turn:
            before = state.place.tab
            guarded(name, actions, state, sent)
            if state.place.tab not in (before, sent.get("tab")):
                state.open(state.place.tab, sent.get("opened"))
            drawn = show(state)
            state.mine.leave(state.place)
            return drawn

    return act


def _opened(studio: Studio, request: gr.Request, query: dict[str, str]) -> Session:
    """A new session for the visitor who sent the request."""
    mine = Workspace(studio, _required(studio, request))
    place = mine.back_to(Place.from_query(query), is_tab_named="tab" in query)
    origin = f"{'https' if is_https(request) else 'http'}://{names(request.headers)[0]}"
    return Session(mine, place, origin=origin)


def _again(studio: Studio, state: Session | None, request: gr.Request) -> Session:
    """The session of a page, if it belongs to the visitor who sent the request.

    Otherwise a new session of that visitor. This happens to a page that was open while the server
    restarted, whose address restores it, and to a visitor who names another visitor's session.
    """
    if state is not None and state.mine.visitor == _required(studio, request):
        return state
    query = parse_qs(urlsplit(request.headers.get("referer", "")).query)
    return _opened(studio, request, {name: values[0] for name, values in query.items()})


def _required(studio: Studio, request: gr.Request) -> Visitor:
    try:
        return studio.visitors.require(request)
    except Stranger as stranger:
        raise gr.Error(str(stranger), print_exception=False) from None


def main(settings: Settings) -> None:
    """Serve the studio until the process is told to stop."""
    demo, _ = launch(settings)
    logs.adopt("uvicorn")
    markup.prepare()
    gc.freeze()  # the page has hundreds of thousands of objects that stay: do not scan them
    if link := getattr(demo, "share_url", None):
        print(f"Others find it at {link}", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        demo.close(verbose=False)


def launch(settings: Settings) -> tuple[gr.Blocks, str]:
    """Start serving and return at once, with the address."""
    check_open(settings)
    uploads = settings.home / "tmp" / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(settings.home / "tmp" / "gradio")
    studio = Studio.over(settings, uploads)
    # The first page wants both, and each takes a moment.
    studio.background.ask("catalogue", lambda: studio.catalogue, here=True)
    studio.device()
    demo = build(studio)

    def wall(inner: Any) -> Guard:
        return Guard(inner, studio.visitors, settings)

    _, url, _ = demo.launch(
        server_name=settings.host,
        server_port=settings.port,
        share=settings.share,
        theme=theme.theme(),
        css=theme.UNTIL_STYLED,
        head=theme.head(),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        prevent_thread_lock=True,
        quiet=True,
        app_kwargs={"lifespan": behind(wall, routes(studio))},
    )
    return demo, url
