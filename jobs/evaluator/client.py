"""Asking the evaluator. Imports no torch; every mistake of a user comes back as a `UserError`."""

from pathlib import Path

import httpx

from core.errors import UserError
from jobs.evaluator.questions import A, Question
from jobs.settings import Settings

_STARTING = (
    "The evaluator is starting or not running. Try again in a few seconds; `evenkeel up` starts it."
)
_LONGEST_SOCKET_PATH = 103
"""Bytes: what macOS allows; Linux allows four more."""


class EvaluatorUnavailable(UserError):
    """Nobody answers: it is starting, or not running."""


def checked_socket(settings: Settings) -> Path:
    """The path of the evaluator's socket; a `UserError` if it is too long for the system."""
    path = settings.socket_path
    length = len(bytes(path))
    if length > _LONGEST_SOCKET_PATH:
        raise EvaluatorUnavailable(
            f"EVENKEEL_HOME: the evaluator's socket would have a path of {length} bytes, and "
            f"{_LONGEST_SOCKET_PATH} is the most a system allows. Choose a shorter folder."
        )
    return path


class EvaluatorClient:
    """Asks the questions of `jobs.evaluator.questions`. Safe to use from any thread."""

    def __init__(self, settings: Settings, timeout_seconds: float = 600.0) -> None:
        self._settings = settings
        self._timeout = httpx.Timeout(timeout_seconds, connect=2.0)

    def ask(self, question: Question[A]) -> A:
        """The answer to a question.

        Raises `EvaluatorUnavailable` when nobody answers, and `UserError` with the evaluator's own
        sentence for a mistake in what was asked.
        """
        response = self._send(f"/{question.name()}", question.model_dump_json().encode())
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise UserError(response.json()["error"])
        response.raise_for_status()
        return question.decode(response.content)

    def _send(self, route: str, body: bytes) -> httpx.Response:
        socket = checked_socket(self._settings)
        if not socket.exists():  # httpcore would leave its own end open for the garbage collector
            raise EvaluatorUnavailable(_STARTING)
        try:
            # `verify`: there is no TLS on a socket file, and loading the certificates takes 20 ms.
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=str(socket), verify=False),
                base_url="http://evaluator",
                timeout=self._timeout,
            ) as client:
                return client.post(
                    route, content=body, headers={"content-type": "application/json"}
                )
        except httpx.TimeoutException:
            raise EvaluatorUnavailable(
                f"The evaluator did not answer within {self._timeout.read:g} seconds. Try again."
            ) from None
        except httpx.TransportError:
            raise EvaluatorUnavailable(_STARTING) from None
