"""A report sets the results against the papers, the methods against LToS, and claims no more."""

import re

import numpy as np
import pytest

from harness.config.grid import Grid
from harness.report import build_report
from harness.report.document import Document, Entry, Paragraph, Strong, Table, text_of
from harness.report.markdown import markdown
from harness.results.failure import Failure
from harness.results.files import CellFiles
from methods.dqn import DQN
from scenarios.prisoner import Prisoner
from support import recorded

PAPERS = {  # paper 001, Table 1
    "dqn": 0.24,
    "dgn": 0.66,
    "fixed_ltos": 0.71,
    "ltos": 0.86,
    "neurcomm": -0.05,
    "consenet": -0.04,
    "lio": 0.0,
    "ip": 0.63,
    "qmix": 0.04,
}
JITTER = np.array([-0.002, -0.001, 0.0, 0.001, 0.002])


def jungle(tmp_path, finals, n=5, **kwargs):
    """Save runs of jungle around the given values; return their cells."""
    cells = []
    for method, value in finals.items():
        for seed in range(n):
            cell = recorded.cell(method, scenario="jungle", seed=seed, **kwargs)
            reward = value + JITTER[seed % 5] * (1 + len(method) % 3)
            recorded.whole(cell, reward_per_step=reward).save(tmp_path / "trial")
            cells.append(cell)
    return cells


def runs(tmp_path, scenario, method, metric, values):
    cells = []
    for seed, value in enumerate(values):
        cell = recorded.cell(method, scenario=scenario, seed=seed)
        recorded.whole(cell, **{metric: value}).save(tmp_path / "trial")
        cells.append(cell)
    return cells


def report(tmp_path, cells):
    grid = Grid(name="trial", description="a trial", tuning=False, cells=tuple(cells))
    return build_report(grid, tmp_path).text


def part(text, heading):
    """The text under a heading that begins so, up to the next heading."""
    (found,) = re.findall(rf"^##+ {re.escape(heading)}.*?(?=^#|\Z)", text, re.M | re.S)
    return found


def row(text, start):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_numbers_of_the_papers_stand_beside_verdicts_and_ranks(tmp_path):
    finals = PAPERS | {"dgn": 0.70, "fixed_ltos": 0.90, "ip": 0.10}

    text = part(report(tmp_path, jungle(tmp_path, finals)), "reward_per_step against")

    # close: within .05 * .954
    assert row(text, "DQN")[1:] == ["0.24 (001)", "match (0.000)", "4 (5)"]
    assert row(text, "DGN")[1:] == ["0.66 (001)", "close (+0.040)", "3 (3)"]
    assert row(text, "fixed LToS")[1:] == ["0.71 (001)", "better (+0.190)", "1 (2)"]
    assert row(text, "IP")[1:] == ["0.63 (001)", "worse (-0.530)", "5 (4)"]
    assert "default, order of paper 001: Kendall's tau-b +0.89, over 9 methods; 5 of" in text


def test_runs_too_few_or_too_wide_are_not_comparable(tmp_path):
    cells = jungle(tmp_path, {"dqn": 0.24}, n=1)
    cells += runs(tmp_path, "jungle", "dgn", "reward_per_step", [0.1, 0.5, 0.9])

    text = part(report(tmp_path, cells), "reward_per_step against")

    assert row(text, "DQN")[2:] == ["not comparable: one run has no interval (-0.002)", "1-2 (2)"]
    assert row(text, "DGN")[2] == "not comparable: the interval is too wide (-0.160)"
    assert row(text, "LToS")[2:] == ["-", "-"]
    assert "Kendall" not in text


def test_claims_hold_fail_or_stay_open_pair_by_pair(tmp_path):
    finals = PAPERS | {"dgn": 0.90}
    del finals["lio"]
    cells = jungle(tmp_path, finals)
    cells += runs(tmp_path, "jungle", "lio", "reward_per_step", [0.0, 0.9, 0.95, 0.9, 0.92])

    text = part(report(tmp_path, cells), "Claims of the papers")

    best = row(text, "LToS outperforms all other baselines")
    assert best[1:3] == ["001, Sec 5.2", "default"]
    assert best[3] == "LToS better than DQN, fixed LToS, NeurComm, ConseNet, IP, QMIX"
    assert best[4].startswith("LToS better than DGN (-0.040 [")
    assert re.fullmatch(r"LToS better than LIO \(0\.126 \[.*\], needs \d+ seeds\)", best[5])
    gain = row(text, "a fixed reward sharing scheme does not bring any gain over DGN")
    assert gain[3] == "fixed LToS not better than DGN"


