"""Prompts: the published templates exactly, and class names with any characters."""

import pytest

from core.data.prompts import (
    OPENAI_80,
    TEMPLATE_SETS,
    TIP_7,
    display_name,
    prompts_for,
    resolve_templates,
)
from core.errors import UserError


def test_the_80_are_open_clips_in_its_order():
    import open_clip

    assert [make("{}") for make in open_clip.OPENAI_IMAGENET_TEMPLATES] == list(OPENAI_80)
    assert len(set(OPENAI_80)) == 80


def test_the_7_are_among_the_80():
    assert len(set(TIP_7)) == 7
    assert set(TIP_7) <= set(OPENAI_80)


def test_dataset_means_its_own_templates_else_the_80():
    assert resolve_templates("dataset", ("an icon of a {}.",)) == ("an icon of a {}.",)
    assert resolve_templates("dataset", ()) == OPENAI_80


def test_a_set_is_asked_for_by_name_whatever_the_data_set_has():
    for name, templates in TEMPLATE_SETS.items():
        assert resolve_templates(name, ("an icon of a {}.",)) == templates


def test_own_templates_may_be_one_or_many_and_hold_other_braces():
    assert resolve_templates("a {}.") == ("a {}.",)
    assert resolve_templates(["a {}.", "{} {0}"]) == ("a {}.", "{} {0}")


@pytest.mark.parametrize("templates", [("a fox",), ("a {} and a {}",), ("ok {}", "")])
def test_a_template_needs_one_slot(templates):
    with pytest.raises(UserError, match="exactly once"):
        resolve_templates(templates)


def test_no_templates_at_all_are_an_error():
    with pytest.raises(UserError, match="at least one is needed"):
        resolve_templates(())


def test_a_typo_names_its_neighbour():
    with pytest.raises(UserError, match="Did you mean 'openai-80'"):
        resolve_templates("openai80")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("red_fox", "red fox"),
        ("  red__fox_ ", "red fox"),
        ("book-or-paper", "book-or-paper"),
        ("crème brûlée", "crème brûlée"),
        ("狐", "狐"),
        ("___", "___"),
    ],
)
def test_a_folder_is_called_what_a_person_would_say(folder, name):
    assert display_name(folder) == name


def test_prompts_are_classes_by_templates_and_take_names_literally():
    prompts = prompts_for(["{0}", "50 % {fox}"], ["a {}.", "{}"])
    assert prompts == [["a {0}.", "{0}"], ["a 50 % {fox}.", "50 % {fox}"]]
