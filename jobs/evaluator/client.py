"""Asking the evaluator. Imports no torch; every mistake of a user comes back as a `UserError`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from core.errors import UserError
from core.results.estimate import Footprint
from core.results.records import Mixing
from jobs.evaluator.catalogue import catalogue_path
from jobs.settings import Settings

_STARTING = (
    "The evaluator is starting or not running. Try again in a few seconds; `evenkeel up` starts it."
)
_LONGEST_SOCKET_PATH = 103
"""Bytes: what macOS allows; Linux allows four more."""


class EvaluatorUnavailable(UserError):
    """Nobody answers: it is starting, or not running."""


def checked_socket(settings: Settings) -> Path:
    """Where the evaluator listens; a `UserError` when the system cannot have a socket there."""
    path = settings.socket_path
    length = len(bytes(path))
    if length > _LONGEST_SOCKET_PATH:
        raise EvaluatorUnavailable(
            f"EVENKEEL_HOME: the evaluator's socket would have a path of {length} bytes, and "
            f"{_LONGEST_SOCKET_PATH} is the most a system allows. Choose a shorter folder."
        )
    return path


class EvaluatorClient:
    """One method for each thing the evaluator can do. Safe to use from any thread."""

    def __init__(self, settings: Settings, timeout_seconds: float = 600.0) -> None:
        self._settings = settings
        self._timeout = httpx.Timeout(timeout_seconds, connect=2.0)

    def health(self) -> dict[str, Any]:
        """`{"ready": true, "pid"}` as soon as it can answer the rest."""
        return self._get("/health")

    def catalogue(self) -> dict[str, Any]:
        """Methods, models and knobs; at once when this home has them from before."""
        kept = catalogue_path(self._settings)
        try:
            catalogue: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return self._get("/catalogue")
        return catalogue

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config with every knob of its method spelled out."""
        answer: dict[str, Any] = self._post("/check", {"config": config})["config"]
        return answer

    def check_combination(self, method: str, run_ids: Sequence[str]) -> dict[str, Any]:
        """The config of a combination of finished runs, which fit each other."""
        question = {"method": method, "runs": list(run_ids)}
        answer: dict[str, Any] = self._post("/check-combination", question)["config"]
        return answer

    def zero_shot(
        self,
        data: Path,
        model: str = "embedded",
        templates: str | Sequence[str] = "dataset",
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """What plain CLIP scores on every image of a data set, or would under other class names."""
        asked = {"names": dict(names)} if names else {}
        return self._post("/zero-shot", {**_about(data, model, templates), **asked})

    def shots(self, data: Path, model: str, templates: str | Sequence[str]) -> dict[str, Any]:
        """The shots curve of plain CLIP on a data set, and what to label next."""
        return self._post("/shots", _about(data, model, templates))

    def cross_validate(
        self, data: Path, model: str, templates: str | Sequence[str], method: str
    ) -> dict[str, Any]:
        """A method on frozen features, measured over all images in folds."""
        return self._post("/cross-validate", {**_about(data, model, templates), "method": method})

    def prototypes(self, data: Path, model: str, templates: str | Sequence[str]) -> dict[str, Any]:
        """Where the spurious prototypes of some prompts lie before any training."""
        return self._post("/prototypes", _about(data, model, templates))

    def footprint(self, model: str) -> Footprint:
        """What an image costs a model on this device."""
        return Footprint(**self._post("/footprint", {"model": model}))

    def measure(self, run_id: str, mixing: Mixing) -> dict[str, Any]:
        """A finished run under any mixing on all of its domains; kept in the run's folder."""
        return self._post("/measure", _under(run_id, mixing))

    def inspect(self, run_id: str, mixing: Mixing) -> dict[str, Any]:
        """What a finished run says of every image it measured, at its ends and under a mixing."""
        return self._post("/inspect", _under(run_id, mixing))

    def feature_space(self, run_id: str, alpha: float) -> dict[str, Any]:
        """Where the images of a finished run lie for zero-shot CLIP and at α."""
        return self._post("/feature-space", _under(run_id, Mixing.wise(alpha)))

    def correct_templates(self, run_id: str, excluded: Sequence[str] | None) -> dict[str, Any]:
        """The spurious prototypes of a finished run, and without the excluded templates."""
        asked = None if excluded is None else list(excluded)
        return self._post("/correct-templates", {"run": run_id, "excluded": asked})

    def predict(self, run_id: str, mixing: Mixing, image: Path) -> dict[str, Any]:
        """What zero-shot, the mixing and the tuned model say about one image."""
        return self._post("/predict", {**_under(run_id, mixing), "image": str(image)})

    def export(self, run_id: str, mixing: Mixing, format: str = "open_clip") -> dict[str, Any]:
        """Write a finished run under a mixing for another program."""
        return self._post("/export", {**_under(run_id, mixing), "format": format})

    def _get(self, route: str) -> dict[str, Any]:
        return self._ask("GET", route, None)

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._ask("POST", route, body)

    def _ask(self, verb: str, route: str, body: dict[str, Any] | None) -> dict[str, Any]:
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
                response = client.request(verb, route, json=body)
        except httpx.TimeoutException:
            raise EvaluatorUnavailable(
                f"The evaluator did not answer within {self._timeout.read:g} seconds. Try again."
            ) from None
        except httpx.TransportError:
            raise EvaluatorUnavailable(_STARTING) from None
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise UserError(response.json()["error"])
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def _about(data: Path, model: str, templates: str | Sequence[str]) -> dict[str, Any]:
    """A question about a data set as a model sees it, with a template set or one's own."""
    prompts = templates if isinstance(templates, str) else list(templates)
    return {"data": str(data), "model": model, "templates": prompts}


def _under(run_id: str, mixing: Mixing) -> dict[str, Any]:
    return {"run": run_id, "mixing": mixing.model_dump()}
