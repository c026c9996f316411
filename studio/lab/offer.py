"""A look that takes seconds: offered, then awaited, and offered again with what went wrong."""

from studio.frame.markup import render
from studio.workspace.background import Answer
from studio.workspace.session import Notice


def offer(answer: Answer | None, note: Notice | None, do: str, **said: str) -> str:
    """What stands where an answer is not ready. `said`: `title`, `text`, `button`, `waiting`."""
    wrong = Notice(answer.error) if answer and answer.error else note
    return render("lab/offer.html", state=answer.state if answer else "", note=wrong, do=do, **said)
