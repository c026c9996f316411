"""Our own HTML on the page: `panel` (rendered by Python) and `widget` (drawn by a script).

Functions, not subclasses of `gr.HTML`: Gradio makes a component anew for every update, from the
arguments of its class, and writes a stub file beside the source of each subclass.
"""

import json
from html import escape
from typing import Any

import gradio as gr


def panel(value: str = "", **options: Any) -> gr.HTML:
    """HTML from Python, patched in place; a click on `data-do` comes back as the event `action`."""
    return widget("panel", '<div class="ek-panel"></div>', value=value, **options)


def widget(script: str, template: str, **options: Any) -> gr.HTML:
    """JSON from Python, drawn by the script of this name. Its events are called `action`.

    Gradio compares rendered templates and deletes what a script has added when they differ, so
    nothing that varies may stand in `template`: scripts set it from `watch('value', …)`.
    """
    return gr.HTML(
        html_template=template,
        js_on_load=_START % json.dumps(script),
        apply_default_css=False,
        **options,
    )


_START = (
    "(window.EK_STARTS ??= []).push([%s, {element, props, trigger, watch, server}, 'action']);"
    " window.EK?.start();"
)
"""Start a script now, or once it is loaded. `'action'` is here for Gradio: it makes it an event."""


def text(value: str) -> str:
    """`value` for a template of Gradio: escaped, and with nothing that it would take for code."""
    return escape(value).replace("`", "&#96;").replace("{", "&#123;").replace("$", "&#36;")
