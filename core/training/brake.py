"""`Brake`: how somebody in another thread ends a training early, at the next step's end."""

from typing import Literal

Wish = Literal["pause", "stop"]


class Paused(Exception):
    """The training was kept in a checkpoint and ended; a later run of it goes on from there."""


class Brake:
    """`pause`: keep where it is and raise `Paused`. `stop`: let what was trained be the result."""

    def __init__(self) -> None:
        self.pulled: Wish | None = None
        self.holds = False
        """Whether a training is running that will look at it."""

    def pull(self, wish: Wish) -> None:
        """Ask for it; a second wish replaces the first."""
        self.pulled = wish
