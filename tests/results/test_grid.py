"""The choice of α from likelihoods per image, and the file that stores them."""

import numpy as np
import pytest

from core.errors import UserError
from core.evaluation.frontier import choose_alpha
from core.results.grid import Grid, MixingAnswers, as_good_as_the_best, best
from tests.mutants import Mutant

ALPHAS = (0.0, 0.5, 1.0)


def grid(by_alpha: dict[float, list[float]], kind="wise", domain="val") -> Grid:
    rows = {
        (kind, alpha, domain): MixingAnswers(
            np.array(values) > -1, np.array(values, dtype=np.float32)
        )
        for alpha, values in by_alpha.items()
    }
    return Grid(tuple(by_alpha), rows)


def test_as_good_as_the_best_is_judged_image_by_image():
    # Behind the best by (0.1, 0.1, 0.1, 0.1): always, so no spread excuses it.
    always = np.array([[-1.1, -2.1, -3.1, -4.1], [-1.0, -2.0, -3.0, -4.0]])
    assert as_good_as_the_best([0.0, 1.0], always) == [1.0]
    # Behind by (3, −1, 1, −1): mean 0.5, standard error √(11/3)/2 = 0.957.
    once = np.array([[-4.0, -1.0, -4.0, -3.0], [-1.0, -2.0, -3.0, -4.0]])
    assert as_good_as_the_best([0.0, 1.0], once) == [0.0, 1.0]
    # Behind by (3, 0, 3, 0): mean 1.5, standard error 0.866, standard deviation 1.73.
    twice = np.array([[-4.0, -2.0, -6.0, -4.0], [-1.0, -2.0, -3.0, -4.0]])
    assert as_good_as_the_best([0.0, 1.0], twice) == [1.0]
    assert as_good_as_the_best([0.0, 1.0], twice, errors=1.8) == [0.0, 1.0]
    assert as_good_as_the_best([0.0, 1.0], np.array([[-2.0], [-1.0]])) == [1.0]


def test_weights_alone_take_the_likeliest_and_a_gate_the_largest_not_rejected():
    close = {0.0: [-9.0, -9, -9], 0.5: [-1.0, -2, -2], 1.0: [-2.0, -1, -2.5]}
    wise = choose_alpha(grid(close), "wise", "last")
    assert (wise.alpha, wise.alpha_chosen_on, wise.checkpoint) == (0.5, "val", "last")
    assert choose_alpha(grid(close, "steady"), "steady", "last").alpha == 1.0


def test_a_gate_takes_the_largest_that_is_not_rejected():
    twice = np.array([[-1.0, -2.0, -3.0, -4.0], [-4.0, -2.0, -6.0, -4.0]])  # 1.73 errors behind
    assert best("steady", [0.0, 1.0], twice) == 0.0
    once = np.array([[-1.0, -2.0, -3.0, -4.0], [-4.0, -1.0, -4.0, -3.0]])  # 0.52
    assert best("steady", [0.0, 1.0], once) == 1.0
    assert best("wise", [0.0, 1.0], once) == 0.0


def test_weights_alone_take_the_likeliest_in_any_case():
    close = np.array([[-9.0, -9, -9], [-1.0, -2, -2], [-2.0, -1, -2.5]])
    assert best("wise", [0.0, 0.5, 1.0], close) == 0.5


def test_without_validation_images_alpha_is_the_default():
    chosen = choose_alpha(grid({0.0: [-1.0], 1.0: [-2.0]}, domain="test"), "wise", "last")
    assert (chosen.alpha, chosen.alpha_chosen_on) == (0.5, "default")


def test_the_grid_comes_back_as_it_was_written(tmp_path):
    written = grid({0.0: [-0.5, -2.0], 1.0: [-3.0, -0.25]}, domain="ood/night | rain")
    written.write(tmp_path / "grid.safetensors")
    again = Grid.read(tmp_path / "grid.safetensors")
    assert again.alphas == (0.0, 1.0)
    assert again.hits("wise", "ood/night | rain").tolist() == [[True, False], [False, True]]
    assert again.of("wise", 1.0, "ood/night | rain").log_likelihood.tolist() == [-3.0, -0.25]
    with pytest.raises(UserError, match="The grid has 0, 1"):
        again.of("steady", 0.5, "test")
    (tmp_path / "grid.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="missing or damaged"):
        Grid.read(tmp_path / "grid.safetensors")


MUTANTS = [
    Mutant(
        "core.results.grid",
        "behind.std(1, ddof=1) / np.sqrt(n)",
        "behind.std(1, ddof=1)",
        test_as_good_as_the_best_is_judged_image_by_image,
    ),
    Mutant(
        "core.results.grid",
        "errors=0)[0]",
        "errors=2)[-1]",
        test_weights_alone_take_the_likeliest_in_any_case,
    ),
    Mutant(
        "core.results.grid",
        "errors=REJECTED_FROM)[-1]",
        "errors=REJECTED_FROM)[0]",
        test_a_gate_takes_the_largest_that_is_not_rejected,
    ),
]