def test_a_claim_may_compare_places_and_says_what_was_not_run(tmp_path):
    cells = jungle(tmp_path, {"ltos": 0.86})
    cells += jungle(tmp_path, {"ltos": 0.80}, options=(("n_neighbors", 5),))

    text = report(tmp_path, cells)

    claim = row(
        part(text, "Claims"),
        "with more neighbors the performance increases first, up to 3, and then decreases",
    )
    assert claim[3] == "LToS better than LToS (n_neighbors=5)"
    assert claim[5] == (
        "LToS better than LToS (n_neighbors=1) (not run), LToS (n_neighbors=2) (not run), "
        "LToS (n_neighbors=4) (not run)"
    )
    assert row(text.split("\n## ")[0], "jungle") == ["jungle", "5", "1 hold"]


def test_words_on_speed_are_about_all_of_training(tmp_path):
    cells = [recorded.cell(m, seed=s) for m in ("ltos", "neurcomm") for s in range(5)]
    for cell in cells:  # both end at .97, LToS gets there later
        recorded.result(cell, share=0.4 if cell.method == "ltos" else None).save(tmp_path / "trial")
        if cell.method == "neurcomm":
            recorded.whole(cell, **{"return": 0.97}).save(tmp_path / "trial")

    text = part(report(tmp_path, cells), "Claims")

    slow = row(text, "NeurComm and fixed LToS converge much slower than Coco-Q and LToS")
    assert slow[4].startswith("LToS better than NeurComm (-0.0")


def test_methods_stand_beside_ltos_seed_by_seed(tmp_path):
    cells = runs(tmp_path, "prisoner", "ltos", "return", [0.9, 0.8, 0.7, 0.9, 0.8, 0.9])
    cells += runs(tmp_path, "prisoner", "dqn", "return", [0.5, 0.5, 0.5, 0.5, 0.5])
    cells += runs(tmp_path, "prisoner", "dgn", "return", [0.9, 0.8, 0.7, 0.9, 0.8, 0.9])

    text = part(report(tmp_path, cells), "LToS against each method: return, default")

    # .4 .3 .2 .4 .3: mean .32, sd .0837; half width 2.776 * .0837 / sqrt(5) = .104
    assert row(text, "DQN") == [
        *("DQN", "5", "0.320 [0.216, 0.424]", "5", "3.1", "0.063", "0.13"),
        "0.141",  # 1.682 * .0837
    ]
    assert row(text, "DGN") == ["DGN", "6", "0.000 [0.000, 0.000]", "3", "0", "1", "1", "0.000"]
    assert "| LToS |" not in text


def test_a_policy_that_draws_nothing_stands_beside_every_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(Prisoner, "deterministic", True)
    cells = runs(tmp_path, "prisoner", "ltos", "return", [0.9, 0.8, 0.7, 0.9, 0.8, 0.9])
    once = recorded.cell("reference", fields=(("policy", "defect"),))
    recorded.whole(once, **{"return": 0.49}).save(tmp_path / "trial")
    cells += [once, *runs(tmp_path, "prisoner", "random", "return", [0.5])]

    text = part(report(tmp_path, cells), "LToS against each method")

    assert row(text, "defect (reference)")[1:3] == ["6", "**0.343 [0.258, 0.429]**"]
    assert row(text, "random")[1] == "1"  # it draws its actions


def test_what_holm_leaves_stands_out(tmp_path):
    cells = runs(tmp_path, "prisoner", "ltos", "return", [0.9, 0.8, 0.7, 0.9, 0.8, 0.9])
    cells += runs(tmp_path, "prisoner", "dqn", "return", [0.5] * 6)

    text = part(report(tmp_path, cells), "LToS against each method")

    assert row(text, "DQN")[2].startswith("**0.333 [")
    assert row(text, "DQN")[5:7] == ["0.031", "0.031"]


