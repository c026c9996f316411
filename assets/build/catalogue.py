"""The concepts (one emoji = one concept), their coarse classes, and who drew each of them.

Names, keywords and subgroups come from emojibase-data. Iconify's newer sets map code points to icon
names; the three older ones only have names, so they are matched by name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sources import read_all, read_json

# Black line drawings: the style that pretraining on the coloured ones leaves the most to gain on.
ID_STYLE = "high-contrast"
OOD_STYLES = ("fluent-3d", "fluent-flat", "noto", "twemoji")
# Styles the model may see in pretraining. High-contrast and fluent-3d never are.
PRETRAIN_STYLES = ("fluent-flat", "noto", "noto-v1", "twemoji", "emojione", "fxemoji")
STYLES = (ID_STYLE, *OOD_STYLES, "noto-v1", "emojione", "fxemoji")

_FACES = (
    "face-smiling face-affection face-tongue face-hand face-neutral-skeptical face-sleepy "
    "face-unwell face-hat face-glasses face-concerned face-negative"
)
_HANDS = "hand-fingers-open hand-fingers-partial hand-single-finger hand-fingers-closed hands"
_PEOPLE = "person person-gesture person-role person-fantasy person-activity person-sport"

# class folder -> (display name, emojibase subgroups)
CLASSES: dict[str, tuple[str, str]] = {
    "aircraft": ("aircraft", "transport-air"),
    "bird": ("bird", "animal-bird"),
    "book-or-paper": ("book or paper", "book-paper mail"),
    "building": ("building", "place-building place-religious"),
    "clock": ("clock", "time"),
    "clothing": ("clothing", "clothing"),
    "dessert": ("dessert", "food-sweet"),
    "drink": ("drink", "drink"),
    "electronic-device": ("electronic device", "phone computer light-video"),
    "face": ("smiley face", _FACES),
    "fruit": ("fruit", "food-fruit"),
    "ground-vehicle": ("ground vehicle", "transport-ground"),
    "hand-gesture": ("hand gesture", _HANDS),
    "heart": ("heart", "heart"),
    "household-item": ("household item", "household"),
    "insect": ("insect or bug", "animal-bug"),
    "mammal": ("mammal", "animal-mammal"),
    "meal": ("meal", "food-prepared food-asian"),
    "musical-instrument": ("musical instrument", "musical-instrument"),
    "office-supply": ("office supply", "office writing"),
    "person": ("person", _PEOPLE),
    "plant": ("plant", "plant-flower plant-other"),
    "sea-animal": ("sea animal", "animal-marine"),
    "sports-equipment": ("sports equipment", "sport"),
    "tool": ("tool", "tool"),
    "vegetable": ("vegetable", "food-vegetable"),
    "weather": ("weather or sky", "sky-weather"),
}

# Concepts that a person would not file under their subgroup's class, and near copies of one drawing
# (half hours, facing variants). They stay out of the demo; pretraining may still use them.
NOT_IN_DEMO = frozenset(
    [
        "paw-prints",
        "pig-nose",
        "guide-dog",
        "service-dog",
        "feather",
        "wing",
        "spiral-shell",
        "spider-web",
        "microbe",
        "empty-nest",
        "nest-with-eggs",
        "rosette",
        "salt",
        "cooking",
        "bowl-with-spoon",
        "ice",
        "pouring-liquid",
        "brick",
        "rock",
        "wood",
        "building-construction",
        "wedding",
        "statue-of-liberty",
        "kaaba",
        "seat",
        "satellite",
        "luggage",
        "bus-stop",
        "motorway",
        "railway-track",
        "oil-drum",
        "fuel-pump",
        "wheel",
        "police-car-light",
        "horizontal-traffic-light",
        "vertical-traffic-light",
        "stop-sign",
        "construction",
        "station",
        "skateboard",
        "roller-skate",
        "thermometer",
        "fire",
        "umbrella-on-ground",
        "goal-net",
        "running-shirt",
        "martial-arts-uniform",
        "diving-mask",
        "flag-in-hole",
        "hair-pick",
        "prayer-beads",
        "lipstick",
        "ring",
        "gem-stone",
        "folding-hand-fan",
        "shopping-bags",
        "candle",
        "light-bulb",
        "diya-lamp",
        "red-paper-lantern",
        "flashlight",
        "abacus",
        "film-frames",
        "clapper-board",
        "magnifying-glass-tilted-left",
        "magnifying-glass-tilted-right",
        "electric-plug",
        "closed-mailbox-with-raised-flag",
        "closed-mailbox-with-lowered-flag",
        "open-mailbox-with-raised-flag",
        "open-mailbox-with-lowered-flag",
        "postbox",
        "package",
        "outbox-tray",
        "inbox-tray",
        "ballot-box-with-ballot",
        "skull",
        "skull-and-crossbones",
        "heart-exclamation",
        "bomb",
        "white-cane",
        "shield",
        "person-bald",
        "person-white-hair",
        "person-red-hair",
        "person-curly-hair",
    ]
)


@dataclass(frozen=True)
class Concept:
    """One emoji: `slug` is its file name, `group` its emojibase subgroup, `kind` its demo class."""

    slug: str
    name: str
    hexcode: str
    group: str
    kind: str | None
    keywords: tuple[str, ...]


def slugify(label: str) -> str:
    """`Piñata` -> `pinata`: lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def concepts() -> list[Concept]:
    """All base emoji in emojibase's order: no flags, skin tones, keycaps or gendered sequences."""
    subgroups = read_json("names", "meta/groups.json")["subgroups"]
    kind_of = {group: kind for kind, (_, groups) in CLASSES.items() for group in groups.split()}
    found = []
    for entry in sorted(read_json("names", "en/data.json"), key=lambda e: e.get("order", 0)):
        if not _is_base(entry):
            continue
        slug, group = slugify(entry["label"]), subgroups[str(entry["subgroup"])]
        demo = slug not in NOT_IN_DEMO and not slug.endswith("-thirty")
        kind = kind_of.get(group) if demo else None
        tags = tuple(entry.get("tags", ()))
        found.append(Concept(slug, entry["label"].lower(), entry["hexcode"], group, kind, tags))
    return found


