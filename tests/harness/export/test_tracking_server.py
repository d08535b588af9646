"""What a run shows on a real MLflow server, read back through the server's own interface."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness.config.grid import load_grid
from harness.results.files import CellFiles
from harness.results.result import load_result

pytest.importorskip("mlflow", reason="MLflow is not installed")
ROOT = Path(__file__).parents[3]
GRID = """
description = "two quick methods"
[[sweep]]
scenario = "prisoner"
methods = ["random", "dqn"]
seeds = [0, 1]
budget = { episodes = 10, steps = 20, evaluations = 5, evaluation_episodes = 2 }
"""
SERVER_STARTS_IN_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    """A server on this machine that nobody else can reach, gone at the end whatever happens."""
    uri = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--workers", "1"]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=tmp_path,
            start_new_session=True,
            env=os.environ | quiet,
        )
    try:
        wait_for(uri, process, tmp_path / "server.log")
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(uri, process, log):
    deadline = time.monotonic() + SERVER_STARTS_IN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=5) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the server did not start: {log.read_text()}")


def ask(uri, path, **content):
    """Ask the server's interface; with content it is a POST."""
    data = json.dumps(content).encode() if content else None
    request = urllib.request.Request(
        f"{uri}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def harness(folder, uri, *arguments):
    """Call the command line as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments, "--grid", "mine.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_a_run_appears_on_the_server_as_it_is_in_the_results(tmp_path, server):
    (tmp_path / "mine.toml").write_text(GRID)

    log = harness(tmp_path, server, "run", "-j", "1").stderr
    again = harness(tmp_path, server, "export", "--format", "mlflow")

    path = "experiments/get-by-name?experiment_name=ltos-bench/mine"
    experiment = ask(server, path)["experiment"]
    runs = ask(server, "runs/search", experiment_ids=[experiment["experiment_id"]])["runs"]
    by_id = {tag_of(run, "cell_id"): run for run in runs if tag_of(run, "cell_id")}
    above = {run["info"]["run_id"] for run in runs if not tag_of(run, "cell_id")}
    assert "not tracked" not in log
    assert f"{server}: 0 added, 0 replaced, 4 kept" in again.stdout
    cells = load_grid(tmp_path / "mine.toml").cells
    assert by_id.keys() == {of.id for of in cells}
    assert len(above) == 2
    for of in cells:
        run, stored = by_id[of.id], load_result(CellFiles.of(tmp_path / "results/mine", of).result)
        assert tag_of(run, "mlflow.parentRunId") in above
        assert tag_of(run, "fingerprint") == stored.fingerprint
        assert curve(server, run) == [(r["step"], r["metrics"]["return"]) for r in stored.curve]
        assert run["info"]["artifact_uri"].startswith("mlflow-artifacts:")
    assert sum(1 for _ in (tmp_path / "artifacts").rglob("curve.csv")) == 4
    assert not (tmp_path / "mlruns").exists()
    assert not (tmp_path / "results" / "mlflow.db").exists()


def tag_of(run, name):
    return next((tag["value"] for tag in run["data"]["tags"] if tag["key"] == name), None)


def curve(uri, run):
    path = f"metrics/get-history?run_id={run['info']['run_id']}&metric_key=eval/return"
    return [(point["step"], point["value"]) for point in ask(uri, path)["metrics"]]
