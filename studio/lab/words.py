"""Sentences of the robustness lab; each panel has its own in its module."""

from typing import ClassVar

from studio.frame.words import Charts as Charts
from studio.frame.words import Common as Common
from studio.frame.words import Domains as Domains
from studio.frame.words import Numbers as Numbers
from studio.live.words import Verdict as Verdict
from studio.workspace.words import Runs as Runs


class Lab:
    """The robustness lab."""

    title = "Robustness lab"
    lead = "How much of the gain can you keep without breaking on other domains?"
    empty = "The lab opens when a run has finished"
    empty_text = "It then shows what fine-tuning gained on your images and what it cost elsewhere."
    to_export = "Export this model"
    domain = "Domain"
    planes: ClassVar = {"tsne": "t-SNE", "pca": "PCA"}
