"""Kept policies, recorded episodes, and the command that draws them."""

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

import harness.training.worker
from harness.config.cell import Budget, Cell
from harness.config.grid import load_grid
from harness.plotting import animation
from harness.results.checkpoint import DamagedCheckpoint, load_checkpoint, save_checkpoint
from harness.results.failure import describe_failure
from harness.results.files import CellFiles
from harness.results.result import load_result
from harness.training.loop import Training
from harness.training.pool import Summary
from harness.training.replay import differences, recall_policy, record
from harness.training.worker import keep_policy, work
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.pictures import Episode, load_picture
from support.recorded import cell
from support.toys import Line

SHORT = Budget(episodes=20, steps=40, evaluations=4, evaluation_episodes=2)
GRID = """
description = "cells to be drawn"
[[sweep]]
scenario = "prisoner"
methods = ["dqn", "ltos", "random"]
seeds = [0]
budget = { episodes = 20, steps = 40, evaluations = 4, evaluation_episodes = 2 }
[[sweep]]
scenario = "prisoner"
methods = ["reference"]
fields.policy = ["cooperate"]
seeds = [0]
[[sweep]]
scenario = "jungle"
methods = ["reference"]
fields.policy = ["greedy"]
options.max_steps = [6]
seeds = [0]
[[sweep]]
scenario = "traffic"
methods = ["dqn"]
options.network = "shenzhen"
seeds = [0]
"""
TRAFFIC = """
description = "an episode for another viewer"
[[sweep]]
scenario = "traffic"
methods = ["reference"]
fields.policy = ["fixed_10s"]
options.network = "grid_1x2"
options.max_steps = 6
seeds = [0]
"""
LTOS = "prisoner,episodes=20,steps=40,evaluations=4,evaluation_episodes=2/ltos/seed=0"
COOPERATE = "prisoner/reference,policy=cooperate/seed=0"
GREEDY = "jungle,max_steps=6/reference,policy=greedy/seed=0"
LEARNERS = [name for name, method in METHODS.items() if method.learns]


def short(method: str = "dqn", **changes) -> Cell:
    return cell(method, budget=SHORT, **changes)


def run(of: Cell, folder: Path, **how) -> None:
    assert work(of, folder, 1e9, lambda: False, **how).state == "done"


# -------- policies


@pytest.mark.parametrize("method", LEARNERS)
def test_a_kept_policy_plays_the_episodes_of_the_stored_result(tmp_path, method):
    run(short(method), tmp_path)
    result = load_result(CellFiles.of(tmp_path, short(method)).result)

    training = recall_policy(tmp_path, short(method))

    assert training is not None
    for k in range(SHORT.evaluation_episodes):
        assert not differences(result, k, record(training, k))
    episode = record(training, 0)
    for name, trace in result.traces.items():
        played = [frame.traces[name] for frame in episode.frames[:-1]]
        np.testing.assert_allclose(played, trace, atol=1e-4)


def test_a_policy_that_gambles_draws_again_what_it_drew(tmp_path):
    of = short("ia2c", fields=(("greedy", "sample"),))
    run(of, tmp_path)

    training = recall_policy(tmp_path, of)

    assert training is not None
    result = load_result(CellFiles.of(tmp_path, of).result)
    first, *_, last = (row["metrics"]["steps"] for row in result.curve)
    assert first != last  # with other draws it is another episode
    assert not differences(result, 1, record(training, 1))


@pytest.mark.parametrize("method", ["random", "reference"])
def test_what_does_not_learn_keeps_no_policy_and_needs_none(tmp_path, method):
    of = short(method, fields=(("policy", "defect"),) if method == "reference" else ())
    run(of, tmp_path)
    files = CellFiles.of(tmp_path, of)

    training = recall_policy(tmp_path, of)

    assert not files.policy.exists()
    assert training is not None
    assert not differences(load_result(files.result), 1, record(training, 1))


def test_another_policy_plays_other_episodes(tmp_path):
    """Else the comparison above would show nothing."""
    run(short("reference", fields=(("policy", "defect"),)), tmp_path)
    other = short("reference", fields=(("policy", "cooperate"),))
    result = load_result(
        CellFiles.of(tmp_path, dataclasses.replace(other, fields=(("policy", "defect"),))).result
    )

    training = recall_policy(tmp_path, other)

    assert training is not None
    assert differences(result, 0, record(training, 0)).keys() >= {"return", "steps"}


@pytest.mark.parametrize("method", LEARNERS)
def test_a_policy_holds_everything_but_replay(tmp_path, method):
    training = Training(short(method))
    training.advance()
    keep_policy(tmp_path, training)

    again = recall_policy(tmp_path, short(method))

    assert again is not None
    learned, recalled = training.method.state_dict(), again.method.state_dict()
    assert learned.keys() == recalled.keys()
    assert [key for key in learned if not alike(learned[key], recalled[key])] in ([], ["replay"])


