import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.cell import Budget
from harness.config.grid import load_grid
from harness.export.mlflow import TrackingError
from harness.results.failure import load_failure
from harness.results.files import CellFiles
from harness.results.result import load_result
from support.recorded import cell, result
from support.tasks import QUICK_GRID as GRID

HEAVY = {"torch", "mlflow", "pandas", "scipy", "numpy", "pydantic", "matplotlib", "numba"}
EXPLODING = GRID + f"fields = {{ hidden = [{[32] * 16}], init = 'he', learning_rate = 10 }}\n"
ENDLESS = """
description = "a cell that does not end"
[[sweep]]
scenario = "prisoner"
methods = ["dqn"]
seeds = [0]
size_factor = 100
budget = { episodes = 1000000, steps = 0, evaluations = 500000, evaluation_episodes = 1 }
"""


def start(*arguments: str, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        **options,
    )


def test_help_imports_nothing_heavy():
    code = (
        "import sys, harness.__main__ as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Exit codes" in done.stdout
    assert not HEAVY & set(done.stdout.splitlines()[-1].split())


@pytest.mark.bench
def test_help_takes_less_than_half_a_second():
    seconds = []
    for _ in range(5):
        before = time.perf_counter()
        subprocess.run([sys.executable, "-m", "harness", "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - before)

    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    "command",
    ["run", "plan", "status", "report", "compare", "render", "list", "export", "replay", "doctor"],
)
def test_every_command_has_help_with_an_example(call, command):
    code, out, log = call(command, "--help")

    assert code == 0, log
    assert f"python -m harness {command}" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--grid", "smok"], "did you mean 'smoke'?"),
        (["plan", "--grid", "none.toml"], "none.toml: cannot be read"),
        (["status", "--only", "sede=1"], "did you mean 'seed'?"),
        (["run", "--grid", "mine.toml", "--only", "seed=5"], "matches no cell"),
        (["report", "--grid", "smok"], "did you mean 'smoke'?"),
        (["run", "--grid", "mine.toml", "--results", "mine.toml"], "cannot be written"),
        (["run", "--rerun", "some"], "--rerun"),
        (["run", "-j", "0"], "--jobs"),
        (["run", "--time-limit", "0"], "--time-limit"),
        (["run", "--checkpoint-every", "-1"], "--checkpoint-every"),
        (["list", "things"], "things"),
        (["list", "methods", "--scenario", "prisonr"], "did you mean 'prisoner'?"),
        (["list", "methods", "--scenario", "pettingzoo"], "it needs options (module, max_steps)"),
        (["list", "grids", "--scenario", "prisoner"], "--scenario"),
        (["export"], "--format"),
        (["export", "--format", "xml"], "xml"),
        (["export", "--format", "csv", "--grid", "mine.toml"], "results/mine: no valid result"),
        (["export", "--format", "csv", "--grid", "mine.toml", "--only", "seed=7"], "no cell"),
        (["export", "--format", "csv", "--allow-ragged"], "goes with --format marl-eval only"),
        (["export", "--format", "mlflow", "--out", "here"], "MLFLOW_TRACKING_URI"),
        (["replay", "prisoner/dqn/seed=0", "--upto", "0"], "--upto"),
        (["replay"], "CELL"),
        (["rum"], "rum"),
    ],
)
def test_wrong_use_ends_in_a_message_and_exit_code_2(call, arguments, says):
    code, out, log = call(*arguments)

    assert code == 2
    assert not out
    assert says in log
    assert "Traceback" not in log


def test_run_computes_the_cells_and_says_where_they_are(call, here):
    code, out, log = call("run", "--grid", "mine.toml", "-j", "1")

    results = [CellFiles.of(here / "results/mine", c).result for c in load_grid("mine.toml").cells]
    assert code == 0, log
    assert not out
    assert "2 done" in log
    assert "results: results/mine" in log
    assert "python -m harness report --grid mine.toml" in log
    assert [load_result(path).cell.method for path in results] == ["random", "dqn"]

    code, _, log = call("run", "--grid", "mine.toml")
    assert code == 0, log
    assert "2 cells, 0 to run" in log


