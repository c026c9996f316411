"""TPGM: projections and penalties worked out by hand, and the limits of the radii."""

from itertools import chain

import pytest
import torch

from core.interpolation import INTERPOLATORS
from core.interpolation.tpgm import norms, project, shuffled
from core.interpolation.tpgm_c import radius_penalty
from tests.interpolation.conftest import finish
from tests.mutants import Mutant

# Δ = [[3, 0], [0, 4]]: whole-tensor L2 norm 5; L1 norms of the rows 3 and 4.
START = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
DELTA = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
END = START + DELTA


def test_a_radius_of_half_the_length_keeps_half_the_change():
    # ‖Δ‖₂ = √(9 + 16) = 5, γ = 2.5: ratio 1/2.
    distance = norms(DELTA, "l2")
    assert distance.item() == pytest.approx(5.0)
    halved = project(START, END, torch.tensor(2.5), distance)
    torch.testing.assert_close(halved, torch.tensor([[2.5, 1.0], [1.0, 3.0]]))


def test_mars_bounds_every_row_by_the_same_radius():
    # Rows change by 3 and by 4 in L1. γ = 1: ratios 1/3 and 1/4, so each row moves by 1.
    distance = norms(DELTA, "mars")
    assert distance.tolist() == [[3.0], [4.0]]
    moved = project(START, END, torch.tensor(1.0), distance)
    torch.testing.assert_close(moved, torch.tensor([[2.0, 1.0], [1.0, 2.0]]))


def test_mars_takes_the_whole_of_a_vector_and_all_inner_dimensions_of_a_kernel():
    assert norms(torch.tensor([1.0, -2.0]), "mars").tolist() == [3.0]
    assert norms(-torch.ones(2, 3, 4, 4), "mars").flatten().tolist() == [48.0, 48.0]
    assert norms(torch.tensor(-2.0), "mars").item() == 2.0


def test_a_huge_radius_is_the_member_to_the_bit_and_a_tiny_one_is_zero_shot():
    torch.manual_seed(0)
    start, end = torch.randn(50, 7), torch.randn(50, 7) * 1e3
    for norm in ("l2", "mars"):
        distance = norms(end - start, norm)
        assert torch.equal(project(start, end, torch.tensor(1e9), distance), end)
        assert torch.equal(project(start, end, torch.tensor(0.0), distance), start)


def test_the_gradient_is_zero_where_the_clamp_is_saturated_and_the_slope_elsewhere():
    # d Σθ̃/dγ = ΣΔ/‖Δ‖ = 7/5 inside, 0 from the norm on.
    for value, slope in ((2.5, 7 / 5), (6.0, 0.0), (5.0 + 1e-5, 0.0)):
        radius = torch.tensor(value, requires_grad=True)
        project(START, END, radius, norms(DELTA, "l2")).sum().backward()
        assert radius.grad.item() == pytest.approx(slope)


def test_a_tensor_that_did_not_move_stays_where_it_is():
    for radius in (0.0, 1.0):
        assert torch.equal(project(START, START, torch.tensor(radius), torch.tensor(0.0)), START)


# γ = (1, 2) of norms (2, 8): ratios 1/2 and 1/4, squares 1/4 and 1/16, mean 5/32. Σγ² = 5.
RADII = [torch.tensor(1.0), torch.tensor(2.0)]
LARGEST = [torch.tensor(2.0), torch.tensor(8.0)]


def test_the_relative_penalty_equals_the_hand_worked_mean():
    assert radius_penalty(RADII, LARGEST, "relative").item() == pytest.approx(5 / 32)


def test_the_l2_penalty_equals_the_hand_worked_sum():
    assert radius_penalty(RADII, LARGEST, "l2").item() == pytest.approx(5.0)


def test_batches_see_every_image_once_a_pass_and_the_last_is_short():
    batches = shuffled(5, 2, seed=0)
    first, second = ([next(batches).tolist() for _ in range(3)] for _ in range(2))
    assert [len(batch) for batch in first] == [2, 2, 1]
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(5))
    assert first != second


def fit(name, members, tiny_task, **settings):
    interpolator = INTERPOLATORS[name](INTERPOLATORS[name].Params(**settings))
    return finish(interpolator.combine(members, *tiny_task))


@pytest.mark.parametrize("norm", ["l2", "mars"])
def test_full_radii_that_are_not_fitted_give_the_member_and_none_zero_shot(
    norm, tiny_task, members_of
):
    [member] = members_of(1)
    none, _ = fit("tpgm", [member], tiny_task, norm=norm, steps=0, start_ratio=0)
    for name, tensor in member.zero_shot.state_dict().items():
        torch.testing.assert_close(none.classifier.state_dict()[name], tensor)
    if norm == "l2":  # under mars rows share the radius of the row that moved least
        whole, _ = fit("tpgm", [member], tiny_task, steps=0, start_ratio=1)
        for name, tensor in member.load().state_dict().items():
            torch.testing.assert_close(whole.classifier.state_dict()[name], tensor)
        assert whole.facts["mean_ratio"] == pytest.approx(1)


