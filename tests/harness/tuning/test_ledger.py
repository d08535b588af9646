"""The ledger: what was given, what it brought, and when it fails."""

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from harness.config.grid import Grid, load_grid
from harness.config.hparams import read_tuned
from harness.config.search_space import Parameter
from harness.errors import ConfigurationError
from harness.tuning.held_out import LEVEL, chance, to_compare, verdict
from harness.tuning.ledger import Row, faults, write_preset
from harness.tuning.page import Publication, history
from harness.tuning.plan import HELD_OUT_SEEDS
from harness.tuning.study import StudyStore
from harness.tuning.trial import State
from support.studies import formula, noise, plan, run, scored, study, write_grid

N_HELD_OUT = 5


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)


def finish(opened, value=formula, n_held_out=N_HELD_OUT):
    """Run a study to its end and compare what it found."""
    run(opened, value)
    for name, cell in to_compare(opened, n_held_out).items():
        opened.note(name, scored(value(cell)).record())
    return opened


@pytest.fixture
def row(tmp_path):
    return Row.of(finish(study(tmp_path, trials=20)))


@pytest.fixture
def published(tmp_path):
    """Tune these methods and publish; returns the publication."""

    def published(*methods, value=formula, trials=12, only=None):
        grid = load_grid(write_grid(tmp_path / "small.toml", *methods))
        store = StudyStore(grid, tmp_path)
        for of in store.plans:
            if only is None or of.method in only:
                opened = store.study(of)
                opened.grant(trials * of.trial_steps)
                finish(opened, value)
        return Publication(grid, tmp_path, tmp_path / "reports")

    return published


def test_a_row_counts_what_was_given(row):
    assert row.finished
    assert row.spent == sum(trial.steps for trial in row.trials)
    assert row.spent <= row.budget
    assert row.cpu_s == pytest.approx(0.5 * sum(len(t.runs) for t in row.trials))
    assert sum(row.count(state) for state in State) == len(row.trials)


def test_a_row_says_what_was_found_and_what_that_is_worth(row):
    better = [trial.value for trial in row.trials if trial.state is State.COMPLETE]
    plain, tuned = np.array(list(row.held_out.values())).T

    assert row.found == max(better)
    assert list(row.held_out) == list(range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + N_HELD_OUT))
    assert row.gains == pytest.approx(tuned - plain)
    assert row.selection_bias == pytest.approx(row.found - tuned.mean())
    assert row.verdict == "better"
    assert row.values.keys() <= row.plan.space.keys()
    assert sum(row.importances.values()) == pytest.approx(1.0, abs=0.01 * len(row.importances))


def test_where_less_is_better_gain_and_selection_bias_turn_round(row):
    less = replace(row, plan=replace(row.plan, cell=replace(row.plan.cell, scenario="routing")))
    plain, tuned = np.array(list(row.held_out.values())).T

    assert not less.plan.maximize
    assert less.gains == pytest.approx(plain - tuned)
    assert less.selection_bias == pytest.approx(tuned.mean() - less.found)


def test_where_the_default_is_best_there_is_nothing_to_gain(tmp_path):
    opened = finish(study(tmp_path, trials=4), lambda cell: 0.49)
    row = Row.of(opened)

    assert row.values == {}
    assert row.verdict == "no difference shown"
    assert row.selection_bias == pytest.approx(0.0, abs=1e-12)
    assert row.importances == {}
    assert len(row.held_out) == N_HELD_OUT
    assert not to_compare(opened, N_HELD_OUT)


def test_a_held_out_run_that_failed_is_in_no_comparison(tmp_path):
    opened = study(tmp_path, trials=4)
    run(opened)
    for name, cell in to_compare(opened, 3).items():
        failed = cell.seed == HELD_OUT_SEEDS
        opened.note(name, scored(None if failed else formula(cell)).record())

    assert list(Row.of(opened).held_out) == [HELD_OUT_SEEDS + 1, HELD_OUT_SEEDS + 2]


