"""Which concept serves for what, and which concept x style pairs pretraining may see.

Held out are pairs, not whole concepts: a test concept is pretrained in some styles and tested only
in others. Zero-shot is then what CLIP is for its users: it knows the thing, not this picture.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from catalogue import CLASSES, ID_STYLE, OOD_STYLES, PRETRAIN_STYLES, Concept

SEED = 2026
TEST_FRACTION = 0.4
# Drawn exactly like optical-disk, also for training, in the high-contrast style. Left out after the
# shuffle, so that the rest of the split stays what the shipped model was pretrained against.
DOUBLES = {"dvd"}
MOST_TRAIN, MOST_TEST = 24, 26  # keeps faces and people from being half of every accuracy

# A test concept is seen in one of the first and two of the second: half of the six styles.
TESTED_STYLES = [style for style in PRETRAIN_STYLES if style in OOD_STYLES]
UNTESTED_STYLES = [style for style in PRETRAIN_STYLES if style not in OOD_STYLES]


@dataclass(frozen=True)
class Split:
    """Concept slugs per class of the demo, and the (slug, style) pairs of pretraining."""

    train: dict[str, list[str]]
    val: dict[str, list[str]]
    test: dict[str, list[str]]
    seen: frozenset[tuple[str, str]]

    def ood(self, style: str) -> dict[str, list[str]]:
        """Test concepts per class whose drawing in `style` pretraining has not seen."""
        return {
            kind: [slug for slug in slugs if (slug, style) not in self.seen]
            for kind, slugs in self.test.items()
        }


def make_split(concepts: list[Concept], drawn: dict[str, set[str]]) -> Split:
    """The seeded split. `drawn` says which slugs each style has; demo concepts need all five."""
    rng = random.Random(SEED)
    train, val, test = {}, {}, {}
    for kind in CLASSES:
        slugs = [c.slug for c in concepts if c.kind == kind and _in_every_demo_style(c, drawn)]
        rng.shuffle(slugs)
        n_test = min(MOST_TEST, round(TEST_FRACTION * len(slugs)))
        n_val = 4 if len(slugs) >= 24 else 2
        test[kind] = sorted(slugs[:n_test])
        val[kind] = sorted(slugs[n_test : n_test + n_val])
        train[kind] = sorted(set(slugs[n_test + n_val :][:MOST_TRAIN]) - DOUBLES)
    held_out = {slug for slugs in test.values() for slug in slugs}
    seen = {(c.slug, s) for c in concepts for s in PRETRAIN_STYLES if c.slug in drawn[s]}
    for slugs in test.values():
        order = rng.sample(TESTED_STYLES, len(TESTED_STYLES))
        for index, slug in enumerate(slugs):
            kept = {order[index % len(order)], *rng.sample(UNTESTED_STYLES, 2)}
            seen -= {(slug, style) for style in PRETRAIN_STYLES if style not in kept}
    assert all((slug, ID_STYLE) not in seen for slug in held_out)
    return Split(train, val, test, frozenset(seen))


def _in_every_demo_style(concept: Concept, drawn: dict[str, set[str]]) -> bool:
    return all(concept.slug in drawn[style] for style in (ID_STYLE, *OOD_STYLES))
