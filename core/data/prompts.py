"""Prompt templates, and the class names that go into them."""

from collections.abc import Sequence

from core.errors import UserError, unknown

OPENAI_80 = (
    "a bad photo of a {}.",
    "a photo of many {}.",
    "a sculpture of a {}.",
    "a photo of the hard to see {}.",
    "a low resolution photo of the {}.",
    "a rendering of a {}.",
    "graffiti of a {}.",
    "a bad photo of the {}.",
    "a cropped photo of the {}.",
    "a tattoo of a {}.",
    "the embroidered {}.",
    "a photo of a hard to see {}.",
    "a bright photo of a {}.",
    "a photo of a clean {}.",
    "a photo of a dirty {}.",
    "a dark photo of the {}.",
    "a drawing of a {}.",
    "a photo of my {}.",
    "the plastic {}.",
    "a photo of the cool {}.",
    "a close-up photo of a {}.",
    "a black and white photo of the {}.",
    "a painting of the {}.",
    "a painting of a {}.",
    "a pixelated photo of the {}.",
    "a sculpture of the {}.",
    "a bright photo of the {}.",
    "a cropped photo of a {}.",
    "a plastic {}.",
    "a photo of the dirty {}.",
    "a jpeg corrupted photo of a {}.",
    "a blurry photo of the {}.",
    "a photo of the {}.",
    "a good photo of the {}.",
    "a rendering of the {}.",
    "a {} in a video game.",
    "a photo of one {}.",
    "a doodle of a {}.",
    "a close-up photo of the {}.",
    "a photo of a {}.",
    "the origami {}.",
    "the {} in a video game.",
    "a sketch of a {}.",
    "a doodle of the {}.",
    "a origami {}.",
    "a low resolution photo of a {}.",
    "the toy {}.",
    "a rendition of the {}.",
    "a photo of the clean {}.",
    "a photo of a large {}.",
    "a rendition of a {}.",
    "a photo of a nice {}.",
    "a photo of a weird {}.",
    "a blurry photo of a {}.",
    "a cartoon {}.",
    "art of a {}.",
    "a sketch of the {}.",
    "a embroidered {}.",
    "a pixelated photo of a {}.",
    "itap of the {}.",
    "a jpeg corrupted photo of the {}.",
    "a good photo of a {}.",
    "a plushie {}.",
    "a photo of the nice {}.",
    "a photo of the small {}.",
    "a photo of the weird {}.",
    "the cartoon {}.",
    "art of the {}.",
    "a drawing of the {}.",
    "a photo of the large {}.",
    "a black and white photo of a {}.",
    "the plushie {}.",
    "a dark photo of a {}.",
    "itap of a {}.",
    "graffiti of the {}.",
    "a toy {}.",
    "itap of my {}.",
    "a photo of a cool {}.",
    "a photo of a small {}.",
    "a tattoo of the {}.",
)
"""The templates of CLIP's ImageNet evaluation (arXiv 2103.00020), grammar and all."""

TIP_7 = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
"""Seven of the 80, selected by CLIP's authors; Tip-Adapter (arXiv 2111.03930) uses them."""

TEMPLATE_SETS = {"openai-80": OPENAI_80, "tip-7": TIP_7}


def resolve_templates(
    spec: str | Sequence[str], dataset_templates: Sequence[str] = ()
) -> tuple[str, ...]:
    """The templates that `spec` names.

    `dataset` means the data set's own templates, or openai-80 if it has none. `spec` may also be
    the name of a set, or one or more templates, each with `{}` exactly once.
    """
    if spec == "dataset":
        return checked_templates(dataset_templates) if dataset_templates else OPENAI_80
    if isinstance(spec, str):
        if spec in TEMPLATE_SETS:
            return TEMPLATE_SETS[spec]
        if "{}" not in spec:
            raise unknown("templates", spec, ["dataset", *TEMPLATE_SETS])
        spec = (spec,)
    return checked_templates(spec)


def checked_templates(templates: Sequence[str], owner: str = "templates") -> tuple[str, ...]:
    """The templates as a tuple. Raises `UserError` for one without `{}` exactly once."""
    if not templates:
        raise UserError(
            f"{owner}: at least one is needed, got none. Write one such as 'a photo of a {{}}.'."
        )
    for template in templates:
        if template.count("{}") != 1:
            raise UserError(
                f"{owner}: each must contain {{}} exactly once, where the class name goes; "
                f"got {template!r}. Write it like 'a photo of a {{}}.'."
            )
    return tuple(templates)


def without(
    templates: Sequence[str], excluded: Sequence[str], owner: str = "templates"
) -> tuple[str, ...]:
    """The templates without the excluded ones. Raises `UserError` for an unknown template, or if
    fewer than two are left.
    """
    for text in excluded:
        if text not in templates:
            raise unknown(owner, text, templates)
    left = tuple(text for text in templates if text not in excluded)
    if len(left) < 2:
        raise UserError(
            f"{owner}: at least 2 of the {len(templates)} templates must be left, got {len(left)}. "
            "Exclude fewer."
        )
    return left


def display_name(folder: str) -> str:
    """The name of a class folder in a prompt: `red_fox` becomes `red fox`."""
    return " ".join(folder.replace("_", " ").split()) or folder


def prompts_for(names: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """Every class name in every template, (C, T)."""
    # Not str.format, because a class may be named `{0}` and a template may contain other braces.
    return [[template.replace("{}", name) for template in templates] for name in names]
