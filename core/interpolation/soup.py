"""The running mean of weights, which both soups use."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.errors import UserError
from core.interpolation.base import Member, copied
from core.models.classifier import Classifier
from core.models.clip import ClipModel

State = Mapping[str, Tensor]


def stir_in(soup: State, member: State, count: int, out: State) -> None:
    """`out ← soup·k/(k+1) + member/(k+1)` for a soup of `count` = k members, in place.

    Model soups, arXiv 2203.05482, Recipe 1. Computed as soup + (member − soup)/(k+1), so equal
    members stay equal to the bit. Running statistics are averaged; integer buffers are the soup's.
    """
    for name, tensor in soup.items():
        if tensor.is_floating_point():
            torch.lerp(tensor, member[name], 1 / (count + 1), out=out[name])
        else:
            out[name].copy_(tensor)


class Pot:
    """A soup, and a scratch copy for the next candidate. It holds two classifiers and the one being
    read, for a pool of any size. A tower that all members share is not copied.
    """

    soup: Classifier

    def __init__(self, members: Sequence[Member], clip: ClipModel) -> None:
        self._members = members
        self._shared = all(clip.owns(member.load()) for member in members)
        self._scratch: Classifier | None = None
        self._count = 0

    def start(self, index: int) -> None:
        """Start a soup with this member alone."""
        self.soup = copied(self._members[index].load(), self._shared)
        self._scratch = None
        self._count = 1

    def stir(self, index: int) -> None:
        """Add a member permanently."""
        self._write(index, self.soup)
        self._count += 1

    def candidate(self, index: int) -> Classifier:
        """The soup with one more member; valid until the next call."""
        if self._scratch is None:
            self._scratch = copied(self.soup, self._shared)
        self._write(index, self._scratch)
        return self._scratch

    def keep(self) -> None:
        """Make the last candidate the soup."""
        assert self._scratch is not None, "there is a candidate"
        self.soup, self._scratch = self._scratch, self.soup
        self._count += 1

    def _write(self, index: int, into: Classifier) -> None:
        member = self._members[index]
        soup, added = self._state(self.soup), self._state(member.load())
        if soup.keys() != added.keys():
            odd = sorted(soup.keys() ^ added.keys())[0]
            raise UserError(
                f"soup: {member.name} does not have the same weights as the others ({odd}). "
                "Combine runs of methods that train the same parts."
            )
        stir_in(soup, added, self._count, self._state(into))

    def _state(self, classifier: Classifier) -> State:
        part = classifier.head if self._shared else classifier
        return {name: tensor.detach() for name, tensor in part.state_dict().items()}