def test_where_less_is_better_the_smaller_wins_and_the_papers_difference_stands_by(tmp_path):
    cells = runs(tmp_path, "routing", "ltos", "delay", [86.0, 87.0, 88.0, 87.0, 86.0])
    cells += runs(tmp_path, "routing", "dqn", "delay", [91.0, 91.5, 90.5, 91.0, 91.0])

    text = report(tmp_path, cells)

    # -5 -4.5 -2.5 -4 -5: sd 1.037, half width 2.776 * 1.037 / sqrt(5) = 1.29
    line = row(part(text, "LToS against each method: delay"), "DQN")
    assert line[1:4] == ["5", "-4.20 [-5.49, -2.91]", "5"]
    assert line[8:] == ["-4.35", "5"]
    assert row(part(text, "delay against"), "DQN")[2:] == ["match (-0.06)", "2 (2)"]
    assert (
        "LToS better than DQN"
        in row(
            part(text, "Claims"),
            "LToS outperforms all other baselines in terms of both metrics (delay)",
        )[3]
    )


def test_ranks_are_shared_where_seeds_do_not_set_methods_apart(tmp_path):
    cells = runs(tmp_path, "prisoner", "ltos", "return", [0.97] * 5)
    cells += runs(tmp_path, "prisoner", "coco_q", "return", [0.97] * 5)
    cells += runs(tmp_path, "prisoner", "dqn", "return", [0.49] * 5)
    cells += runs(tmp_path, "prisoner", "random", "return", [0.5, 0.51, 0.52, 0.5, 0.51])

    text = part(report(tmp_path, cells), "return ↑")

    ranks = {name: row(text, name)[5] for name in ("LToS", "Coco-Q", "DQN", "random")}
    assert ranks == {"LToS": "1-2", "Coco-Q": "1-2", "DQN": "3", "random": ""}


def test_scenarios_are_put_together_on_a_common_scale(tmp_path):
    cells = []
    for method, score in [("ltos", 1.0), ("dqn", 0.5)]:
        cells += runs(tmp_path, "prisoner", method, "return", [0.49 + 0.48 * score] * 4)
        cells += runs(tmp_path, "routing", method, "delay", [96.30 - 8.19 * score] * 4)
    cells += runs(tmp_path, "prisoner", "lio", "return", [0.97] * 4)

    text = part(report(tmp_path, cells), "Normalized scores, default")

    assert "Over prisoner (return), routing (delay). Not run at all of them: LIO." in text
    assert row(text, "DQN") == ["DQN", "4", "0.500 [0.500, 0.500]", "1.000 [1.000, 1.000]"]
    assert row(text, "LToS")[3] == "-"


def test_one_scenario_is_not_put_together_with_itself(tmp_path):
    cells = jungle(tmp_path, {"ltos": 0.8})
    cells += jungle(tmp_path, {"ltos": 0.8}, options=(("n_agents", 10),))

    assert "Across scenarios" not in report(tmp_path, cells)


def test_one_seed_makes_a_report_that_decides_nothing(tmp_path):
    text = report(tmp_path, jungle(tmp_path, PAPERS, n=1))

    assert row(part(text, "reward_per_step ↑"), "LToS")[2:6] == ["0.856", "0.856", "1/1", "1-9"]
    line = row(part(text, "LToS against each method"), "DQN")
    assert line[1:] == ["1", "0.618", "1", "-", "-", "-", "-", "+0.620", "-"]
    best = row(part(text, "Claims"), "LToS outperforms all other baselines")
    assert best[3:5] == ["-", "-"]
    assert "DQN (0.618, needs more seeds)" in best[5]


def test_a_place_where_every_run_failed_has_its_table_and_no_comparisons(tmp_path):
    cells = [recorded.cell(m, scenario="jungle", seed=s) for m in ("ltos", "dqn") for s in (0, 1)]
    for cell in cells:
        files = CellFiles.of(tmp_path / "trial", cell)
        files.failure.parent.mkdir(parents=True, exist_ok=True)
        Failure(
            id=cell.id,
            fingerprint=cell.fingerprint,
            kind="error",
            message="td_loss is nan",
            traceback="",
            time="",
        ).save(files.failure)

    text = report(tmp_path, cells)

    assert row(text, "LToS")[1:6] == ["0.86 (001)", "failed", "-", "0/2", ""]
    assert "- LToS (default), seeds 0-1: failed (error: td_loss is nan)" in text
    assert re.findall("^### .*", text, re.M) == ["### reward_per_step ↑ (per agent and step)"]


