"""The command, from the options to the files it leaves."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.config import hparams as tuned
from harness.config import search_space as search
from harness.config.grid import load_grid
from harness.config.hparams import read_tables, read_tuned
from harness.tuning.plan import plans
from harness.tuning.storage import StudyFiles
from support.recorded import result
from support.studies import formula, scored, write_grid


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("os.fsync", lambda file: None)
    monkeypatch.setattr(
        "harness.tuning.runner.score", lambda cell, stop: scored(formula(cell), cell.budget.steps)
    )
    write_grid(tmp_path / "small.toml", "dqn", "dgn", "fixed_ltos", "random")
    return tmp_path


def tune(*arguments: str) -> tuple[str, ...]:
    return ("tune", "--grid", "small.toml", "-j", "1", "--unseen", "2", *arguments)


def test_it_has_help_with_an_example(call):
    code, out, _ = call("tune", "--help")

    assert code == 0
    assert "python -m harness tune" in out


def test_it_tunes_and_writes_the_ledger(call, here):
    code, out, log = call(*tune("--trials", "3"))

    assert code == 0, log
    assert not out
    assert "grid small: 3 studies" in log
    assert log.count("finished") == 3
    assert "trial 1 (paper)  return" in log
    written = re.findall(r"written: (\S+)", log)
    assert "reports/small-tuning.md" in written
    assert all((here / path).exists() for path in written)
    assert "\x1b" not in log


def test_the_same_command_again_does_nothing_and_more_trials_go_on(call):
    call(*tune("--trials", "3", "--only", "method=dqn"))

    code, _, log = call(*tune("--trials", "3", "--only", "method=dqn"))
    assert code == 0
    assert "trial" not in log.replace("trials", "")

    code, _, log = call(*tune("--trials", "5", "--only", "method=dqn"))
    assert code == 0
    assert "trial 5" in log


def test_a_budget_in_environment_steps(call):
    code, out, log = call(*tune("--budget", "9500", "--only", "method=dqn", "--json"))

    (study,) = json.loads(out)["studies"]
    assert code == 0, log
    assert study["budget"] == 9500
    assert 8500 < study["spent"] <= 9500


def test_json_is_all_there_is_on_standard_output(call):
    code, out, log = call(*tune("--trials", "2", "--json"))

    content = json.loads(out)
    assert code == 0, log
    assert [study["method"] for study in content["studies"]] == ["dqn", "dgn", "fixed_ltos"]
    assert content["faults"] == []


def test_unequal_budgets_fail_the_command_and_the_report(call):
    call(*tune("--trials", "3", "--only", "method=dqn"))

    code, _, log = call(*tune("--trials", "4", "--only", "method=dgn"))
    assert code == 3
    assert "check: prisoner" in log
    assert "budgets differ by 2" in log

    code, _, log = call("report", "--grid", "small.toml")
    assert code == 3
    assert "budgets differ by 2" in log
    code, out, log = call("report", "--grid", "small.toml", "--check", "--json")
    assert code == 3
    assert json.loads(out)["differences"] == []
    assert "budgets differ" in json.loads(out)["unfair"][0]


def test_the_report_of_a_tuning_grid_is_its_ledger(call, here):
    call(*tune("--trials", "2"))
    page = here / "reports" / "small-tuning.md"
    before = page.read_text()
    page.unlink()

    code, out, log = call("report", "--grid", "small.toml")
    assert code == 0, log
    assert out.splitlines()[0] == "reports/small-tuning.md"
    assert page.read_text() == before
    assert not (here / "reports" / "small.md").exists()

    code, out, log = call("report", "--grid", "small.toml", "--check")
    assert (code, out) == (0, "")
    page.write_text("changed")
    code, out, log = call("report", "--grid", "small.toml", "--check")
    assert code == 3
    assert "small-tuning.md: not what the studies say" in out


def test_the_preset_is_written_after_tuning_or_with_it(call, here):
    call(*tune("--trials", "3"))

    code, _, log = call(*tune("--write", "tuned.toml"))

    assert code == 0, log
    assert "written: tuned.toml: dqn.prisoner, dgn.prisoner, fixed_ltos.prisoner" in log
    assert read_tuned(here / "tuned.toml").keys() == {"dqn", "dgn", "fixed_ltos"}
    values = tomllib.loads((here / "tuned.toml").read_text())["dgn"]["prisoner"]["values"]
    heir = tomllib.loads((here / "tuned.toml").read_text())["fixed_ltos"]["prisoner"]["values"]
    assert values.items() <= heir.items()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give --trials or --budget, or --write, --matched-snr or --track after tuning"),
        (("--trials", "2", "--budget", "9"), "--trials, --budget: give one of them"),
        (("--trials", "0"), "--trials"),
        (("--budget", "2999"), "--budget 2999: a trial of small/prisoner"),
        (("--unseen", "-1", "--trials", "2"), "--unseen"),
        (("--trials", "2", "--only", "method=random"), "no cell to tune"),
        (("--trials", "2", "--only", "method=dqnn"), "matches no cell"),
        (("--trials", "2", "--only", "method=fixed_ltos"), "inherits from dgn, whose study is"),
        (("--trials", "2", "--storage", "nowhere"), "--storage nowhere: cannot be opened"),
        (("--trials", "2", "--results", "small.toml"), "cannot be written"),
        (("--matched-snr",), "no task with both fixed_ltos and neurcomm"),
        (("--write", "small.toml"), "no study is finished"),
    ],
)
def test_wrong_use_ends_in_one_message_and_exit_code_2(call, arguments, says):
    code, out, log = call(*tune(*arguments))

    assert code == 2
    assert not out
    assert says in " ".join(log.split())
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("key", "parameter", "says"),
    [
        ("tua", "{ low = 1, high = 2 }", "dqn has no such field; did you mean 'tau'"),
        ("tau", "{ low = 0.2, high = 0.1 }", "low 0.2 is above high 0.1"),
        ("tau", "{ low = 0.0, high = 0.1, log = true }", "log needs a low above 0"),
        ("updates", '{ choices = [1, "two"] }', "not 'two'"),
    ],
)
def test_a_wrong_search_space_ends_in_one_message_and_loses_no_trial(
    call, here, monkeypatch, key, parameter, says
):
    call(*tune("--trials", "2", "--only", "method=dqn"))
    kept, wrong = journal(here), tomllib.loads(f"{key} = {parameter}")
    before = kept.read_bytes()

    def tables(method):
        content = dict(read_tables(method))
        content["search"] = {"all": {**content.get("search", {}).get("all", {}), **wrong}}
        return content

    monkeypatch.setattr(search, "read_tables", tables)

    code, _, log = call(*tune("--trials", "3", "--only", "method=dqn"))

    assert code == 2
    assert f"methods/hparams/dqn.toml [search.all].{key}" in log
    assert says in log
    assert kept.read_bytes() == before


def test_a_damaged_journal_ends_in_one_message_and_the_others_stay(call, here):
    call(*tune("--trials", "2"))
    damaged = journal(here)
    content = damaged.read_bytes()
    damaged.write_bytes(content[:100] + b"\xff\x00" + content[102:])

    code, _, log = call(*tune("--trials", "3"))

    assert code == 2
    assert re.search(r"error: .*dqn\.log: not the journal of a study \(line 1 is no entry", log)
    assert "Traceback" not in log
    damaged.write_bytes(content)
    assert call(*tune("--trials", "2"))[0] == 0


def journal(here: Path) -> Path:
    grid = load_grid("small.toml")
    of = next(of for of in plans(grid, grid.cells) if of.method == "dqn")
    return StudyFiles.of(here / "results" / "small", of).journal


def test_a_database_in_place_of_journals(call, here):
    url = "sqlite:///studies.db"

    code, _, log = call(*tune("--trials", "2", "--only", "method=dqn", "--storage", url))

    assert code == 0, log
    assert (here / "studies.db").exists()
    assert not journal(here).exists()
    assert "| DQN |" in (here / "reports" / "small-tuning.md").read_text()


@pytest.mark.slow
def test_matched_levels_are_run_like_any_cells_and_shown(call, here):
    write_grid(here / "small.toml", "dgn", "fixed_ltos", "neurcomm", steps=60)

    code, _, log = call("tune", "--grid", "small.toml", "-j", "2", "--unseen", "1", "--matched-snr")
    assert code == 0, log
    assert "matched levels: 20 cells, 20 to run" in log
    page = (here / "reports" / "small-tuning.md").read_text()
    assert "matched self-interest" in page
    assert "**No study was begun.**" in page
    assert list((here / "reports" / "figures" / "small-tuning").glob("*-matched.svg"))

    code, _, log = call("tune", "--grid", "small.toml", "-j", "2", "--unseen", "1", "--matched-snr")
    assert "20 cells, 0 to run" in log


def test_three_presets_are_three_columns(call, here, monkeypatch):
    call(*tune("--trials", "3", "--write", "tuned.toml"))
    monkeypatch.setattr(tuned, "_shipped", lambda: read_tuned(here / "tuned.toml"))
    sweep = '[[sweep]]\nscenario = "prisoner"\nmethods = ["dqn"]\nseeds = [0, 1]\n'
    (here / "columns.toml").write_text(
        'description = "three columns"\n'
        + "".join(f'{sweep}preset = "{p}"\n' for p in ("paper", "default", "tuned"))
    )
    cells = load_grid("columns.toml").cells
    for cell in cells:
        final = {"paper": 0.49, "default": 0.81, "tuned": 0.97}[cell.preset]
        result(cell, final).save(here / "results" / "columns")

    code, _, log = call("report", "--grid", "columns.toml")

    page = (here / "reports" / "columns.md").read_text()
    assert code == 0, log
    assert len({cell.fingerprint for cell in cells}) == 6
    head, row = (next(x for x in page.splitlines() if x.startswith(s)) for s in ("| m", "| DQN"))
    assert re.findall(r"(\w+): mean", head) == ["paper", "default", "tuned"]
    assert re.findall(r"0\.\d+ \[", row) == ["0.490 [", "0.810 [", "0.970 ["]


def test_help_and_reports_without_studies_do_not_import_optuna(here):
    (here / "other.toml").write_text((here / "small.toml").read_text())
    code = (
        "import sys, harness.__main__ as m\n"
        "try: m.main(sys.argv[1:])\n"
        "except SystemExit: print('optuna' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    for arguments in (["tune", "--help"], ["plan", "--grid", "other.toml"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=env
        )
        assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:")  # SQLAlchemy's of MLflow
def test_studies_are_parents_in_mlflow_and_trials_their_children(call, here, monkeypatch):
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    call(*tune("--trials", "4", "--only", "method=dqn"))

    _, _, log = call("tune", "--grid", "small.toml", "--track")
    _, _, again = call("tune", "--grid", "small.toml", "--track")

    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{here}/results/mlflow.db")
    (experiment,) = (e for e in client.search_experiments() if e.name != "Default")
    runs = client.search_runs([experiment.experiment_id])
    (study,) = (run for run in runs if run.data.tags["role"] == "study")
    trials = [run for run in runs if run.data.tags["role"] == "trial"]
    assert experiment.name == "ltos-bench/small/tune"
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {study.info.run_id}
    assert f"{len(trials)} added, 0 replaced, 0 kept" in log
    assert f"0 added, 0 replaced, {len(trials)} kept" in again
    values = [run.data.metrics["value"] for run in trials if run.data.tags["state"] == "complete"]
    assert study.data.metrics["best"] == pytest.approx(max(values))
    assert {run.data.params["preset"] for run in trials} == {"paper", "default", "proposed"}
    assert [a.path for a in client.list_artifacts(study.info.run_id)] == [
        "history.svg",
        "values.json",
    ]
