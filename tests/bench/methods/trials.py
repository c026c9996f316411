"""What is compared: experiments, each a list of trials; a trial at one seed is one run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.methods import METHODS
from core.results.records import RunConfig
from core.training.settings import LoopParams, TowerParams

FULL_SHOTS = 16
ALPHAS = tuple(round(i * 0.1, 1) for i in range(11))
"""The mixing weights that are measured of every run: a coarser grid than a run's own, for time."""


ADAPTERS = ("tip-adapter", "tip-adapter-f", "ape", "ape-t")


@dataclass(frozen=True)
class Trial:
    """One row of a table: a method, or an interpolator over a method's runs, with some knobs
    set.
    """

    label: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    shots: int = FULL_SHOTS
    backbone: str | None = None
    """The method whose finished run of the same seed and shots lends its image tower."""
    over: str | None = None
    """The method whose finished run of the same seed and shots an interpolator starts from."""
    pool: bool = False
    """The interpolator takes all runs of that method, one for every learning rate searched."""
    data: str | None = None
    """Another data set than the benchmark's, by its name in the benchmark's folder."""
    unseen: tuple[str, ...] = ()
    """Classes without training images, which are measured all the same."""
    is_mixed: bool = True
    """Off: no mixing weights are measured but both ends."""

    def config(
        self, data: str, model: str, seed: int, alphas: Sequence[float] = ALPHAS, **params: Any
    ) -> RunConfig:
        """The run of this trial at one seed; `params` fill in what the trial leaves open."""
        return RunConfig(
            data=data,
            method=self.method,
            model=model,
            shots=self.shots,
            seed=seed,
            split="drawn",
            params={**params, **self.params},
            evaluations=1,
            alphas=tuple(alphas) if self.is_mixed else (),
            unseen=self.unseen,
        )

    def folder(self, seed: int) -> str:
        """Name of its run folder: trials that ask for the same run share it."""
        knobs = [f"{name}={value}" for name, value in sorted(self.params.items())]
        where = [self.data] if self.data else []
        lent = [f"on-{self.backbone}"] if self.backbone else []
        over = [f"over-{'all-' if self.pool else ''}{self.over}"] if self.over else []
        without = [f"without-{len(self.unseen)}-classes"] if self.unseen else []
        start = [self.method, *where, *lent, *over, *without, *knobs]
        return "-".join([*start, f"{self.shots}-shots", f"seed-{seed}"])


def every_method(shots: Iterable[int] = (FULL_SHOTS,)) -> list[Trial]:
    """Every method with its default knobs."""
    return [Trial(name, name, shots=k) for k in shots for name in METHODS if name != "ship"]


def guidance_grid() -> list[Trial]:
    """Fixed or random texts, KL divergence or squared error (Lipsum-FT, Tables 3 and 9)."""
    return [
        Trial(label, "lipsum-ft", {"guidance": guidance, "distance": distance})
        for label, guidance, distance in (
            ("CAR-FT (KLD, fixed)", "fixed", "kld"),
            ("CAR-FT MSE (MSE, fixed)", "fixed", "mse"),
            ("Lipsum-FT KLD (KLD, random)", "random", "kld"),
            ("Lipsum-FT (MSE, random)", "random", "mse"),
        )
    ]


def head_starts() -> list[Trial]:
    """Where the class head starts (Lipsum-FT, Table 4)."""
    names = ("zero-shot", "lp", "scratch-ft", "lp-ft", "ft")
    return [Trial(name, name) for name in names]


def prototype_sources() -> list[Trial]:
    """Which templates FD-Align's spurious prototypes come from, and whether SPC corrects them."""
    return [
        Trial(label, "fd-align", params)
        for label, params in (
            ("all 80, SPC", {}),
            ("all 80, no correction", {"correction": "off"}),
            ("all 80, outliers dropped", {"correction": "outliers"}),
            ("all 80, clusters only", {"correction": "clusters"}),
            ("Tip-7, no correction", {"prototypes": "tip-7", "correction": "off"}),
            ("the data set's own", {"prototypes": "dataset", "correction": "off"}),
        )
    ]