def test_a_run_without_a_tracker_imports_none(here):
    code = (
        "import sys, harness.__main__ as m\n"
        "try: m.main(['run', '--grid', 'mine.toml', '--only', 'method=random', '-j', '1'])\n"
        "except SystemExit as end: print(end.code, *sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )

    code, *modules = done.stdout.split()
    assert code == "0", done.stderr
    assert not {"mlflow", "pandas", "sqlalchemy"} & {*modules}
    assert not (here / "results" / "mlflow.db").exists()


@pytest.mark.parametrize("command", [["run", "--track"], ["export", "--format", "mlflow"]])
def test_who_asks_for_mlflow_without_having_it_is_told_how_to_get_it(
    call, here, monkeypatch, command
):
    for of in load_grid("mine.toml").cells:
        result(of).save(here / "results" / "mine")
    monkeypatch.setattr("harness.export.mlflow.installed", lambda: False)

    code, _, log = call(*command, "--grid", "mine.toml")

    assert code == 2
    assert "pip install -e '.[mlflow]'" in log


def test_a_tracker_that_is_down_is_told_of_once_and_the_run_goes_on(call, here, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr("harness.export.mlflow.installed", lambda: False)  # down and gone are alike

    code, _, log = call("run", "--grid", "mine.toml", "-j", "1")

    assert code == 0, log
    assert "2 done" in log
    assert log.count("not tracked: ") == 1
    assert "`export --format mlflow` catches up" in log


def test_an_export_to_a_tracker_that_is_down_ends_in_a_message(call, here, monkeypatch):
    def down(*_):
        raise TrackingError("http://nowhere: down")

    result(load_grid("mine.toml").cells[0]).save(here / "results" / "mine")
    monkeypatch.setattr("harness.export.mlflow.installed", lambda: True)
    monkeypatch.setattr("harness.export.mlflow.Tracker", down)

    code, out, log = call("export", "--format", "mlflow", "--grid", "mine.toml")

    assert (code, out, log) == (2, "", "error: http://nowhere: down\n")


@pytest.mark.parametrize("form", ["csv", "marl-eval"])
def test_export_names_its_files_and_says_what_it_left_out(call, here, form):
    random, dqn = load_grid("mine.toml").cells
    made = result(dqn)
    episodes = {name: [[0.5]] * 10 for name in made.curve[0]["metrics"]}
    replace(made, episodes=episodes).save(here / "results" / "mine")

    code, out, log = call("export", "--format", form, "--grid", "mine.toml", "--out", "here")
    _, answer, _ = call(
        "export", "--format", form, "--grid", "mine.toml", "--out", "here", "--json"
    )

    files = [line for line in out.splitlines() if line.startswith("here/")]
    assert code == 0, log
    assert sorted(files) == sorted(str(path) for path in Path("here").iterdir())
    assert "without a valid result: 1 missing" in out
    assert json.loads(answer)["files"] == files
    assert json.loads(answer)["states"] == {"missing": 1, "done": 1}
    assert random.id not in Path(files[0]).read_text()


def test_a_failed_cell_is_not_run_again_unless_asked(call, here):
    (here / "mine.toml").write_text(EXPLODING.replace('"random", ', ""))

    code, _, log = call("run", "--grid", "mine.toml", "-j", "1")
    assert code == 1
    assert "error: FloatingPointError" in log
    assert "--rerun failed" in log

    code, _, log = call("run", "--grid", "mine.toml")
    assert code == 1
    assert "0 to run" in log

    code, out, log = call("plan", "--grid", "mine.toml", "--rerun", "failed", "--json")
    assert code == 0, log
    assert json.loads(out)["cells"][0]["expected_s"] > 0


def test_a_stale_result_is_reported_with_its_remedy_and_left_alone(call, here, monkeypatch):
    (of,) = load_grid("mine.toml").cells[1:]
    path = result(of).save(here / "results/mine")
    before = path.read_bytes()
    monkeypatch.setattr("methods.dqn.DQN.version", "next")

    code, _, log = call("run", "--grid", "mine.toml", "--only", "method=dqn")

    assert code == 0, log
    assert "1 stale: `run --rerun stale`" in log
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["plan", "status"])
def test_looking_at_a_damaged_result_shows_it_and_touches_nothing(call, here, command):
    path = CellFiles.of(here / "results/mine", load_grid("mine.toml").cells[0]).result
    path.parent.mkdir(parents=True)
    path.write_text("{ half")

    code, out, log = call(command, "--grid", "mine.toml")

    assert code == 0, log
    assert "damaged" in out
    assert list(path.parent.iterdir()) == [path]


def test_plan_lists_what_is_unavailable_and_why(call, here):
    (here / "mine.toml").write_text(GRID.replace("prisoner", "jungle").replace("dqn", "coco_q"))

    code, out, log = call("plan", "--grid", "mine.toml")

    assert code == 0, log
    assert "two agents; this scenario has 20" in " ".join(out.split())


def test_plan_says_how_to_get_a_dataset_that_is_missing(call, here, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(here))

    code, out, log = call("plan", "--grid", "paper", "--only", "task=*shenzhen,method=dqn")

    assert code == 0, log
    assert "python -m harness data fetch shenzhen" in " ".join(out.split())


def test_status_shows_what_a_cell_costs_and_what_is_to_come(call, here):
    of = load_grid("mine.toml").cells[0]
    result(of, provenance={"cpu_s": 12.0}).save(here / "results/mine")

    _, out, _ = call("status", "--grid", "mine.toml")
    _, told, _ = call("status", "--grid", "mine.toml", "--json")

    head, random, dqn = (line.split() for line in out.splitlines()[:3])
    assert head[-5:] == ["missing", "a", "cell", "to", "come"]
    assert random == [
        "prisoner,episodes=10,steps=20,evaluations=5,evaluation_episodes=1",
        "random",
        "1",
        "12",
        "s",
    ]
    assert dqn[2] == "1"
    assert dqn[3].startswith("~")  # nothing alike has run
    assert json.loads(told)["cells"][0]["expected_s"] == 12.0


@pytest.mark.parametrize("command", ["plan", "status", "run"])
def test_json_is_all_there_is_on_standard_output(call, here, command):
    only = ["--only", "method=random"]

    code, out, log = call(command, "--grid", "mine.toml", "--json", *only)

    content = json.loads(out)
    assert code == 0, log
    assert content["grid"] == "mine"
    assert [c["id"].split("/")[1] for c in content["cells"]] == ["random"]


def test_a_dry_run_is_a_plan(call, here):
    code, out, log = call("run", "--grid", "mine.toml", "--dry-run")

    assert code == 0, log
    assert "2 of 2 cells to run" in out
    assert not (here / "results").exists()


def test_list_names_what_there_is_with_a_line_on_each(call):
    _, out, _ = call("list", "--json")

    content = json.loads(out)
    assert content.keys() == {"methods", "scenarios", "grids"}
    assert content["methods"]["dqn"]
    assert content["grids"].keys() >= {"smoke", "quickstart", "paper", "full"}


def test_list_methods_tells_what_each_knows_sends_and_may_be_tuned_in(call):
    _, out, _ = call("list", "methods", "--json")

    methods = json.loads(out)["methods"]
    assert methods["dgn"]["hops"] == 1
    assert methods["dgn"]["floats_execution"] == 32
    assert methods["team_dqn"]["centralized"]
    assert methods["ltos"]["shaping"] == ["selfishness"]
    assert methods["dqn"]["search_space"]["update_every"]["kind"] == "int"
    assert methods["consenet"]["parameters"] == "per_agent"


def test_list_methods_fits_eighty_columns_and_says_what_is_unsuitable(call, monkeypatch):
    monkeypatch.setattr("methods.dqn.DQN.unsuitable", lambda spec, config: "too many agents")

    code, out, log = call("list", "methods")

    assert code == 0, log
    assert max(map(len, out.splitlines())) <= 80
    assert "dqn: too many agents" in out
    assert "averse to" in out


def test_output_that_goes_nowhere_special_has_no_escape_codes(call, here):
    _, out, log = call("run", "--grid", "mine.toml", "--only", "method=random", "--json")

    assert "\x1b" not in out + log


def test_ctrl_c_saves_the_running_cell_and_the_same_command_goes_on(here):
    (here / "mine.toml").write_text(ENDLESS)
    (of,) = load_grid("mine.toml").cells
    files = CellFiles.of(here / "results/mine", of)
    run = start("run", "--grid", "mine.toml")
    deadline = time.monotonic() + 120
    while not (files.stream.exists() and files.stream.stat().st_size) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)

    os.killpg(run.pid, signal.SIGINT)
    out, log = run.communicate(timeout=120)

    assert run.returncode == 130
    assert not out
    assert "stopping: each cell goes on to its next evaluation" in log
    assert "the same command goes on from here" in log
    assert "Traceback" not in log
    assert files.checkpoint.exists()


