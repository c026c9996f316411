"""A look that takes seconds: offered, then awaited, and offered again with what went wrong."""

from studio.background import Answer
from studio.markup import render
from studio.session import Notice


def offer(answer: Answer | None, note: Notice | None, do: str, **said: str) -> str:
    """What stands where an answer is not ready. `said`: `title`, `text`, `button`, `waiting`."""
    wrong = Notice(answer.error) if answer and answer.error else note
    return render("offer.html", state=answer.state if answer else "", note=wrong, do=do, **said)
