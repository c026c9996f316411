"""What pretraining says about a picture: its name, its keywords, its style, its coarse class."""

from __future__ import annotations

import random

from catalogue import CLASSES, Concept

STYLE_WORDS = {
    "fluent-flat": ("flat", "simple flat"),
    "noto": ("shaded", "colourful"),
    "noto-v1": ("shaded", "cartoon"),
    "twemoji": ("flat", "plain"),
    "emojione": ("cartoon", "colourful"),
    "fxemoji": ("flat", "bold"),
}
NAME_PATTERNS = (
    "{}", "a {}", "a {}.", "an icon of a {}.", "a picture of a {}.", "an emoji of a {}.",
    "a drawing of a {}.", "a photo of a {}.", "a small image of a {}.", "this is a {}.",
)  # fmt: skip
STYLED_PATTERNS = ("a {style} icon of a {}.", "a {style} drawing of a {}.", "{}, {style} style")
CLASS_PATTERNS = (
    *NAME_PATTERNS,
    "an emoji of a kind of {}.",
    "a kind of {}.",
    "an icon of some {}.",
)

# Other words for some classes, so that a user's own wording has a chance.
SYNONYMS = {
    "book or paper": ("book or document", "book, letter or page"),
    "clock": ("clock or watch", "watch or timer"),
    "clothing": ("garment", "piece of clothing", "shoe, hat or garment"),
    "dessert": ("sweet food", "dessert or sweet"),
    "drink": ("beverage",),
    "electronic device": ("gadget", "machine or gadget"),
    "smiley face": ("face", "smiley", "emoticon"),
    "ground vehicle": ("vehicle", "land vehicle", "car, train or bicycle"),
    "aircraft": ("flying vehicle",),
    "hand gesture": ("hand",),
    "household item": ("household object", "thing in a house"),
    "insect or bug": ("insect", "bug"),
    "mammal": ("furry animal", "animal"),
    "meal": ("dish", "prepared food"),
    "musical instrument": ("instrument",),
    "office supply": ("stationery", "writing or office tool"),
    "person": ("human", "man or woman"),
    "plant": ("plant, flower or tree",),
    "sea animal": ("fish or sea creature", "marine animal"),
    "sports equipment": ("sport", "ball or sports gear"),
    "tool": ("tool or weapon",),
    "weather or sky": ("weather", "sky, moon or sun"),
    "building": ("house or building",),
}


def class_of(concept: Concept) -> str:
    """The coarse class in words: a demo class's display name, else the emojibase subgroup."""
    return CLASSES[concept.kind][0] if concept.kind else concept.group.replace("-", " ") + " thing"


def name_caption(concept: Concept, style: str, rng: random.Random) -> str:
    """A caption that names the concept, or now and then one of its keywords beside it."""
    words = concept.name
    if concept.keywords and rng.random() < 0.3:
        words = f"{words}, {rng.choice(concept.keywords)}"
    if rng.random() < 0.3:
        return rng.choice(STYLED_PATTERNS).format(words, style=rng.choice(STYLE_WORDS[style]))
    return rng.choice(NAME_PATTERNS).format(words)


def class_caption(name: str, rng: random.Random) -> str:
    """A caption that names a coarse class, a third of the time in other words."""
    if name in SYNONYMS and rng.random() < 0.33:
        name = rng.choice(SYNONYMS[name])
    return rng.choice(CLASS_PATTERNS).format(name)