def test_it_starts_at_the_middle_of_wise_ft(tiny_task, members_of):
    [member] = members_of(1)
    half, _ = fit("tpgm", [member], tiny_task, steps=0)
    for name, weight in half.classifier.named_parameters():
        start = member.zero_shot.get_parameter(name)
        middle = (start + member.load().get_parameter(name)) / 2
        torch.testing.assert_close(weight, middle, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["l2", "mars"])
def test_fitting_lowers_the_loss_on_the_images_it_fits(norm, tiny_task, members_of):
    members = members_of(1, scale=0.2)
    _, events = fit("tpgm", members, tiny_task, norm=norm, steps=30, lr=0.05)
    assert [event.step for event in events] == list(range(1, 31))
    assert events[-1].loss < events[0].loss


def test_no_tensor_leaves_its_radius(tiny_task, members_of):
    [member] = members_of(1, scale=0.2)
    fitted, _ = fit("tpgm", [member], tiny_task, steps=10)
    for name, weight in fitted.classifier.named_parameters():
        start = member.zero_shot.get_parameter(name)
        whole = (member.load().get_parameter(name) - start).norm()
        assert (weight - start).norm() <= whole * (1 + 1e-5)


def test_a_head_without_radii_stays_as_tuned(tiny_task, members_of):
    [member] = members_of(1)
    fitted, _ = fit("tpgm", [member], tiny_task, steps=2, project_head=False)
    assert torch.equal(fitted.classifier.head.weight, member.load().head.weight)


def test_without_weight_the_pull_is_tpgm_to_the_bit(tiny_task, members_of):
    members = members_of(1)
    plain, _ = fit("tpgm", members, tiny_task, steps=5)
    pulled, _ = fit("tpgm-c", members, tiny_task, steps=5, mu=0)
    for name, tensor in plain.classifier.state_dict().items():
        assert torch.equal(tensor, pulled.classifier.state_dict()[name]), name


@pytest.mark.parametrize("regulariser", ["relative", "l2"])
def test_a_strong_pull_keeps_less_of_the_change(regulariser, tiny_task, members_of):
    members = members_of(1, scale=0.2)
    plain, _ = fit("tpgm", members, tiny_task, steps=20)
    pulled, events = fit("tpgm-c", members, tiny_task, steps=20, mu=50, regulariser=regulariser)
    assert pulled.facts["mean_ratio"] < plain.facts["mean_ratio"]
    assert set(events[0].terms) == {"class", "radius"}


def test_a_run_that_moved_nothing_is_refused(tiny_task, members_of):
    from core.errors import UserError

    with pytest.raises(UserError, match="moved no weights"):
        fit("tpgm", members_of(1, scale=0.0), tiny_task)


def test_radii_that_no_gradient_reaches_are_said(tiny_task, texts_of):
    from core.errors import UserError

    members = texts_of(1)
    with pytest.raises(UserError, match=r"no gradient for head\.text\..* project_head=false"):
        fit("tpgm", members, tiny_task, steps=2)
    fitted, _ = fit("tpgm", members, tiny_task, steps=2, project_head=False)
    own = members[0].load().head.text.state_dict()
    assert all(torch.equal(own[n], t) for n, t in fitted.classifier.head.text.state_dict().items())


MUTANTS = [
    Mutant(
        "core.interpolation.tpgm",
        "torch.lerp(start, tuned, F",
        "torch.lerp(tuned, start, F",
        test_a_huge_radius_is_the_member_to_the_bit_and_a_tiny_one_is_zero_shot,
    ),
    Mutant(
        "core.interpolation.tpgm",
        "return delta.norm()",
        "return delta.abs().sum()",
        test_a_radius_of_half_the_length_keeps_half_the_change,
    ),
    Mutant(
        "core.interpolation.tpgm",
        "delta.abs().sum(dim=rows, keepdim=True)",
        "delta.square().sum(dim=rows, keepdim=True)",
        test_mars_bounds_every_row_by_the_same_radius,
    ),
    Mutant(
        "core.interpolation.tpgm",
        "or tuple(range(delta.dim()))",
        "",
        test_mars_takes_the_whole_of_a_vector_and_all_inner_dimensions_of_a_kernel,
    ),
    Mutant(
        "core.interpolation.tpgm",
        "F.hardtanh(radius / (distance + TINY), 0.0, 1.0)",
        "radius / (distance + TINY)",
        test_a_huge_radius_is_the_member_to_the_bit_and_a_tiny_one_is_zero_shot,
    ),
    Mutant(
        "core.interpolation.tpgm",
        "F.hardtanh(radius / (distance + TINY), 0.0, 1.0)",
        "(radius / distance).clamp(0, 1)",
        test_a_tensor_that_did_not_move_stays_where_it_is,
    ),
    Mutant(
        "core.interpolation.tpgm_c",
        ".square().mean()",
        ".square().sum()",
        test_the_relative_penalty_equals_the_hand_worked_mean,
    ),
    Mutant(
        "core.interpolation.tpgm_c",
        "/ torch.stack(list(largest))).square()",
        "/ torch.stack(list(largest))).abs()",
        test_the_relative_penalty_equals_the_hand_worked_mean,
    ),
    Mutant(
        "core.interpolation.tpgm_c",
        "gammas.square().sum()",
        "gammas.square().mean()",
        test_the_l2_penalty_equals_the_hand_worked_sum,
    ),
]
