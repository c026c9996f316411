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
"""The seven of the 80 that CLIP's authors selected; Tip-Adapter (arXiv 2111.03930) uses them."""

TEMPLATE_SETS = {"openai-80": OPENAI_80, "tip-7": TIP_7}


def resolve_templates(
    spec: str | Sequence[str], dataset_templates: Sequence[str] = ()
) -> tuple[str, ...]:
    """The templates that `spec` asks for.

    `dataset` means the data set's own ones, or openai-80 when it has none. A set is asked for by
    name; anything else is your own template or templates, each with `{}` exactly once.
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
    """The templates as a tuple, or a `UserError` for the first without `{}` exactly once."""
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
    """The templates that are not excluded; a `UserError` for one that is not there, or when fewer
    than two are left.
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
    """What a class folder is called in a prompt: `red_fox` is a `red fox`."""
    return " ".join(folder.replace("_", " ").split()) or folder


def prompts_for(names: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """Every class name in every template, (C, T)."""
    # Not str.format: a class may well be called `{0}`, and a template may hold other braces.
    return [[template.replace("{}", name) for template in templates] for name in names]
