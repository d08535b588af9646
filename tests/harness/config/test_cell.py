from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.cell import Budget, default_budget
from support.recorded import cell

USUAL = default_budget("prisoner", "default")


def test_a_cell_with_nothing_changed_has_a_short_name():
    assert cell("dqn", seed=3).id == "prisoner/dqn/seed=3"


def test_a_name_tells_options_fields_preset_and_changed_budget():
    budget = Budget(episodes=7, steps=USUAL.steps, evaluations=2, evaluation_episodes=20)
    of = cell(
        "fixed_ltos",
        options=(("max_steps", 9),),
        fields=(("double", True), ("selfishness", 0.3)),
        preset="paper",
        budget=budget,
    )

    assert of.task == "prisoner,max_steps=9,episodes=7,evaluations=2"
    assert of.variant == "fixed_ltos,double=true,selfishness=0.3,paper"


def test_the_label_is_presentation_not_identity():
    assert cell(label="a") == cell(label="b")
    assert hash(cell(label="a")) == hash(cell(label="b"))


@pytest.mark.parametrize("change", [{"seed": 1}, {"preset": "paper"}, {"fields": (("tau", 0.5),)}])
def test_whatever_changes_the_run_changes_the_name(change):
    assert cell(**change).id != cell().id


@given(text=st.text(min_size=1))
def test_a_name_is_one_safe_path_whatever_the_values_are(text):
    parts = cell(options=(("world", text),)).id.split("/")

    assert len(parts) == 3
    assert parts[0].isascii()
    assert not {",", "=", "\\", "\0", ":"} & set(parts[0].removeprefix("prisoner,world="))


def test_the_path_of_a_file_stays_readable_in_a_name():
    of = cell(options=(("flow", "cities/jinan/flow+1.json"),))

    assert of.task == "prisoner,flow=cities+jinan+flow%2B1.json"


@given(first=st.text(), second=st.text())
def test_different_values_have_different_names(first, second):
    names = {cell(options=(("world", text),)).id for text in (first, second)}

    assert len(names) == len({first, second})


def test_budgets_come_from_all_then_scenario_then_preset():
    assert default_budget("jungle", "paper").episodes == 1000
    assert default_budget("jungle", "paper").evaluations == 50
    assert default_budget("jungle", "default").episodes == 300
    assert default_budget("traffic", "paper").evaluation_episodes == 1
    assert default_budget("traffic", "default").evaluations == 40
    assert default_budget("somebody's own", "default").episodes == 1000


def test_a_budget_says_which_of_episodes_and_steps_decides():
    both = Budget(episodes=3000, steps=40_000, evaluations=1, evaluation_episodes=1)

    assert replace(both, steps=0).text == replace(both, steps=3000).text == "3000 episodes"
    assert both.text == (
        "3000 episodes and 40000 steps, whichever takes longer: the steps, where an episode lasts "
        "less than 13.3 of them on average"
    )
