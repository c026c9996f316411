"""Shows all images of one class: its name in prompts, and buttons to exclude or move images."""

from dataclasses import dataclass

from core.data.prompts import resolve_templates
from studio.frame.domains import domain_styles
from studio.frame.markup import render
from studio.workspace.data_store import Opened

SHOWN = 300


@dataclass
class OpenClass:
    """The class folder whose images a page shows."""

    folder: str | None = None


def class_gallery(opened: Opened, folder: str, may_change: bool) -> str:
    """The gallery of a class folder, domain by domain."""
    dataset = opened.dataset
    label = dataset.classes.index(folder)
    titles = {
        style.key: style.title for style in domain_styles(domain.name for domain in dataset.domains)
    }
    images = [
        {"path": item.path, "sha": item.sha256, "domain": titles[domain.name]}
        for domain in dataset.domains
        for item in domain.items
        if item.label == label
    ]
    name = dataset.names[label]
    template = resolve_templates("dataset", dataset.templates)[0]
    return render(
        "data/class_gallery.html",
        data_id=opened.data_id,
        folder=folder,
        name=name,
        prompt=template.replace("{}", name),
        images=images[:SHOWN],
        total=len(images),
        others=[
            (other, title)
            for other, title in zip(dataset.classes, dataset.names, strict=True)
            if other != folder
        ],
        may_change=may_change,
    )