def alike(a, b) -> bool:
    """Whether two parts of states are equal bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_no_policy_is_recalled_where_none_is_or_where_it_is_of_another_version(
    tmp_path, monkeypatch
):
    assert recall_policy(tmp_path, short()) is None

    run(short(), tmp_path)
    assert recall_policy(tmp_path, short()) is not None

    monkeypatch.setattr(METHODS["dqn"], "version", "next")
    assert recall_policy(tmp_path, short()) is None


def test_a_damaged_policy_is_never_used(tmp_path):
    run(short(), tmp_path)
    path = CellFiles.of(tmp_path, short()).policy
    whole = load_checkpoint(path)

    save_checkpoint(path, whole | {"policy": {"network": {}}})
    with pytest.raises(DamagedCheckpoint, match="does not fit its method"):
        recall_policy(tmp_path, short())

    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DamagedCheckpoint, match="checksum"):
        recall_policy(tmp_path, short())


def test_a_run_for_the_policy_alone_leaves_the_result_as_it_is(tmp_path):
    run(short(), tmp_path)
    files = CellFiles.of(tmp_path, short())
    before, policy = files.result.read_bytes(), files.policy.read_bytes()
    files.policy.unlink()

    run(short(), tmp_path, for_policy=True)

    assert files.result.read_bytes() == before
    assert files.policy.read_bytes() == policy
    assert sorted(files.result.parent.iterdir()) == [files.result, files.lock, files.policy]


def test_a_run_for_the_policy_goes_on_where_it_was_stopped(tmp_path):
    run(short(), tmp_path)
    files, asked = CellFiles.of(tmp_path, short()), iter([False, False, True])
    policy = files.policy.read_bytes()
    files.policy.unlink()

    outcome = work(short(), tmp_path, 1e9, lambda: next(asked), for_policy=True)
    assert outcome.state == "stopped"
    assert files.checkpoint.exists()

    run(short(), tmp_path, for_policy=True)
    assert files.policy.read_bytes() == policy
    assert not files.checkpoint.exists()


def test_a_run_for_the_policy_leaves_a_result_where_there_is_none(tmp_path):
    run(short(), tmp_path, for_policy=True)

    assert load_result(CellFiles.of(tmp_path, short()).result).cell == short()


# -------- episodes


def test_a_frame_says_what_was_chosen_and_what_was_shared(tmp_path):
    run(short("ltos"), tmp_path)
    training = recall_policy(tmp_path, short("ltos"))
    assert training is not None

    episode = record(training, 0)

    assert [frame.ts.step for frame in episode.frames] == list(range(episode.n_steps + 1))
    assert [frame.actions is None for frame in episode.frames] == [
        *[False] * episode.n_steps,
        True,
    ]
    for frame in episode.frames:
        assert frame.share_out is not None
        np.testing.assert_allclose(frame.share_out.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(frame.share_out[:, 0], frame.traces["selfishness"])
    total = episode.frames[-1].metrics["return"]
    assert episode.reward(episode.n_steps).mean() == pytest.approx(total)
    assert not episode.reward(0).any()


# -------- animations


@pytest.mark.parametrize(
    ("n_steps", "n_shown"), [(0, 1), (3, 4), (120, 121), (121, 62), (300, 101), (5000, 121)]
)
def test_long_episodes_are_thinned_out_evenly_and_keep_their_end(tmp_path, n_steps, n_shown):
    training = recall_policy(tmp_path, short("random"))
    assert training is not None
    episode = Episode(record(training, 0).frames[:1] * (n_steps + 1))

    steps = animation.steps_shown(episode)

    assert len(steps) == n_shown
    assert steps[0] == 0
    assert steps[-1] == n_steps
    assert len(set(np.diff(steps)[:-1])) <= 1


# -------- the command


@pytest.fixture
def here(here) -> Path:
    (here / "mine.toml").write_text(GRID)
    return here


@pytest.fixture
def call(call) -> Callable[..., tuple[int, str, str]]:
    """Call `render` in this process; returns exit code, answer and log."""
    return partial(call, "render", "--grid", "mine.toml")


@pytest.fixture
def at_once(monkeypatch):
    """Train in this process: worker processes have tests of their own."""

    def execute(jobs, folder, view, **how) -> Summary:
        summary = Summary()
        for job in jobs:
            try:
                outcome = harness.training.worker.work(
                    job.cell, folder, 1e9, lambda: False, for_policy=job.for_policy
                )
                summary.outcomes[job.cell] = outcome
                view.settled(job, outcome)
            except FloatingPointError as error:
                summary.failures[job.cell] = failure = describe_failure(error, job.cell)
                view.settled(job, failure)
        return summary

    monkeypatch.setattr("harness.training.replay.execute", execute)


def ltos() -> Cell:
    return next(c for c in load_grid("mine.toml").cells if c.id == LTOS)


def test_a_reference_is_drawn_without_training_and_nothing_else_is_written(call, here):
    code, out, log = call(COOPERATE, "--out", "pictures/strip.png")

    assert code == 0, log
    assert out == "pictures/strip.png\n"
    assert sorted(p.name for p in here.iterdir()) == ["mine.toml", "pictures"]
    with Image.open(here / "pictures/strip.png") as image:
        assert image.format == "PNG"
        assert image.width > 500


def test_an_animation_shows_every_step_and_rests_on_the_last(call, here):
    code, _, log = call(GREEDY, "--out", "jungle.gif", "--fps", "5")

    assert code == 0, log
    assert "drawing 7 of 7 timesteps" in log
    with Image.open(here / "jungle.gif") as image:
        durations = []
        for n in range(image.n_frames):
            image.seek(n)
            durations.append(image.info["duration"])
        assert durations == [200.0] * 6 + [2000.0]
        assert image.info["loop"] == 0
    assert (here / "jungle.gif").stat().st_size < 2**20


@pytest.mark.parametrize(
    ("options", "step"), [([], 3), (["--step", "0"], 0), (["--step", "6", "--episode", "1"], 6)]
)
def test_a_picture_is_of_the_step_and_the_episode_asked_for(call, here, monkeypatch, options, step):
    drawn = []

    def png(picture, episode, title, t) -> bytes:
        drawn.append((title, t, episode.frames[0].snapshot.position.tolist()))
        return b"picture"

    monkeypatch.setattr(animation, "png", png)

    code, _, log = call(GREEDY, "--out", "jungle.png", *options)

    number = 1 if "--episode" in options else 0
    of = next(c for c in load_grid("mine.toml").cells if c.id == GREEDY)
    training = recall_policy(here, of)
    assert code == 0, log
    assert training is not None
    start = next(iter(record(training, number).frames)).snapshot.position.tolist()
    assert drawn == [(f"{GREEDY}, evaluation episode {number}", step, start)]


def test_a_cell_without_a_policy_is_trained_once_and_its_policy_kept(call, here, at_once):
    run(ltos(), here / "results/mine")
    files = CellFiles.of(here / "results/mine", ltos())
    files.policy.unlink()
    before = files.result.read_bytes()

    code, _, log = call(LTOS, "--out", "strip.gif")
    assert code == 0, log
    assert "no policy is kept, so the cell is trained first; about" in log
    assert "note" not in log
    assert files.result.read_bytes() == before

    code, _, log = call(LTOS, "--out", "again.gif")
    assert code == 0, log
    assert "trained" not in log
    assert (here / "again.gif").read_bytes() == (here / "strip.gif").read_bytes()


def test_a_damaged_policy_is_moved_aside_and_the_cell_trained_again(call, here, at_once):
    run(ltos(), here / "results/mine")
    path = CellFiles.of(here / "results/mine", ltos()).policy
    whole = path.read_bytes()
    path.write_bytes(b"half a policy, longer than the checksum at its end")

    code, _, log = call(LTOS, "--out", "strip.png")

    assert code == 0, log
    assert "moved to seed=0.policy.pt.damaged" in log
    assert path.read_bytes() == whole
    assert path.with_name("seed=0.policy.pt.damaged").exists()


def test_an_episode_that_is_not_the_stored_one_is_remarked_on(call, here):
    run(ltos(), here / "results/mine")
    result = load_result(CellFiles.of(here / "results/mine", ltos()).result)
    other = {name: [[v + 1 for v in row] for row in rows] for name, rows in result.episodes.items()}
    dataclasses.replace(result, episodes=other).save(here / "results/mine")

    code, _, log = call(LTOS, "--out", "strip.png")

    assert code == 0, log
    assert "note: return is " in log
    assert (here / "strip.png").exists()


def test_a_cell_that_fails_to_train_gives_no_picture(call, here, at_once, monkeypatch):
    def diverges(training):
        raise FloatingPointError("td_loss is nan")

    monkeypatch.setattr("harness.training.loop.Training.advance", diverges)

    code, out, log = call(LTOS, "--out", "strip.png")

    assert code == 1
    assert "td_loss is nan" in log
    assert not out
    assert not (here / "strip.png").exists()


def test_a_cell_that_somebody_else_trains_is_left_to_them(call, here, at_once):
    lock = CellFiles.of(here / "results/mine", ltos()).lock
    lock.parent.mkdir(parents=True)

    with FileLock(lock):
        code, _, log = call(LTOS, "--out", "strip.png")

    assert code == 1
    assert "is being run elsewhere" in log


def test_ctrl_c_while_drawing_leaves_the_old_picture(call, here, monkeypatch):
    (here / "strip.png").write_bytes(b"the old one")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(animation, "png", interrupted)

    code, out, log = call(COOPERATE, "--out", "strip.png")

    assert code == 130
    assert "interrupted: no picture was written" in log
    assert not out
    assert (here / "strip.png").read_bytes() == b"the old one"
    assert sorted(p.name for p in here.iterdir()) == ["mine.toml", "strip.png"]


def test_traffic_becomes_a_replay_for_cityflows_viewer(call, here):
    (here / "mine.toml").write_text(TRAFFIC)
    name = "traffic,max_steps=6,network=grid_1x2/reference,policy=fixed_10s/seed=0"
    code, out, log = call(name, "--out", "hour.txt")

    assert (code, out) == (0, "hour.txt\n"), log
    seconds = (here / "hour.txt").read_text().splitlines()
    assert len(seconds) == 60
    assert "_0 0 5.0 2.0," in seconds[-1]
    lights = [line.split(";")[1] for line in seconds]
    assert lights[0] == lights[9] != lights[10]  # a decision lasts 10 s
    roads = json.loads((here / "hour.roadnet.json").read_text())["static"]
    assert {edge["id"] for edge in roads["edges"]} >= {"road_0_1_0", "road_1_1_0"}

    (here / "hour.roadnet.json").unlink()
    (here / "hour.roadnet.json").mkdir()
    code, out, log = call(name, "--out", "hour.txt")
    assert (code, out) == (2, "")
    assert "hour.roadnet.json: ground plan: cannot be written" in log


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([COOPERATE, "--out", "strip.jpg"], "is a .png or a .gif file, a replay a .txt"),
        ([COOPERATE, "--out", "strip.txt"], "there are replays of traffic only"),
        ([COOPERATE, "--out", "strip.txt", "--step", "1"], "goes with .png"),
        ([COOPERATE, "--out", "strip.png", "--step", "4"], "ends after step 3"),
        ([COOPERATE, "--out", "strip.png", "--step", "-1"], "--step"),
        ([COOPERATE, "--out", "strip.gif", "--step", "1"], "goes with .png"),
        ([COOPERATE, "--out", "strip.png", "--fps", "2"], "goes with .gif"),
        ([COOPERATE, "--out", "strip.gif", "--fps", "0"], "--fps"),
        ([COOPERATE, "--out", "strip.png", "--episode", "20"], "20 episodes, 0 to 19"),
        ([COOPERATE, "--out", "mine.toml/strip.png"], "cannot be written"),
        ([COOPERATE, "--out", "folder.png"], "is a folder"),
        ([COOPERATE], "--out"),
        (["prisoner/reference,policy=coperate/seed=0", "--out", "x.png"], f"mean {COOPERATE!r}"),
        (["traffic,network=shenzhen/dqn/seed=0", "--out", "x.png"], "data fetch shenzhen"),
        ([COOPERATE, "--out", "x.png", "--grid", "smok"], "did you mean 'smoke'?"),
    ],
)
def test_wrong_use_ends_in_a_message_and_exit_code_2(call, here, arguments, says, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(here / "no data"))
    (here / "folder.png").mkdir()

    code, out, log = call(*arguments)

    assert code == 2
    assert not out
    assert says in log
    assert "Traceback" not in log


def test_a_scenario_nobody_has_drawn_is_named(call, here, monkeypatch):
    everything = {**SCENARIOS, "line": Line}
    for module in ("config.scenario", "config.cell", "training.loop"):
        monkeypatch.setattr(f"harness.{module}.SCENARIOS", everything)
    (here / "mine.toml").write_text(GRID.replace('"prisoner"', '"line"', 1))
    first = load_grid("mine.toml").cells[0].id

    code, _, log = call(first, "--out", "x.png")

    assert code == 2
    assert "scenario 'line' has no picture" in log


def test_the_heading_names_the_cell_the_step_and_the_reward(here):
    of = next(c for c in load_grid("mine.toml").cells if c.id == COOPERATE)
    training = recall_policy(here, of)
    assert training is not None
    episode, picture = record(training, 0), load_picture("prisoner")

    end = animation.png(picture, episode, "a title", 3)

    assert end == animation.png(picture, episode, "a title", 3)
    assert end != animation.png(picture, episode, "another", 3)
    assert end != animation.png(picture, episode, "a title", 2)