def grid_of(tuning=True, cells=()):
    return Grid(name="g", description="", tuning=tuning, cells=cells)


def test_equal_budgets_are_fair(row):
    assert faults(grid_of(), [row, replace(row, trials=row.trials)]) == []


@pytest.mark.parametrize(("share", "fair"), [(0.96, True), (0.94, False)])
def test_budgets_that_differ_by_more_than_five_percent_are_a_fault(row, share, fair):
    other = replace(row, plan=replace(row.plan, cell=replace(row.plan.cell, method="dgn")))
    first = other.trials[0]
    wanted = round(row.spent * share) - (row.spent - first.steps)
    run_ = replace(first.runs[1000], steps=wanted - first.steps + first.runs[1000].steps)
    trials = (replace(first, runs={**first.runs, 1000: run_}), *other.trials[1:])

    found = faults(grid_of(), [row, replace(other, trials=trials)])

    assert fair == (found == [])
    if not fair:
        assert re.search(r"budgets differ by 6.\d%, more than 5%: dgn spent [\d,]+ env", found[0])


def test_tasks_are_compared_each_by_itself(row):
    elsewhere = replace(row, plan=replace(row.plan, task="jungle"), trials=row.trials[:1])

    assert faults(grid_of(), [row, elsewhere]) == []


def test_a_reporting_seed_among_the_tuning_seeds_is_a_fault(row):
    of_7 = replace(row, plan=replace(row.plan, seeds=(7, 1001)))

    assert "tuned on seed 7, which is for reporting" in faults(grid_of(), [of_7])[0]


def test_a_tuning_seed_that_is_reported_is_a_fault(row):
    reported = (replace(row.plan.cell, seed=1001),)

    (fault,) = faults(grid_of(tuning=False, cells=reported), [row])

    assert "tuned on seed 1001, which is for reporting" in fault
    assert faults(grid_of(tuning=True, cells=reported), [row]) == []


def test_a_held_out_seed_that_was_seen_is_a_fault(row):
    assert "compared on seed 2000, which it was tuned on" in str(
        faults(grid_of(), [replace(row, plan=replace(row.plan, seeds=(1000, 2000)))])
    )


def test_an_unfinished_study_is_a_fault(row):
    assert "not finished" in str(faults(grid_of(), [replace(row, finished=False)]))


def test_the_page_shows_every_study_and_what_was_not_tuned(published):
    done = published("dqn", "dgn", "fixed_ltos", "random", trials=16)

    page = done.write()[0].read_text()

    assert "**3 studies, all finished, at equal budgets.**" in page
    assert re.search(r"\| fixed LToS \| DGN \| 1 \| \d+ \|", page)
    assert "Without anything to search, hence not tuned: random." in page
    assert "seeds 1000-1002, held-out seeds 2000-2004" in page
    assert page.count("![") == 1
    assert re.search(r"\| DQN \| [^|]+ \| \w+ 0\.\d\d, \w+ 0\.\d\d", page)
    for address in re.findall(r"\]\((figures/[^)]+)\)", page):
        assert (done.write()[0].parent / address.replace("%2C", ",").replace("%3D", "=")).exists()


def test_the_data_have_every_trial(published):
    done = published("dqn", trials=4)

    record = json.loads(json.dumps(done.ledger.record(), allow_nan=False))

    (of_dqn,) = record["studies"]
    assert record["faults"] == []
    assert [t["state"] for t in of_dqn["record"]].count("complete") == of_dqn["trials"]["complete"]
    assert of_dqn["record"][0]["runs"]["1000"]["steps"] > 0
    assert of_dqn["spent"] <= of_dqn["budget"]
    assert of_dqn["seeds"] == [1000, 1001, 1002]


