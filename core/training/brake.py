"""`Brake`: lets another thread end a training early, after the current step."""

from typing import Literal

Wish = Literal["pause", "stop"]


class Paused(Exception):
    """The training was saved in a checkpoint and ended; a later attempt continues from there."""


class Brake:
    """`pause`: save the state and raise `Paused`. `stop`: end, with the weights so far as the
    result.
    """

    def __init__(self) -> None:
        self.pulled: Wish | None = None
        self.holds = False
        """True while a training runs that will look at the brake."""

    def pull(self, wish: Wish) -> None:
        """Request an early end; a second request replaces the first."""
        self.pulled = wish