def test_a_full_disk_ends_in_one_message_and_loses_nothing(here):
    finished = cell(
        "random", budget=Budget(episodes=1, steps=0, evaluations=1, evaluation_episodes=1)
    )
    kept = result(finished).save(here / "results/mine")
    before = kept.read_bytes()

    many = "evaluations = 10, evaluation_episodes = 20"
    text = GRID.replace("evaluations = 5, evaluation_episodes = 1", many)
    (here / "mine.toml").write_text(text)

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    run = start("run", "--grid", "mine.toml", "-j", "1", preexec_fn=small_files)
    _, log = run.communicate(timeout=120)

    assert run.returncode == 2
    assert log.count("error: ") == 1
    assert "cannot be written (File too large); nothing computed so far is lost" in log
    assert "Traceback" not in log
    assert kept.read_bytes() == before


def test_two_runs_share_a_folder_without_doing_anything_twice(here):
    (here / "mine.toml").write_text(GRID.replace("seeds = [0]", "seeds = [0, 1, 2, 3]"))

    runs = [start("run", "--grid", "mine.toml", "-j", "1", "--json") for _ in range(2)]
    logs = [run.communicate(timeout=240)[1] for run in runs]

    cells = load_grid("mine.toml").cells
    assert [run.returncode for run in runs] == [0, 0]
    assert not any(load_failure(CellFiles.of(here / "results/mine", of).failure) for of in cells)
    for of in cells:
        load_result(CellFiles.of(here / "results/mine", of).result)
        assert sum(f"done    {of.id} " in log for log in logs) == 1


