"""Doctor finds what is wrong with an installation or with a user's plugin, and says so."""

import importlib
import json
import sys
from concurrent.futures import Future
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch
from harness.training.threads import ONE_THREAD

from harness.__main__ import main
from harness.checks import installation as doctor
from harness.checks.installation import mark, play_scenario, train_method
from harness.checks.subject import find_method, find_scenario
from harness.errors import ConfigurationError
from harness.training.pool import Workers

SCENARIO = '''"""A scenario of a user's."""
from scenarios.prisoner import Prisoner

class Mine(Prisoner):
    description = "mine"

class Late(Prisoner):
    def reset(self, rng):
        ts = super().reset(rng)
        ts.reward[:] = 1.0
        return ts

number = 7
'''
METHOD = '''"""A method of a user's."""
from dataclasses import dataclass
from methods.reference import RandomPolicy, RandomPolicyConfig
from methods.base import Method

@dataclass(frozen=True)
class MineConfig(RandomPolicyConfig):
    step: float = 0.1
    hidden: tuple[int, ...] = (64, 64)
    n: int = 3

class Mine(RandomPolicy):
    Config = MineConfig

@dataclass(frozen=True)
class BareConfig(RandomPolicyConfig):
    step: float
    n: int

class Bare(RandomPolicy):
    Config = BareConfig

class Half(Method):
    def scores(self, ts): ...
'''


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call the command line where the user's modules lie; returns exit code, answer and log."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")  # else the command leaves it set
    (tmp_path / "my_scenario.py").write_text(SCENARIO)
    (tmp_path / "my_method.py").write_text(METHOD)
    (tmp_path / "my_fault.py").write_text("1 / 0")
    importlib.invalidate_caches()
    for name in ("my_scenario", "my_method", "my_fault"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["doctor", *arguments])
        return ended.value.code, *capsys.readouterr()

    return call


def test_a_scenario_of_the_users_is_held_to_the_laws(call):
    code, out, log = call("--scenario", "my_scenario:Mine")

    assert code == 0, log
    assert "ok             timesteps keep the contract\n" in out
    assert "no faults" in out


def test_a_broken_scenario_ends_with_the_law_and_the_reason(call):
    code, out, _ = call("--scenario", "my_scenario:Late")

    assert code == 3
    assert "violated       nothing is earned by a reset: a reward is not 0 after a reset\n" in out
    assert "1 fault" in out


def test_a_method_of_the_users_is_held_to_the_laws(call):
    code, out, _ = call("--method", "my_method:Mine", "--json")

    answer = json.loads(out)
    verdicts = {finding["name"]: finding["verdict"] for finding in answer["findings"]}
    assert code == 0
    assert answer["faults"] == 0
    assert verdicts["it plays allowed actions, greedy"] == "ok"
    assert verdicts["it learns"] == "not applicable"


def test_what_has_a_name_here_can_be_looked_at_by_its_name(call):
    code, out, _ = call("--scenario", "prisoner", "--method", "random")

    assert code == 0
    assert "the bound is better than the floor" in out
    assert "scores are pure" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scenario", "prisonr"], "did you mean 'prisoner'?"),
        (["--method", "my_method:Mien"], "my_method has no 'Mien'; did you mean 'Mine'?"),
        (["--method", "my_methods:Mine"], "No module named 'my_methods'; is it installed"),
        (["--method", "my_fault:Mine"], "importing it raised ZeroDivisionError"),
        (["--method", "my_scenario:Mine"], "does not derive from methods.base.Method"),
        (["--method", "my_method:Half"], "lacks __init__, act, communication"),
        (["--method", "my_method:Bare"], "no value for n, step; write it to [default.all] of"),
        (["--scenario", "my_scenario:number"], "cannot be called"),
        (["--scenario", "pettingzoo"], "it needs options (module, max_steps)"),
    ],
)
def test_what_cannot_be_looked_at_ends_in_a_message(call, arguments, says):
    code, out, log = call(*arguments)

    assert code == 2
    assert not out
    assert says in log
    assert "Traceback" not in log


def test_a_method_has_its_hyperparameters_from_defaults_and_the_file_beside_it(call, tmp_path):
    (tmp_path / "my_method.toml").write_text("[default.all]\nstep = 0.5\nhidden = [32]\n")

    found = find_method("my_method:Mine")

    assert found.values == {"step": 0.5, "hidden": (32,), "n": 3}
    assert asdict(found.configure((("n", 9),))) == {"step": 0.5, "hidden": (32,), "n": 9}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[default.all]\nstp = 0.5\n",
            r"my_method\.toml \[default\.all\]: unknown key 'stp'.*step",
        ),
        ("[default", r"my_method\.toml: no valid TOML"),
    ],
)
def test_a_wrong_file_beside_a_method_is_named(call, tmp_path, text, says):
    (tmp_path / "my_method.toml").write_text(text)

    with pytest.raises(ConfigurationError, match=says):
        find_method("my_method:Mine")


def test_a_registered_name_is_found_without_importing_anything_else():
    assert find_scenario("prisoner")().spec.n_agents == 2
    assert find_method("dqn").method.title == "DQN"


def findings(checks):
    return {finding.name: finding for finding in checks}


