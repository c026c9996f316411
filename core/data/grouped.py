"""Splits images group by group, so that frames of one video are never in both train and test."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from core.data.dataset import SHARES, Dataset, Item, Side
from core.data.groups import group_keys
from core.errors import UserError
from core.results.records import GroupBy


@dataclass(frozen=True)
class ImageGroups:
    """The groups of the images of train, val and test."""

    by: GroupBy
    keys: Mapping[str, str]
    """Path to group."""

    @classmethod
    def of(cls, dataset: Dataset, by: GroupBy) -> "ImageGroups":
        """The groups of a data set."""
        items = [item for role in ("train", "val", "test") for item in dataset.items(role)]
        keys = group_keys(items, dataset.classes, by, dataset.root) if by != "none" else {}
        return cls(by, keys)

    def apart_from(
        self, items: Sequence[Item], others: Sequence[Item], kind: str, notes: list[str]
    ) -> list[Item]:
        """The images whose group has no image in `others`. Adds a note for those left out."""
        taken = {self.keys[item.path] for item in others} if self.keys else set()
        kept = [item for item in items if self.keys.get(item.path) not in taken]
        if len(kept) < len(items):
            left = len(items) - len(kept)
            notes.append(
                f"{left} {kind} {'image is' if left == 1 else 'images are'} left out: other "
                f"images of the same group are in another split (group_by {self.by})."
            )
        return kept

    def sides(
        self,
        pool: Mapping[str, Sequence[Item]],
        seed: int,
        unseen: Sequence[str],
        has_test: bool,
        has_val: bool,
        shares: Mapping[Side, int] = SHARES,
        known: Mapping[str, Side] | None = None,
    ) -> dict[str, Side]:
        """The side of each image of `pool` (class to images), by path; empty if nothing is grouped.

        Groups are assigned class by class: by default half to train, and a quarter each to test and
        val unless these are given as folders. The number of shots has no effect. A group in `known`
        stays on its side. Raises `UserError` if a class has too few groups.
        """
        if not self.keys:
            return {}
        there = {"train": False, "test": has_test, "val": has_val}
        shares = {name: share for name, share in shares.items() if share and not there[name]}
        side = {key: one for key, one in (known or {}).items() if one in shares}
        # A group may span classes. Classes that train come first, so that they get training groups.
        for name in sorted(pool, key=lambda name: name in unseen):
            own = sorted({self.keys[item.path] for item in pool[name]})
            here = {k: v for k, v in shares.items() if k != "train" or name not in unseen}
            self._deal(name, own, here or shares, seed, side)
            if name not in unseen:
                self._check(name, own, side, needed=shares)
        items = (item for items in pool.values() for item in items)
        return {item.path: side[self.keys[item.path]] for item in items}

    def _deal(
        self,
        name: str,
        own: Sequence[str],
        shares: Mapping[Side, int],
        seed: int,
        side: dict[str, Side],
    ) -> None:
        entropy = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
        dealt = Counter(side[key] for key in own if key in side)
        for index in np.random.default_rng([seed, entropy]).permutation(len(own)):
            if own[index] not in side:
                chosen = min(shares, key=lambda one: dealt[one] / shares[one])
                side[own[index]] = chosen
                dealt[chosen] += 1

    def _check(
        self, name: str, own: Sequence[str], side: Mapping[str, Side], needed: Mapping[Side, int]
    ) -> None:
        there = {side[key] for key in own}
        missing = [one for one in needed if one != "val" and one not in there]
        if missing and own and self.by != "none":
            groups = "1 group" if len(own) == 1 else f"{len(own)} groups"
            raise UserError(
                f"group_by {self.by}: class '{name}' has {groups} (such as '{own[0]}'), which "
                f"leaves none for {missing[0]}. Add images of other groups, group by something "
                "else, or give a test folder."
            )


def unused(count: int) -> str:
    """The note about images that are not used because their group gives the shots."""
    are = "1 image is" if count == 1 else f"{count} images are"
    return f"{are} not used, because other images of the same group are among the shots."
