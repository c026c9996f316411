"""A drop zone for folders. Class folders survive, unlike in Gradio's own upload."""

import gradio as gr

from studio.data import words
from studio.frame.html import text, widget

_ICON = (
    '<svg class="ek-icon" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor"'
    ' stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><path d="M3.5 7a2 2 0 0 1 2'
    '-2h3.7l2 2.2h7.3a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z"/>'
    '<path d="M12 16v-5m-2.2 2.2L12 11l2.2 2.2"/></svg>'
)
_TEMPLATE = """<section class="ek-door ek-drop{small}" data-role="{role}">
<span class="ek-door-icon">{icon}</span><h2>{title}</h2><p>{help}</p>
<pre class="ek-tree" aria-hidden="true">{example}</pre>
<div class="ek-door-foot"><button type="button" class="ek-button" data-pick="folder">{pick}</button>
<button type="button" class="ek-link" data-pick="zip">{zip}</button></div>
<input type="file" data-kind="folder" webkitdirectory multiple hidden aria-label="{title}">
<input type="file" data-kind="zip" accept=".zip" hidden aria-label="{title}, zip">
<p class="ek-drop-status" data-part="status" role="status"></p>
<span class="ek-bar"><i data-part="bar"></i></span></section>"""


def folder_drop(role: str, title: str, help: str, example: str, small: bool = False) -> gr.HTML:
    """Event `action`: `{do: "upload", role, files: [{rel, id, size}]}`."""
    template = _TEMPLATE.format(
        small=" ek-small" if small else "",
        role=role,
        icon=_ICON,
        title=text(title),
        help=text(help),
        example=text(example),
        pick=text(words.Data.pick_folder),
        zip=text(words.Data.pick_zip),
    )
    w = words.Drop
    say = {"sending": w.sending, "reading": w.reading, "failed": w.failed}
    return widget("folder-drop", template, words=say, min_width=280)