def test_another_release_than_that_of_the_results_is_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(
        doctor, "installed_version", lambda name: {"torch": "9.9+cpu", "numpy": "2.4.6"}.get(name)
    )

    found = findings(doctor.machine_checks(tmp_path))

    assert found["torch"].verdict == "note"
    assert found["torch"].detail.startswith("9.9+cpu; the committed results were made with 2.")
    assert found["mlflow"].detail == "not installed; for run --track, export --format mlflow"
    assert "ruff" not in found


def test_without_the_list_of_releases_that_is_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "RESULTS_RELEASES", tmp_path / "constraints.txt")

    found = findings(doctor.machine_checks(tmp_path))

    assert found["releases"].verdict == "note"
    assert found["python"].verdict == "ok"


def test_an_old_python_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (9, 1))

    assert findings(doctor.machine_checks(tmp_path))["python"].verdict == "failed"


def test_a_folder_that_cannot_be_written_is_a_fault_and_none_is_made(tmp_path):
    (tmp_path / "file").touch()

    blocked = findings(doctor.machine_checks(tmp_path / "file" / "results"))["results folder"]
    free = findings(doctor.machine_checks(tmp_path / "new" / "results"))["results folder"]

    assert blocked.verdict == "failed"
    assert str(tmp_path / "file") in blocked.detail
    assert free.verdict == "ok"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class Team(Workers):
    """Workers that answer at once, as they are told."""

    def __init__(self, answer):
        self.pool, self._answer = SimpleNamespace(schedule=self._schedule), answer

    def _schedule(self, run, args=()):
        future = Future()
        try:
            future.set_result(self._answer(run, *args))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def _few(monkeypatch):
    monkeypatch.setattr(doctor, "SCENARIOS", {"prisoner": None})
    monkeypatch.setattr(doctor, "METHODS", {"dqn": None})


@pytest.mark.usefixtures("_few")
def test_runs_that_differ_between_two_processes_are_a_fault():
    def answer(run, name):
        marks = run(name)
        return marks if name == "prisoner" else [*marks[:2], "other", *marks[3:]]

    found = findings(doctor.determinism_checks(Team(answer)))

    assert found["scenario prisoner"].verdict == "ok"
    assert found["method dqn"].verdict == "failed"
    assert found["method dqn"].detail == "two runs differ, first in part 3 of 5"


@pytest.mark.usefixtures("_few")
def test_a_run_that_breaks_is_a_fault_and_the_others_go_on():
    def answer(run, name):
        if name == "prisoner":
            raise MemoryError("too little")
        return run(name)

    found = findings(doctor.determinism_checks(Team(answer)))

    assert found["scenario prisoner"].detail == "MemoryError: too little"
    assert found["method dqn"].verdict == "ok"


def test_a_worker_with_many_threads_is_a_fault(monkeypatch):
    def answer(run):
        return {"start method": "forkserver", "threads": {"OMP_NUM_THREADS": 8, "torch": 1}}

    started, threads = doctor.worker_checks(Team(answer))

    assert started.detail.startswith("forkserver, ready after")
    assert (threads.verdict, threads.detail) == ("failed", "OMP_NUM_THREADS = 8")


def test_a_worker_that_does_not_start_is_a_fault():
    def answer(run):
        raise OSError("no more processes")

    (started,) = doctor.worker_checks(Team(answer))

    assert (started.verdict, started.detail) == ("failed", "OSError: no more processes")


@pytest.mark.slow
def test_the_whole_command_with_real_workers(call, monkeypatch, tmp_path):
    few = {"dqn": None, "ltos": None}
    monkeypatch.setattr(doctor, "METHODS", few)
    some = {"prisoner": None, "routing": None, "pettingzoo": None}
    monkeypatch.setattr(doctor, "SCENARIOS", some)

    code, out, log = call("--json")

    answer = json.loads(out)
    named = {finding["name"]: finding for finding in answer["findings"]}
    assert code == 0, log
    assert answer["faults"] == 0
    assert named["worker process"]["detail"].startswith("forkserver")
    assert named["threads of a worker"]["detail"] == "one each"
    assert named["method ltos"]["detail"].startswith("two runs equal bit for bit")
    assert named["scenario routing"]["verdict"] == "ok"
    assert "scenario pettingzoo" not in named  # it is nothing without options
    assert "ok             method ltos" in log
    assert not (tmp_path / "results").exists()


def test_a_mark_tells_every_bit_and_every_bracket():
    values = [
        [1, [2]], [[1], 2], [1, 2], [1.0, 2], [0.0], [-0.0], {"a": 1}, ["a", 1], b"a", "a",
        torch.zeros(2), torch.zeros(2, dtype=torch.float64), torch.zeros(1, 2), torch.ones(2),
    ]  # fmt: skip

    assert len({mark(value) for value in values}) == len(values)
    assert mark({"a": torch.ones(2)}) == mark({"a": torch.ones(2)})


def test_two_runs_in_one_process_are_equal_and_of_two_things_are_not():
    assert play_scenario("prisoner") == play_scenario("prisoner")
    assert train_method("dqn") == train_method("dqn")
    assert train_method("dqn") != train_method("team_dqn")