def test_a_run_that_lost_the_metric_half_way_is_in_no_mean(tmp_path):
    cells = runs(tmp_path, "prisoner", "dqn", "return", [0.5, 0.5])
    path = recorded.whole(cells[0], **{"return": 0.5}).save(tmp_path / "trial")
    recorded.reseal(path, lambda record: record["curve"][-2].update(metrics={"steps": 3.0}))

    text = part(report(tmp_path, cells), "return ↑")

    assert row(text, "DQN")[2:5] == ["0.500", "0.500", "1/2 (1 damaged)"]


def test_numbers_of_scenarios_that_are_not_in_the_grid_are_not_shown(tmp_path):
    text = report(tmp_path, runs(tmp_path, "prisoner", "ltos", "return", [0.97] * 2))

    assert "0.86" not in text
    assert "jungle" not in text


HOSTILE = "a|b, <script>alert(1)</script> _x_ & 50 % [z](http://x) `c`"


def test_hostile_names_stay_inside_their_cells(tmp_path, monkeypatch):
    monkeypatch.setattr(DQN, "title", HOSTILE)
    finals = {"dqn": 0.24, "ltos": 0.86, "dgn": 0.6}

    text = report(tmp_path, jungle(tmp_path, finals))

    assert "<script>" not in text
    assert not re.search(r"(?<!\\)\]\(http", text)
    escaped = r"a\|b, &lt;script&gt;alert(1)&lt;/script&gt; \_x\_ &amp; 50 %"
    for heading in ("reward_per_step ↑", "reward_per_step against", "Claims", "LToS against each"):
        found = part(text, heading)
        table = [line for line in found.splitlines() if line.startswith("|")]
        assert escaped in found
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_what_a_report_says_is_plain_text_whoever_writes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(DQN, "title", HOSTILE)
    cells = jungle(tmp_path, {"dqn": 0.24, "ltos": 0.86})
    grid = Grid(name="t", description="", tuning=False, cells=tuple(cells))

    blocks = build_report(grid, tmp_path).document.blocks

    tables = [block for block in blocks if isinstance(block, Table)]
    assert HOSTILE in {text_of(row[0]) for table in tables for row in table.rows}
    for table in tables:
        assert {len(row) for row in table.rows} == {len(table.head)}


def test_every_number_leads_to_the_records_behind_it(tmp_path):
    cells = jungle(tmp_path, {"dqn": 0.24, "ltos": 0.86}, n=2)
    grid = Grid(name="trial", description="", tuning=False, cells=tuple(cells))

    blocks = build_report(grid, tmp_path).document.blocks

    lines = [line for block in blocks if isinstance(block, Table) for line in block.rows]
    of_dqn = [f"jungle/dqn/seed={n}" for n in (0, 1)]
    of_ltos = [f"jungle/ltos/seed={n}" for n in (0, 1)]
    found = {
        (entry.text, entry.records)
        for line in lines
        if text_of(line[0]) == "DQN"
        for entry in line
        if isinstance(entry, Entry) and any(map(str.isdigit, entry.text))
    }
    assert {records for _, records in found} == {(*of_dqn,), (*of_ltos, *of_dqn)}
    mean = next(e for e in lines[0] if isinstance(e, Entry) and e.records)
    assert float(mean.text.split()[0]) == pytest.approx(0.2375, abs=0.01)


def test_pieces_of_text_are_written_each_in_its_way():
    blocks = (Paragraph((Strong("*2* runs"), " of ", "a_b ", "[x] left")), Paragraph("[x] done"))

    text = markdown(Document(name="t", blocks=blocks))

    assert text == "**\\*2\\* runs** of a_b \\[x] left\n\n\\[x] done\n"


def test_a_claim_is_judged_by_the_runs_that_see_the_game_alike(tmp_path):
    plain = jungle(tmp_path, {"ltos": 0.3, "dgn": 0.5}, label="paper")
    planes = {"options": (("planes", True),), "label": "default"}
    seen = jungle(tmp_path, {"ltos": 0.9, "dgn": 0.7}, **planes)

    text = report(tmp_path, [*plain, *seen])

    tables = re.findall(r"^### Claims of the papers\n.*?(?=^#|\Z)", text, re.M | re.S)
    (first, second) = (row(table, "LToS outperforms all other baselines") for table in tables)
    assert (first[2], "DGN" in first[4]) == ("paper", True)  # does not hold
    assert (second[2], "DGN" in second[3]) == ("default", True)  # holds