def test_what_is_written_is_what_the_studies_say(published, tmp_path):
    done = published("dqn")
    assert all("missing" in line for line in done.differences())

    files = done.write()
    assert published("dqn").differences() == []
    before = [path.read_bytes() for path in files]
    published("dqn").write()
    assert [path.read_bytes() for path in files] == before

    files[0].write_text(files[0].read_text().replace("equal budgets", "any budgets"))
    folder = tmp_path / "reports" / "figures" / "small-tuning"
    extra, foreign = folder / "old.svg", folder / "foreign.svg"
    extra.write_bytes(next(path for path in files if path.suffix == ".svg").read_bytes())
    foreign.write_bytes(b"<svg/>")
    first, second = done.differences()
    assert first == f"{files[0]}: not what the studies say"
    assert second.startswith(f"{extra}: extra")
    done.write()
    assert not extra.exists()
    assert foreign.exists()


def test_another_processor_writes_the_same_bytes(published, tmp_path):
    """Sums that end in another last bit make nothing better, and nothing prints otherwise."""

    def even(cell):  # on few levels, so that many trials and seeds are equal
        return round(3 * formula(cell)) / 3 + 0.0005

    first = published("dqn", "fixed_ltos", "dgn", value=even, trials=20)
    before = [path.read_bytes() for path in first.write()]
    assert any(row.importances for row in first.ledger.rows)
    draw_sign = np.random.default_rng(0)
    for journal in (tmp_path / "small").rglob("*.log"):
        entries = [json.loads(line) for line in journal.read_text().splitlines()]
        for entry in entries:
            for name, note in entry.get("user_attr", {}).items():
                if name.startswith(("run.", "unseen.")):
                    note["value"] *= 1 + 1e-13 * draw_sign.choice([-1, 1])
        journal.write_text("".join(json.dumps(entry) + "\n" for entry in entries))

    second = published("dqn", "fixed_ltos", "dgn", only=[])

    assert second.differences() == []
    assert [path.read_bytes() for path in second.write()] == before


def test_looking_at_studies_leaves_them_as_they_are(published, tmp_path):
    published("dqn", "dgn", trials=3)
    journals = sorted((tmp_path / "small").rglob("*.log"))
    before = [path.read_bytes() for path in journals]

    published("dqn", "dgn", only=[]).write()

    assert len(journals) == 2
    assert [path.read_bytes() for path in journals] == before


def test_what_is_found_is_written_as_a_preset(published, tmp_path):
    file = tmp_path / "tuned.toml"
    rows = published("dqn", "dgn", "fixed_ltos").ledger.rows

    pairs = write_preset(file, rows)

    assert pairs == ["dqn.prisoner", "dgn.prisoner", "fixed_ltos.prisoner"]
    entry = read_tuned(file)["fixed_ltos"]["prisoner"]
    heir = rows[2]
    assert entry.study == heir.plan.name
    assert entry.seeds == [1000, 1001, 1002]
    assert (entry.trials, entry.budget) == (len(heir.trials), heir.budget)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.date)
    assert dict(heir.values) == {k: tuple_of(v) for k, v in entry.values.items()}
    assert dict(rows[1].values).items() <= dict(heir.values).items()


def tuple_of(value):
    return tuple(value) if isinstance(value, list) else value


def test_a_preset_keeps_what_others_found(published, tmp_path):
    file = tmp_path / "tuned.toml"
    of_dqn, of_vdn = published("dqn", "vdn", trials=3).ledger.rows
    write_preset(file, [of_vdn])
    before = read_tuned(file)["vdn"]

    write_preset(file, [of_dqn])

    assert read_tuned(file).keys() == {"dqn", "vdn"}
    assert read_tuned(file)["vdn"] == before


def test_two_studies_of_a_pair_cannot_share_a_preset(row, tmp_path):
    elsewhere = replace(row, plan=replace(row.plan, task="prisoner,max_steps=9"))

    with pytest.raises(ConfigurationError, match=r"tuned at .* and at prisoner,max_steps=9"):
        write_preset(tmp_path / "tuned.toml", [row, elsewhere])