@pytest.mark.parametrize(
    "command",
    [
        ["report", "--reports", "a_file"],
        ["export", "--format", "csv", "--out", "a_file/below"],
        ["run", "--results", "a_file"],
    ],
)
def test_a_folder_that_cannot_be_made_is_named_in_one_line(call, here, command):
    for of in load_grid("mine.toml").cells:
        result(of).save(here / "results" / "mine")
    (here / "a_file").write_text("in the way")

    code, _, log = call(*command, "--grid", "mine.toml")

    assert code == 2
    assert "a_file" in log
    assert "cannot be written" in log
    assert "Traceback" not in log


LONG = "a" * 5000


@pytest.mark.parametrize("command", ["run", "plan", "status", "report", "export --format csv"])
@pytest.mark.parametrize("place", ["/dev/null", "/proc/nope", LONG])
def test_a_place_where_results_cannot_be_is_told_in_one_line(call, command, place):
    code, _, log = call(*command.split(), "--grid", "mine.toml", "--results", place)

    reading = command in ("plan", "status", "report")  # of results that are not there
    assert code == (0 if reading and place == "/proc/nope" else 2)
    assert log.count("error: ") == (code == 2)
    assert len(log.splitlines()) <= 1


@pytest.mark.parametrize("place", ["/etc/passwd", "/proc/nope", LONG])
def test_a_place_where_reports_cannot_be_is_told_in_one_line(call, place):
    code, _, log = call("report", "--grid", "mine.toml", "--reports", place)

    assert code == 2
    assert log.startswith("error: ")
    assert "cannot be" in log
    assert len(log.splitlines()) == 1


def test_a_pipe_in_place_of_a_result_is_damaged_and_moved_aside(call, here):
    of = load_grid("mine.toml").cells[-1]
    path = CellFiles.of(here / "results/mine", of).result
    path.parent.mkdir(parents=True)
    os.mkfifo(path)

    code, out, log = call("status", "--grid", "mine.toml", "--json")
    states = {one["id"]: one["state"] for one in json.loads(out)["cells"]}
    assert (code, states[of.id]) == (0, "damaged"), log

    code, _, log = call("run", "--grid", "mine.toml", "--only", f"method={of.method}", "-j", "1")
    assert code == 0, log
    assert "is not a file; moved to seed=0.json.damaged" in log
    load_result(path)


def test_a_folder_in_place_of_a_lock_ends_in_one_line(call, here):
    of = load_grid("mine.toml").cells[-1]
    CellFiles.of(here / "results/mine", of).lock.mkdir(parents=True)

    assert call("status", "--grid", "mine.toml")[0] == 0
    code, _, log = call("run", "--grid", "mine.toml", "--only", f"method={of.method}", "-j", "1")

    assert code == 2
    assert "seed=0.lock: cannot be written (a folder is in the way)" in log
    assert "Traceback" not in log


def test_a_folder_of_results_that_is_removed_meanwhile_ends_in_one_line(here):
    (here / "mine.toml").write_text(ENDLESS)
    run = start("run", "--grid", "mine.toml", "-j", "1")
    (of,) = load_grid("mine.toml").cells
    stream = CellFiles.of(here / "results/mine", of).stream
    deadline = time.monotonic() + 120
    while not (stream.exists() and stream.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)

    shutil.rmtree(here / "results")
    _, log = run.communicate(timeout=120)

    assert run.returncode == 2
    assert "seed=0.jsonl: cannot be written (no such folder" in log
    assert "Traceback" not in log


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("options", [["plan"], ["plan", "--json"]])
def test_an_output_that_is_full_is_told_in_one_line(here, options):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "harness", *options, "--grid", "mine.toml"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == ("error: standard output cannot be written (No space left on device)\n")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_output_that_nobody_reads_is_no_matter(here, options):
    command = [sys.executable, "-m", "harness", "plan", "--grid", "mine.toml", *options]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    run.stdout.close()

    assert run.stderr.read() == ""
    assert run.wait() == 1
    run.stderr.close()


def test_the_next_command_finds_the_results(call, here):
    _, _, log = call("run", "--grid", "mine.toml", "--only", "method=random", "--results", "other")

    assert "python -m harness report --grid mine.toml --results other" in log
