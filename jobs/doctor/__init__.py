"""`examine`: looks at everything that Evenkeel needs, and changes nothing of it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache

from core.errors import UserError
from jobs.doctor import machine, running, store
from jobs.doctor.results import CheckResult, fail, ok
from jobs.settings import Settings


@dataclass(frozen=True)
class NamedResult(CheckResult):
    """A check by its name, with what it found."""

    name: str = ""


def examine() -> list[NamedResult]:
    """Every check once, in the order in which one would mend things. Never raises."""
    mode_before = store.mode_of(store.named_home())
    checks: dict[str, Callable[[], CheckResult]] = {
        "versions": machine.versions,
        "processor": machine.processor,
        "memory": machine.memory,
        "GPUs": machine.gpus,
        "embedded model": machine.model,
        "page's parts": machine.page_parts,
    }
    try:
        settings = Settings()
    except UserError as error:
        said, advice = str(error), "Mend it; what needs the data folder could not be looked at."
        checks = {"settings": lambda: fail(said, advice)} | checks
    else:
        checks |= {"settings": lambda: ok("Understood.")} | _of_home(settings, mode_before)
    return [_look(name, check) for name, check in checks.items()]


def _of_home(settings: Settings, mode_before: int | None) -> dict[str, Callable[[], CheckResult]]:
    processes = cache(lambda: running.alive(settings))
    return {
        "data folder": lambda: store.data_folder(settings, mode_before),
        "disk": lambda: store.disk(settings),
        "database": lambda: store.database(settings),
        "queue": lambda: store.queue(settings),
        "page": lambda: running.page(settings, processes()),
        "evaluator": lambda: running.evaluator(settings, processes()),
        "workers": lambda: running.workers(settings, processes()),
        "stuck runs": lambda: running.stuck(settings, processes()),
        "leftover processes": lambda: running.leftovers(processes()),
        "half-written files": lambda: store.half_written(settings),
    }


def _look(name: str, check: Callable[[], CheckResult]) -> NamedResult:
    try:
        found = check()
    except Exception as error:  # one broken thing must not hide the others
        said = f"Could not be looked at ({type(error).__name__}: {error})."
        found = fail(said, "If the other lines do not explain it, report it as a bug.")
    return NamedResult(name=name, **asdict(found))