def test_an_unfinished_study_is_in_no_preset(row, tmp_path):
    with pytest.raises(ConfigurationError, match="no study is finished"):
        write_preset(tmp_path / "tuned.toml", [replace(row, finished=False)])

    assert not (tmp_path / "tuned.toml").exists()


@pytest.mark.parametrize("n", [1, 4, 5, 8])
def test_the_chance_of_a_gain_is_that_of_all_patterns_of_signs(n):
    gains = np.random.default_rng(n).standard_normal(n)

    signs = np.array(list(product([1, -1], repeat=n)))
    assert chance(gains) == pytest.approx(np.mean(signs @ gains >= gains.sum() - 1e-12))


@pytest.mark.parametrize(
    ("gains", "says"),
    [
        ([0.48] * 5, "better"),
        ([-0.48] * 5, "worse"),
        ([0.48] * 4, "no difference shown"),  # 1 in 16 by chance
        ([0.0] * 10, "no difference shown"),
        ([0.1, -0.1, 0.1, -0.1, 0.1], "no difference shown"),
    ],
)
def test_better_is_what_equals_would_show_once_in_twenty_times(gains, says):
    assert verdict(np.array(gains)) == says


def test_where_no_parameter_matters_tuned_is_called_better_no_more_often_than_stated(tmp_path):
    """Scores are noise, new for every setting and seed: the best trial is merely the luckiest.

    At most 6 of 30 studies may be called better: chance of more, 0.1 %. Their scores on tuning
    seeds flatter nearly all of them: a comparison on these would call most of them better.
    """
    rows = [null_study(tmp_path / str(n), n) for n in range(30)]

    assert binom.sf(6, len(rows), LEVEL) < 0.002
    assert sum(row.verdict == "better" for row in rows) <= 6
    assert np.mean([row.selection_bias for row in rows]) > 0.5
    assert np.mean([row.found > row.score("default") for row in rows]) > 0.7


def null_study(folder, n):
    folder.mkdir()
    opened = study(folder, replace(plan(folder), name=f"null-{n}"), trials=6)
    run(opened, lambda cell: noise(cell, n))
    for name, cell in to_compare(opened, 6).items():
        opened.note(name, scored(noise(cell, n)).record())
    return Row.of(opened)


def test_importances_tell_the_parameter_that_matters(tmp_path):
    of = plan(tmp_path)
    few = replace(of, space={name: of.space[name] for name in ("tau", "learning_rate", "updates")})
    opened = study(tmp_path, few, trials=40)

    run(opened, lambda cell: dict(cell.fields).get("tau", 0.1) + 0.01 * noise(cell))

    found = Row.of(opened).importances
    assert max(found, key=found.get) == "tau"


def test_a_study_whose_parameters_are_choices_of_lists_is_read_back(tmp_path):
    of = plan(tmp_path)
    few = replace(of, space={"hidden": Parameter(choices=((16,), (32, 32), (64, 8)))})
    opened = study(tmp_path, few, trials=5)

    ended = run(opened, noise)

    assert all(t.attempt.parameters["hidden"] in ((16,), (32, 32), (64, 8)) for t in ended)
    assert Row.of(opened).trials == opened.trials()


def test_the_figure_shows_the_best_value_over_the_steps_spent_on_it(row):
    (curve,) = history("dqn: tuning", [row]).curves

    assert list(curve.mean) == sorted(curve.mean)
    assert curve.mean[-1] == pytest.approx(row.found, rel=1e-3)
    assert curve.x[0] == row.trials[0].steps
    assert curve.x[-1] == row.spent
    rises = {n for n in range(1, len(curve.x)) if curve.mean[n] != curve.mean[n - 1]}
    assert all(curve.x[n] == curve.x[n - 1] for n in rises)
