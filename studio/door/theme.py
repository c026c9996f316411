"""The theme of Gradio, which styles little. The design is in `assets/studio/*.css`."""

import hashlib
from functools import cache

import gradio as gr

from core.embedded import assets

_PLACES = (
    "data.css",
    "curate.css",
    "train.css",
    "live.css",
    "lab.css",
    "compare.css",
    "export.css",
    "visitors.css",
)
_FRAME = ("tokens.css", "shell.css", "header.css", "rail.css", "drawer.css")
_PARTS = ("parts.css", "figures.css", "fields.css")
STYLES = (*_FRAME, *_PARTS, *_PLACES, "narrow.css")
SCRIPTS = (
    "evenkeel.js",
    "behaviour.js",
    "chart.js",
    "folder-drop.js",
    "wise.js",
    "camera.js",
    "photo.js",
)

UNTIL_STYLED = ".gradio-container { visibility: hidden; }"
"""Hides the page until a script of Gradio has added our style sheet. Without it, the unstyled page
would flash.
"""


def theme() -> gr.themes.Base:
    """Gradio's plain theme without its web fonts, because our styles bring their own."""
    fonts = ("Inter", "system-ui", "sans-serif")
    return gr.themes.Base(font=fonts, font_mono=("JetBrains Mono", "ui-monospace", "monospace"))


@cache
def first_script() -> bytes:
    """A script that must run before Gradio's own, as an element of the page's head."""
    return b"<script>%s</script>" % (assets() / "studio/first.js").read_bytes()


def bundles() -> dict[str, str]:
    """All styles as one file and all scripts as another: one request each, in this order."""
    folder = assets() / "studio"
    read = {n: (folder / n).read_text("utf-8") for n in (*STYLES, *SCRIPTS)}
    return {
        "studio.css": "\n".join(read[name] for name in STYLES),
        "studio.js": "\n".join(read[name] for name in SCRIPTS),
    }


def head() -> str:
    """Icon, styles and scripts. Their names change with their content, so that browsers can cache
    them.
    """
    found = bundles()
    stamp = {name: hashlib.sha256(text.encode()).hexdigest()[:10] for name, text in found.items()}
    return "\n".join(
        [
            f"<script>{FIRST_PAINT}</script>",
            '<link rel="icon" type="image/svg+xml" href="studio/assets/icons/brand.svg">',
            f'<link rel="stylesheet" href="studio/assets/studio.css?{stamp["studio.css"]}">',
            f'<script src="studio/assets/studio.js?{stamp["studio.js"]}"></script>',
            '<link rel="prefetch" href="studio/assets/plotly.min.js" as="script">',
        ]
    )


FIRST_PAINT = """(function(){
var t=null;try{t=localStorage.getItem("evenkeel-theme")}catch(e){}
var d=t?t==="dark":matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.style.background=d?"#0c0f14":"#f6f7f9";
document.documentElement.style.colorScheme=d?"dark":"light";})();"""
"""Sets the background before any style is loaded. Its hash is in the policy of `studio.door.csp`.
"""
