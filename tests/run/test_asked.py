"""What may be asked for is told without torch as it is with it: same settings, same sentences.

One process has torch and the library, the other may not import torch at all; both are asked the
same.
"""

import functools
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core import without_torch
from core.data.prompts import TEMPLATE_SETS
from core.errors import UserError
from core.results.records import RunConfig

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
for heavy in ("torch", "torchvision", "open_clip", "sklearn", "scipy"):
    sys.modules[heavy] = None  # importing it is an ImportError
from core.without_torch import read
from tests.run.test_asked import outcomes
asked, interpolation = read("core.run.asked"), read("core.interpolation")
ways, cases = json.load(sys.stdin)
print(json.dumps([asked.catalogue(), outcomes(asked, interpolation, ways, cases)]))
"""
ONE = ["a photo of a {}."]
PROMPTS: list[tuple[Any, Any]] = [
    ("dataset", None), ("dataset", ONE), ("dataset", ["a {}.", "the {}."]), ("tip-7", None),
    (ONE, None), (["a {}.", "the {}."], ONE), ("tip7", None), ("no braces", None),
]  # fmt: skip
TOGETHER: list[tuple[str, dict[str, Any]]] = [
    ("fd-align", {"excluded_templates": ["no such template of a {}."]}),
    ("fd-align", {"excluded_templates": [TEMPLATE_SETS["tip-7"][0]], "prototypes": "tip-7"}),
    ("fd-align", {"excluded_templates": list(TEMPLATE_SETS["tip-7"][1:]), "prototypes": "tip-7"}),
    ("fd-align", {"excluded_templates": list(TEMPLATE_SETS["tip-7"]), "prototypes": "tip-7"}),
    ("fd-align", {"prototypes": "tip-7", "kept_prototypes": 5, "centres": 60}),
    ("fd-align", {"prototypes": "dataset", "spurious_weight": 0}),
    ("car-ft", {"contexts": "dataset"}),
    ("car-ft", {"contexts": "dataset", "distance": "mse"}),
    ("lipsum-ft", {"random_texts": 1, "distance": "kld"}),
    ("flyp", {"batch_size": 1}),
    ("scratch-ft", {"train_head": False}),
    ("scratch-ft", {"train_head": "off", "lr": -1}),
]
"""Settings that a rule of the method's own looks at together."""
SENTENCES = (
    "Did you mean 'fd-align'",
    "Did you mean 'lr'",
    "lr must be greater than 0, got -1",
    "train_head must be on",
    "excluded_templates",
    "so it would have no effect",
)
"""Parts of what is told: typos, ranges, rules of one method, and rules over its prompts."""


def outcomes(
    asked: ModuleType, interpolation: ModuleType, ways: list[Any], cases: list[Any]
) -> list[Any]:
    """What is made of each case: the settings, or the sentence that refuses them."""

    def outcome(make: Any) -> Any:
        try:
            return make().model_dump(mode="json")
        except UserError as error:
            return str(error)

    def combined(name: str, runs: int, params: dict[str, Any]) -> Any:
        interpolator = interpolation.find(name)
        interpolator.check_count(runs)
        return interpolator.Params.parse(params, name)

    def complete(config: dict[str, Any], own: list[str] | None) -> Any:
        return asked.complete(RunConfig.parse(config, "run"), own)

    return [
        *(outcome(functools.partial(complete, *case)) for case in cases),
        *(outcome(functools.partial(combined, *way)) for way in ways),
    ]


def tried(knob: dict[str, Any]) -> list[Any]:
    """Good and bad values of a setting, as a program gives them and as a person types them."""
    low, high = knob["minimum"], knob["maximum"]
    sensible = knob["sensible"] or {"low": None, "high": None}
    ends = [end for end in (low, high, sensible["low"], sensible["high"]) if end is not None]
    numbers = [*ends, *(end - 1 for end in ends), *(end + 1 for end in ends)]
    plain = [None, True, "", "banana", "1e-3", "off", -1, 0, 0.5, 10**6, [], ["a", "b"], {"a": 1}]
    values = [knob["default"], *(knob["choices"] or ()), *numbers, *plain]
    return [*values, *(str(value) for value in values)]


def typos(name: str) -> list[str]:
    return [name[:-1], name + "s", name.upper()]


@pytest.fixture(scope="module")
def library() -> tuple[ModuleType, ModuleType]:
    import core.interpolation
    import core.run.asked

    return core.run.asked, core.interpolation


@pytest.fixture(scope="module")
def cases(library) -> tuple[list[Any], list[Any]]:
    """(ways to combine, configs with the data set's own templates)"""
    catalogue = library[0].catalogue()
    runs: list[Any] = [({"data": "x", "method": name, **more}, own) for name, more, own in (
        *((wrong, {}, None) for wrong in ("fdalign", "FT", "", "no-such-method")),
        *((name, {"params": params, "templates": given}, own)
          for name, params in TOGETHER for given, own in PROMPTS),
    )]  # fmt: skip
    for method in catalogue["methods"]:
        base = {"data": "x", "method": method["name"]}
        for given, own in PROMPTS:
            runs += [({**base, "templates": given, "preset": p}, own) for p in ("default", "paper")]
        for knob in method["knobs"]:
            params = [{knob["name"]: value} for value in tried(knob)]
            params += [{wrong: 1} for wrong in typos(knob["name"])]
            runs += [({**base, "params": each}, None) for each in params]
    for knob in catalogue["run_knobs"]:
        runs += [({"data": "x", knob["name"]: value}, None) for value in tried(knob)]
        runs += [({"data": "x", wrong: 1}, None) for wrong in typos(knob["name"])]
    ways: list[Any] = [(wrong, 1, {}) for wrong in ("soup", "Wise")]
    for way in catalogue["interpolators"]:
        ways += [(way["name"], count, {}) for count in (0, 1, 2, 3)]
        fits = way["members"]["fewest"]
        for knob in way["knobs"]:
            ways += [(way["name"], fits, {knob["name"]: value}) for value in tried(knob)]
            ways += [(way["name"], fits, {wrong: 1}) for wrong in typos(knob["name"])]
    return ways, runs


@pytest.fixture(scope="module")
def without(cases) -> list[Any]:
    """What a process without torch says: the catalogue, and the outcome of every case."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, check=False, text=True, capture_output=True,
        input=json.dumps(cases),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_the_catalogue_is_the_same_without_torch(library, without):
    assert without[0] == json.loads(json.dumps(library[0].catalogue()))
    assert {"ft", "fd-align"} <= {method["name"] for method in without[0]["methods"]}


def test_good_and_bad_settings_get_the_same_answer_without_torch(library, cases, without):
    ways, runs = cases
    expected = outcomes(*library, *cases)
    for case, told, said in zip([*runs, *ways], expected, without[1], strict=True):
        assert said == told, case
    refused = [one for one in expected if isinstance(one, str)]
    assert len(refused) > 1000
    assert len(expected) - len(refused) > 1000
    for sentence in SENTENCES:
        assert any(sentence in one for one in refused), sentence


def test_both_can_be_in_one_process(library):
    asked = without_torch.read("core.run.asked")
    assert asked is not library[0]
    assert asked.RunConfig is library[0].RunConfig
    assert asked.catalogue() == library[0].catalogue()
    assert sys.modules["core.run.asked"] is library[0]


def test_a_setting_that_needs_torch_says_so_where_it_is_not_loaded():
    models = without_torch.read("core.models.heads")
    with pytest.raises(RuntimeError, match=r"torch\.nn.* is needed, and torch is not loaded"):
        models.nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="not known where torch is not loaded"):
        bool(models.nn.Linear)