def _is_base(entry: dict) -> bool:
    components, flags = 2, 9
    code = entry["hexcode"]
    return (
        entry.get("group") not in (None, components, flags)
        and "gender" not in entry
        and not re.search(r"-2640|-2642|-20E3|1F3FB|^1F468-200D|^1F469-200D", code)
        and "facing right" not in entry["label"]
        and not entry["label"].startswith(("family:", "kiss:", "couple with heart:"))
    )


def plain_code(hexcode: str) -> str:
    """A code point sequence without variation selectors."""
    # Variation selectors are there or not as the packager liked.
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


def drawings(style: str, wanted: list[Concept]) -> dict[str, bytes]:
    """What `style` drew of the concepts, by slug: WebP bytes for fluent-3d, SVG text for others."""
    if style == "fluent-3d":
        files = read_all(style, "assets/")
        by_code = {plain_code(name.removesuffix(".webp")): data for name, data in files.items()}
        return {
            c.slug: by_code[plain_code(c.hexcode)]
            for c in wanted
            if plain_code(c.hexcode) in by_code
        }
    icons = read_json(style, "icons.json")
    names = _icon_names(style, icons, wanted)
    return {slug: _svg(icons, name).encode() for slug, name in names.items()}


def _icon_names(style: str, icons: dict, wanted: list[Concept]) -> dict[str, str]:
    by_code = {plain_code(code): name for code, name in read_json(style, "chars.json").items()}
    if by_code:
        named = {c.slug: by_code.get(plain_code(c.hexcode)) for c in wanted}
        return {slug: name for slug, name in named.items() if name}
    # Without code points: our name for it or Noto's; fxemoji writes names without hyphens.
    noto = {plain_code(code): name for code, name in read_json("noto", "chars.json").items()}
    known = {name.replace("-", ""): name for name in [*icons["icons"], *icons.get("aliases", {})]}
    matched = {}
    for concept in wanted:
        for guess in (concept.slug, noto.get(plain_code(concept.hexcode), concept.slug)):
            if guess.replace("-", "") in known:
                matched[concept.slug] = known[guess.replace("-", "")]
                break
    return matched


def _svg(icons: dict, name: str) -> str:
    icon = icons["icons"].get(name)
    while icon is None:
        name = icons["aliases"][name]["parent"]
        icon = icons["icons"].get(name)
    width = icon.get("width", icons.get("width", 16))
    height = icon.get("height", icons.get("height", 16))
    left, top = icon.get("left", 0), icon.get("top", 0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'
    )