def random_texts() -> list[Trial]:
    """Length and number of Lipsum-FT's random texts (Table 8)."""
    lengths = [Trial(f"L = {n}, M = 80", "lipsum-ft", {"text_length": n}) for n in (1, 4, 8, 16)]
    numbers = [Trial(f"L = 8, M = {n}", "lipsum-ft", {"random_texts": n}) for n in (10, 40, 160)]
    return [*lengths, *numbers]


def adapter_shots() -> list[Trial]:
    """What adapters make of 1 to 16 shots; quick, so that a processor can do it in minutes."""
    return [Trial(name, name, shots=k) for k in (1, 2, 4, 8, FULL_SHOTS) for name in ADAPTERS]


def plug_in() -> list[Trial]:
    """Tip-Adapter and APE on CLIP's own image tower and on FD-Align's (FD-Align, Table 2)."""
    return [
        trial
        for name in ADAPTERS
        for trial in (Trial(name, name), Trial(f"{name} on FD-Align", name, backbone="fd-align"))
    ]


def interpolation() -> list[Trial]:
    """Weights mixed, averaged and projected after fine-tuning (Lipsum-FT, Tables 6, 7 and 12)."""
    return [
        Trial("FT", "ft"),
        *(Trial(f"FT + {name}", name, over="ft") for name in ("wise", "tpgm", "tpgm-c")),
        *(
            Trial(f"FT + {name}", name, over="ft", pool=True)
            for name in ("uniform-soup", "greedy-soup", "greedy-ensemble")
        ),
        Trial("Lipsum-FT", "lipsum-ft"),
        *(Trial(f"Lipsum-FT + {name}", name, over="lipsum-ft") for name in ("wise", "tpgm")),
    ]


def costs() -> list[Trial]:
    """Two epochs of every method that trains by steps, for its time and nothing else."""
    return [
        Trial(name, name, {"epochs": 2}, is_mixed=False)
        for name, method in METHODS.items()
        if issubclass(method.Params, LoopParams) and name not in ("ship", "lp-ft")
    ]


def unseen(classes: Sequence[str]) -> list[Trial]:
    """Every second class is not trained on, and all are candidates: generalised zero-shot
    (Lipsum-FT, Table 11).
    """
    names = ("zero-shot", "ft", "fd-align", "coop", "ship")
    return [Trial(name, name, unseen=tuple(classes[1::2])) for name in names]


REFERENCED = ("ft", "fd-align", "lipsum-ft")


def references(domains: Iterable[str], methods: Sequence[str] = REFERENCED) -> list[Trial]:
    """Each domain in turn as the one that is trained on (Lipsum-FT, Table 10). `domains` are the
    rotated data sets, by their names in the benchmark's folder.
    """
    return [Trial(f"{name}, {domain}", name, data=domain) for domain in domains for name in methods]


def rates(multiples: Iterable[float], own: Callable[[str], float | None]) -> list[Trial]:
    """Every method that moves a tower at several learning rates: where the default comes from.
    `own` is a method's default.
    """
    return [
        Trial(f"{name}, lr {rate:.2g}", name, {"lr": float(f"{rate:.2g}")})
        for name, method in METHODS.items()
        if issubclass(method.Params, TowerParams) and (default := own(name))
        for rate in (default * multiple for multiple in multiples)
    ]


EXPERIMENTS: dict[str, Callable[[], list[Trial]]] = {
    "methods": every_method,
    "heads": head_starts,
    "guidance": guidance_grid,
    "prototypes": prototype_sources,
    "texts": random_texts,
    "plug-in": plug_in,
    "shots": adapter_shots,
    "interpolation": interpolation,
    "cost": costs,
}
"""The ablations of the papers by name, without `unseen` and `references`: they depend on the
data.
"""
