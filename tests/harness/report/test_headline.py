"""The headline: per scenario six lines, each the best of what it stands for."""

import re

from harness.report import build_report
from support import recorded, reported


def runs(tmp_path, scenario, metric, finals, **kwargs):
    """Save two runs per method at these values; return their cells."""
    cells = [
        (recorded.cell(method, scenario=scenario, seed=seed, fields=fields, **kwargs), value)
        for (method, *policy), value in finals.items()
        for fields in [(("policy", *policy),) if policy else ()]
        for seed in (0, 1)
    ]
    for cell, value in cells:
        recorded.whole(cell, **{metric: value}).save(tmp_path / "trial")
    return [cell for cell, _ in cells]


def tables(tmp_path, cells):
    text = build_report(reported.grid_of(*cells), tmp_path).text
    section = re.search(r"^## Headline\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    found = re.findall(r"((?:^\|.*\n)+)", section[1], re.MULTILINE) if section else []
    return [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
        for table in found
    ]


ROUTING = {("ltos",): 90.0, ("dqn",): 91.0, ("qmix",): 95.0, ("vdn",): 95.0, ("random",): 96.0}
PRISONER = {
    ("ltos",): 0.9,
    ("vdn",): 0.97,
    ("coco_q",): 0.97,
    ("reference", "defect"): 0.49,
    ("reference", "cooperate"): 0.97,
}


def test_a_scenario_has_six_lines_and_ties_go_by_name(tmp_path):
    cells = runs(tmp_path, "prisoner", "return", PRISONER)
    cells += runs(tmp_path, "routing", "delay", ROUTING)

    prisoner, routing = tables(tmp_path, cells)

    assert prisoner == [
        ["LToS", "-", "-", "0.900 [0.900, 0.900], 2/2"],
        ["DGN", "about 0.5 (000, 001)", "-", "-"],
        ["DQN", "about 0.5 (000, 001)", "-", "-"],
        ["fixed LToS", "-", "-", "-"],
        ["best other learner", "", "-", "Coco-Q: 0.970 [0.970, 0.970], 2/2"],
        ["best fixed policy", "", "-", "cooperate: 0.970 [0.970, 0.970], 2/2"],
    ]
    assert routing[2][3] == "91.00 [91.00, 91.00], 2/2"
    assert routing[4][3] == "QMIX: 95.00 [95.00, 95.00], 2/2"
    assert routing[5][3] == "-"  # nobody ran a reference


def test_tasks_that_show_the_same_game_otherwise_stand_in_one_table(tmp_path):
    cells = runs(tmp_path, "prisoner", "return", PRISONER)
    metric, dqn = "reward_per_step", {("dqn",): 0.5}
    cells += runs(tmp_path, "jungle", metric, dqn, preset="paper")
    cells += runs(tmp_path, "jungle", metric, {("dqn",): 0.7}, options=(("planes", True),))
    cells += runs(tmp_path, "jungle", metric, {("dqn",): 0.9}, options=(("n_agents", 10),))

    _, jungle = tables(tmp_path, cells)

    assert jungle[2] == [
        "DQN",
        "0.24 (001)",
        "0.500 [0.500, 0.500], 2/2",
        "0.700 [0.700, 0.700], 2/2",
    ]


def test_one_scenario_needs_no_headline(tmp_path):
    assert tables(tmp_path, runs(tmp_path, "prisoner", "return", PRISONER)) == []
