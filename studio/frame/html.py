"""Puts the studio's own HTML on the page: `panel` (rendered by Python), `widget` (drawn by a
script).

Both are functions, not subclasses of `gr.HTML`: Gradio rebuilds a component for every update from
the arguments of its class, and writes a stub file next to the source of each subclass.
"""

import json
from html import escape
from typing import Any

import gradio as gr


def panel(value: str = "", **options: Any) -> gr.HTML:
    """HTML from Python, patched in place. A click on `data-do` arrives as the event `action`."""
    return widget("panel", '<div class="ek-panel"></div>', value=value, **options)


def widget(script: str, template: str, **options: Any) -> gr.HTML:
    """JSON from Python, drawn by the script of this name. Its events are called `action`.

    Gradio compares rendered templates, and deletes what a script has added if they differ. So
    `template` must be constant, and scripts set the rest from `watch('value', …)`.
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
"""Starts a script now, or once it is loaded. Gradio makes an event of the literal `'action'`."""


def text(value: str) -> str:
    """`value` for a template of Gradio: escaped, and without text that Gradio would run as code."""
    return escape(value).replace("`", "&#96;").replace("{", "&#123;").replace("$", "&#36;")
