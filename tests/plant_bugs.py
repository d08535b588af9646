"""Planted bugs: does the suite notice?

``python tests/plant_bugs.py [WORD ...]`` in the repository root copies the sources, plants one bug
at a time in the copy, runs the tests that should catch it, and says whether they did. With words,
only bugs whose description has one of them. ``docs/planted_bugs.md`` lists the outcome; go through
it again when the suite changes.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
COPIED = ("harness", "methods", "scenarios", "tests", "pyproject.toml")
CHECKS = "tests/methods/test_every_method.py"


class Bug(NamedTuple):
    """What is wrong, where, which text becomes which, and the tests that should notice."""

    what: str
    file: str
    right: str
    wrong: str
    tests: str


BUGS = (
    Bug(
        "attention leaks across the graph",
        "methods/nn/attention.py",
        "logits.masked_fill_(~graph.unsqueeze(1), -torch.inf)",
        "logits",
        f"{CHECKS} -k hops",
    ),
    Bug(
        "the seed of initial weights is dropped",
        "harness/config/seeding.py",
        "init=_torch_stream(seed, Purpose.INIT)",
        "init=_torch_stream(0, Purpose.INIT)",
        f"{CHECKS} -k every_seed",
    ),
    Bug(
        "evaluation explores",
        "harness/training/loop.py",
        "actions = self._chosen(ts, act, k)",
        "actions = self._chosen(ts, act)",
        "tests/harness/training/test_runner.py",
    ),
    Bug(
        "a number that is not finite goes in",
        "harness/training/loop.py",
        "check_timestep(ts, self._agents)",
        "pass",
        "tests/harness/training/test_runner.py -k not_sound",
    ),
    Bug(
        "what an environment started outlives a worker that is killed",
        "harness/training/pool.py",
        "os.killpg(error.pid, signal.SIGKILL)",
        "pass",
        "tests/harness/training/test_failing_cells.py",
    ),
    Bug(
        "what an environment started outlives its cell",
        "harness/training/process.py",
        "        _end_started()\n        os.chdir(folder)",
        "        os.chdir(folder)",
        "tests/harness/training/test_failing_cells.py",
    ),
    Bug(
        "a cell that was killed is given up at once",
        "harness/training/pool.py",
        "            return False\n",
        "",
        "tests/harness/training/test_failing_cells.py",
    ),
    Bug(
        "evaluation learns",
        "harness/training/loop.py",
        "            ts = self._shown(self.scenario.step(actions), k)\n",
        "            before, ts = ts, self._shown(self.scenario.step(actions), k)\n"
        "            self.method.observe(before, actions, ts)\n",
        f"{CHECKS} -k evaluation_leaves",
    ),
    Bug(
        "evaluation draws from training's stream",
        "harness/training/loop.py",
        "actions = self._chosen(ts, act, k)",
        "actions = self._chosen(ts, act, k) + 0 * self._act.integers(2)",
        f"{CHECKS} -k evaluation_leaves",
    ),
    Bug(
        "bootstraps at an end state",
        "methods/learners/replay.py",
        'data["continues"][row] = not next_ts.terminated',
        'data["continues"][row] = True',
        f"{CHECKS} -k truncation_bootstraps",
    ),
    Bug(
        "does not bootstrap at the step limit",
        "methods/learners/replay.py",
        'data["continues"][row] = not next_ts.terminated',
        'data["continues"][row] = not next_ts.last',
        f"{CHECKS} -k truncation_bootstraps",
    ),
    Bug(
        "the next observation of an episode's last step is the next episode's first",
        "methods/learners/replay.py",
        "seen[ended] = self._ends[name][end[ended]]",
        "pass",
        "tests/methods/learners/test_replay.py",
    ),
    Bug(
        "exploration draws from the global stream",
        "methods/nn/policy.py",
        "gamble = rng.random(len(scores)) < epsilon",
        "gamble = np.random.random(len(scores)) < epsilon",
        f"{CHECKS} -k draws_from_the_stream",
    ),
    Bug(
        "a checkpoint forgets the optimizer",
        "methods/learners/q_learning.py",
        'load_optimizer(self._optimizer, state["optimizer"])',
        "pass",
        f"{CHECKS} -k save_and_load",
    ),
    Bug(
        "a checkpoint forgets where the replay stream stood",
        "methods/base.py",
        'set_generator_state(self.replay, state["replay"])',
        "pass",
        f"{CHECKS} -k save_and_load",
    ),
    Bug(
        "greedy play ignores masks",
        "methods/nn/policy.py",
        "return possible.argmax(axis=1)",
        "return scores.argmax(axis=1)",
        f"{CHECKS} -k allowed_actions",
    ),
    Bug(
        "TD targets ignore masks",
        "methods/learners/q_learning.py",
        "next_q = self.q(self._target, seen).masked_fill(~allowed, -torch.inf)",
        "next_q = self.q(self._target, seen)",
        "tests/methods/learners/test_q_learning.py",
    ),
    Bug(
        "a shared network is told which agent it serves",
        "methods/dqn.py",
        "return network(agents_first(seen.obs))",
        "rank = seen.obs.new_tensor(range(seen.obs.shape[1])).view(1, -1, 1)\n"
        "        return network(agents_first(seen.obs + rank))",
        f"{CHECKS} -k exchangeable",
    ),
    Bug(
        "the high level's target is not restored",
        "methods/ltos.py",
        'self._phi_target.load_state_dict(state["phi_target"])',
        "pass",
        f"{CHECKS} -k save_and_load",
    ),
    Bug(
        "shared rewards do not add up",
        "methods/learners/sharing.py",
        "(matrix.transpose(1, 2) @ reward.unsqueeze(2))",
        "(matrix @ reward.unsqueeze(2))",
        "tests/methods/learners/test_sharing.py",
    ),
    Bug(
        "an agent is not its own neighbor",
        "scenarios/prisoner/scenario.py",
        "_GRAPH = np.ones((2, 2), np.bool_)",
        "_GRAPH = ~np.eye(2, dtype=np.bool_)",
        "tests/scenarios",
    ),
    Bug(
        "a scenario hands out an array it keeps",
        "scenarios/prisoner/scenario.py",
        "graph=_GRAPH.copy()",
        "graph=_GRAPH",
        "tests/scenarios",
    ),
    Bug(
        "the coin is not fair",
        "scenarios/prisoner/scenario.py",
        "winner = int(self._rng.integers(2))",
        "winner = int(self._rng.random() < 0.6)",
        "tests/scenarios",
    ),
    Bug(
        "a hyperparameter is misspelled",
        "methods/hparams/dqn.toml",
        "\ndiscount = 0.99 ",
        "\ndiscuont = 0.99 ",
        f"{CHECKS} -k hyperparameters",
    ),
    Bug(
        "a recurrent memory advances when scores are asked for",
        "methods/learners/a2c.py",
        "return self._decided(ts, self._held(ts))[1][0].numpy()",
        "memory, logits = self._decided(ts, self._held(ts))\n"
        "        self._after = Held(memory, self._after.policy)\n"
        "        return logits[0].numpy()",
        "tests/methods/test_neurcomm.py -k fingerprints",
    ),
    Bug(
        "a segment starts from an empty memory",
        "methods/learners/a2c.py",
        "start = Memory(hidden.unsqueeze(1), cell.unsqueeze(1))",
        "start = Memory(0 * hidden.unsqueeze(1), 0 * cell.unsqueeze(1))",
        "tests/methods/learners/test_a2c.py -k learning_repeats",
    ),
    Bug(
        "a time limit is an end state",
        "methods/learners/rollout.py",
        'data["continues"][row] = not next_ts.terminated',
        'data["continues"][row] = not next_ts.last',
        "tests/methods/learners/test_rollout.py -k what_follows",
    ),
    Bug(
        "messages of a finished episode are heard in the next",
        "methods/learners/a2c.py",
        "memory = self.blank() if begins else memory",
        "memory = Memory(memory.hidden, self.blank().cell) if begins else memory",
        "tests/methods/test_neurcomm.py -k forgotten",
    ),
    Bug(
        "messages carry no gradient",
        "methods/neurcomm.py",
        "from_neighbors(memory.hidden.transpose(0, 1), slots)",
        "from_neighbors(memory.hidden.detach().transpose(0, 1), slots)",
        "tests/methods/test_neurcomm.py -k one_hop",
    ),
    Bug(
        "parameters are averaged one agent after the other",
        "methods/consenet.py",
        "        parameter.copy_((weights @ parameter.flatten(1)).view_as(parameter))",
        "        for i, row in enumerate(weights):\n"
        "            parameter[i] = (row @ parameter.flatten(1)).view_as(parameter[i])",
        "tests/methods/test_consenet.py -k at_once",
    ),
    Bug(
        "rewards of others are discounted over the next graph",
        "methods/learners/a2c.py",
        "self._reward(ts.graph, next_ts.reward)",
        "self._reward(next_ts.graph, next_ts.reward)",
        "tests/methods/learners/test_a2c.py -k graph_acted_on",
    ),
    Bug(
        "agents are clipped one by one",
        "methods/learners/a2c.py",
        "nn.utils.clip_grad_norm_(network.parameters(), c.max_gradient_norm)",
        "[nn.utils.clip_grad_norm_(p, c.max_gradient_norm) for p in network.parameters()]",
        "tests/methods/learners/test_a2c.py -k clipped",
    ),
    Bug(
        "the team's value falls with some agents' values",
        "methods/qmix.py",
        "self.weight_1(s).squeeze(0).abs()",
        "self.weight_1(s).squeeze(0)",
        "tests/methods/test_qmix.py -k rises",
    ),
    Bug(
        "the mixer is left out of the optimizer",
        "methods/qmix.py",
        "        self._nothing = np",
        "        self._optimizer = torch.optim.Adam(agents.parameters())\n"
        "        self._nothing = np",
        "tests/methods/test_qmix.py -k agents_and_mixer",
    ),
    Bug(
        "the team's reward is the sum of rewards",
        "methods/qmix.py",
        'batch["reward"].mean(dim=2)',
        'batch["reward"].sum(dim=2)',
        "tests/methods/test_qmix.py -k bootstraps",
    ),
    Bug(
        "a forbidden action is a team's best",
        "methods/qmix.py",
        'best.masked_fill(~batch["next_action_mask"], -torch.inf).argmax',
        "best.argmax",
        "tests/methods/test_qmix.py -k forbidden",
    ),
    Bug(
        "what was done last is what is done now",
        "methods/qmix.py",
        "previous = self._nothing if ts.first else self._stored",
        "previous = actions",
        "tests/methods/test_qmix.py -k values_that_acting",
    ),
    Bug(
        "a memory outlives its episode in replayed runs",
        "methods/nn/recurrent.py",
        "memory * kept[:, t].unsqueeze(1)",
        "memory",
        "tests/methods/test_qmix.py -k values_that_acting",
    ),
    Bug(
        "a clipped ratio is clipped in the direction that costs, too",
        "methods/ppo.py",
        "return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)",
        "return ratio.clamp(1 - clip, 1 + clip) * advantage",
        "tests/methods/test_ppo.py -k gains",
    ),
    Bug(
        "MAPPO's agents learn from their own rewards",
        "methods/ppo.py",
        "return reward.mean(dim=1, keepdim=True).expand_as(reward)",
        "return reward",
        "tests/methods/test_ppo.py -k slow_loop",
    ),
    Bug(
        "smoothed rewards go on into the next episode",
        "methods/learners/rewards.py",
        "past = np.zeros_like(reward) if ts.first else self._trace",
        "past = getattr(self, '_trace', np.zeros_like(reward))",
        "tests/methods/learners/test_rewards.py -k anew",
    ),
    Bug(
        "whom nobody can reach counts undiscounted",
        "methods/learners/rewards.py",
        "np.where(reachable, alpha ** np.where(reachable, distance, 0.0), 0.0)",
        "alpha ** np.where(reachable, distance, 0.0)",
        "tests/methods/learners/test_rewards.py -k nobody",
    ),
    Bug(
        "an edit of somebody's environment leaves its results valid",
        "harness/config/cell.py",
        "if issubclass(scenario, RestsOnFiles)",
        "if False",
        "tests/harness/checks/test_own_environment.py -k stale",
    ),
    Bug(
        "an agent may die before the others",
        "scenarios/pettingzoo/scenario.py",
        "if not (told >= set(self._agents) and len(ended) == len(self._agents)):",
        "if not told >= set(self._agents):",
        "tests/scenarios/pettingzoo/test_scenario.py -k another_kind",
    ),
    Bug(
        "somebody's environment starts every episode alike",
        "scenarios/pettingzoo/scenario.py",
        "seed=int(rng.integers(2**31))",
        "seed=0 * int(rng.integers(2**31))",
        "tests/scenarios/test_every_scenario.py -k diary",
    ),
    Bug(
        "an end by the environment's own step limit is taken for an end state",
        "scenarios/pettingzoo/scenario.py",
        "terminated = all(terminations[agent] for agent in self._agents)",
        "terminated = bool(ended)",
        "tests/scenarios/pettingzoo/test_scenario.py",
    ),
    Bug(
        "a study puts places of different budgets together",
        "harness/report/study.py",
        "found[replace(cell, options=others).task, option]",
        "found[cell.scenario, option]",
        "tests/harness/report/test_study.py -k together",
    ),
    Bug(
        "a study shows the papers' points beside settings of our own",
        "harness/report/study.py",
        "{} if one.cell.fields else _stated",
        "_stated",
        "tests/harness/report/test_study.py -k own_settings",
    ),
    Bug(
        "a policy of other settings is recalled",
        "harness/training/replay.py",
        'if kept["fingerprint"] != cell.fingerprint:',
        "if False:",
        "tests/harness/cli/test_render.py -k another_version",
    ),
    Bug(
        "a kept policy lacks the target network",
        "harness/training/worker.py",
        "if name != _NOT_KEPT}",
        'if name not in (_NOT_KEPT, "target")}',
        "tests/harness/cli/test_render.py -k everything_but_replay",
    ),
    Bug(
        "a recorded episode draws as at the first evaluation",
        "harness/training/replay.py",
        "training.evaluation = training.n_evaluations",
        "training.evaluation = 1",
        "tests/harness/cli/test_render.py -k gambles",
    ),
    Bug(
        "a run for the policy replaces the result",
        "harness/training/worker.py",
        "if not (for_policy and files.result.exists()):",
        "if True:",
        "tests/harness/cli/test_render.py -k policy_alone",
    ),
    Bug(
        "a snapshot hands out an array that changes",
        "scenarios/jungle/scenario.py",
        "JungleSnapshot(self._position.copy()",
        "JungleSnapshot(self._position",
        "tests/scenarios/test_pictures.py -k never_changes",
    ),
    Bug(
        "a packet is drawn a step ahead",
        "scenarios/routing/packets.py",
        "(packets.due[packet] - now)",
        "(packets.due[packet] - now - 1)",
        "tests/scenarios/test_pictures.py -k just_sent",
    ),
    Bug(
        "a wedge has the share of the slot before",
        "scenarios/drawing.py",
        "frame.share_out[agent, slot + 1]",
        "frame.share_out[agent, slot]",
        "tests/scenarios/test_pictures.py -k wedge",
    ),
    Bug(
        "a second export makes every run twice",
        "harness/export/mlflow.py",
        "run.data.tags.get(_WHOLE) == member.fingerprint",
        "run.data.tags.get(_WHOLE) == above",
        "tests/harness/export/test_tracking.py -k second_time",
    ),
    Bug(
        "a tracked run counts as whole before it is",
        "harness/export/mlflow.py",
        '{"cell_id": cell.id,',
        '{"cell_id": cell.id, "fingerprint": result.fingerprint,',
        "tests/harness/export/test_tracking.py -k half_written",
    ),
    Bug(
        "a tracker that fails takes the run along",
        "harness/export/mlflow.py",
        "except TrackingError as error:",
        "except KeyError as error:",
        "tests/harness/export/test_tracking.py -k told_of_once",
    ),
    Bug(
        "marl-eval finds the absolute metrics first",
        "harness/export/tables.py",
        'return steps | {"absolute_metrics": absolute}',
        'return {"absolute_metrics": absolute} | steps',
        "tests/harness/export/test_export.py -k marl_eval",
    ),
    Bug(
        "replay looks at metrics alone",
        "harness/training/replay.py",
        'for name, value in row["train"].items()',
        "for name, value in ()",
        "tests/harness/training/test_replay.py -k every_figure",
    ),
    Bug(
        "no check ever fails",
        "harness/checks/base.py",
        "if not holds:",
        "if holds is None:",
        "tests/harness/checks/test_checks.py",
    ),
    Bug(
        "doctor compares a run with itself",
        "harness/checks/installation.py",
        "here, elsewhere = run(), there.result()",
        "here = elsewhere = run()",
        "tests/harness/checks/test_doctor.py -k differ",
    ),
    Bug(
        "a difference is shown by its interval alone",
        "harness/stats/paired.py",
        'return sign_flip_p(differences - threshold, rng, "greater") <= ALARM',
        "return True",
        "tests/harness/stats/test_paired.py",
    ),
    Bug(
        "Holm's correction lets adjusted p values fall",
        "harness/stats/paired.py",
        "np.maximum.accumulate(p[order] * factors)",
        "p[order] * factors",
        "tests/harness/stats/test_paired.py",
    ),
    Bug(
        "the bootstrap mixes scenarios",
        "harness/stats/aggregate.py",
        "        [*scores.T],\n",
        "        [scores.ravel()],\n",
        "tests/harness/stats/test_aggregate.py",
    ),
    Bug(
        "claims read every metric as if more were better",
        "harness/report/claims.py",
        "gaps = task.sign(claim.metric) * differences(mine, theirs)",
        "gaps = differences(mine, theirs)",
        "tests/harness/report/test_report_comparisons.py",
    ),
    Bug(
        "runs of a variant are not compared with each other",
        "harness/results/integrity.py",
        "if len(alike) > 1:",
        "if len(alike) > 9:",
        "tests/harness/results/test_integrity.py",
    ),
    Bug(
        "a regression passes for noise",
        "harness/results/compare.py",
        "if shows_above(-gains, 0.0, rng):",
        "if shows_above(-gains, margin * 1e9, rng):",
        "tests/harness/results/test_compare.py",
    ),
    Bug(
        "a thinned trace starts at its second step",
        "harness/results/result.py",
        "of[::every]",
        "of[1::every]",
        "tests/harness/results/test_result.py -k every_kth",
    ),
    Bug(
        "a page takes names for markup",
        "harness/report/html.py",
        "autoescape=True",
        "autoescape=False",
        "tests/harness/report/test_html.py -k hostile",
    ),
    Bug(
        "LaTeX takes an ampersand in a name for the next column",
        "harness/report/latex.py",
        '"&%$#_{}"',
        '"%$#_{}"',
        "tests/harness/report/test_latex.py",
    ),
    Bug(
        "two drawings of a page use one name for two things",
        "harness/report/html.py",
        'self._shared.setdefault(element.attrib["id"], _text(element))',
        'self._shared[f"{len(self._shared)}"] = _text(element)',
        "tests/harness/report/test_drawings.py",
    ),
    Bug(
        "a check passes over the HTML page",
        "harness/report/files.py",
        "if _page(report, reports, f).exists()]",
        "if f is Format.LATEX]",
        "tests/harness/report/test_report_files.py -k every_page",
    ),
    Bug(
        "a check passes over a drawing that was changed since it was drawn",
        "harness/report/files.py",
        "if not drawings_are_whole(text):",
        "if False:",
        "tests/harness/report/test_report_files.py -k changed_since",
    ),
    Bug(
        "figures plot the last bits of what was computed",
        "harness/stats/rounding.py",
        "return round(round(float(value), DIGITS - 1 - power), _DRAWN - 1 - power) + 0.0",
        "return float(value)",
        "tests/harness/report/test_last_bits.py",
    ),
    Bug(
        "last bits of a sum decide whether a sign pattern counts",
        "harness/stats/paired.py",
        "np.round(np.mean(a - b, axis=axis), DIGITS)",
        "np.mean(a - b, axis=axis)",
        "tests/harness/stats/test_paired.py -k order",
    ),
    Bug(
        "a curve is switched off without its band",
        "harness/report/page.js",
        '"]`, figure)) {',
        '"]`, figure).slice(-1)) {',
        "tests/browser",
    ),
    Bug(
        "what has no number comes first when a table is sorted down",
        "harness/report/page.js",
        "missing(x) - missing(y);",
        "sign * (missing(x) - missing(y));",
        "tests/browser",
    ),
    Bug(
        "a wide table widens the page",
        "harness/report/page.css",
        "overflow-x: auto;",
        "overflow-x: visible;",
        "tests/browser",
    ),
    Bug(
        "the queue is looked at after each second",
        "scenarios/traffic/scenario.py",
        "stood += driver.waiting_sums() - driver.waiting()",
        "stood += driver.waiting_sums()",
        "tests/scenarios/traffic/test_scenario.py -k quarter",
    ),
    Bug(
        "signals clear at every decision",
        "scenarios/traffic/scenario.py",
        "signals.clears & (actions != self._actions)",
        "signals.clears",
        "tests/scenarios/traffic/test_scenario.py -k phase_0",
    ),
    Bug(
        "vehicles before a signal at the end count as through",
        "scenarios/traffic/trips.py",
        "under_way = (end < 0) | ((trips.finished < 0) & trips.at_signal)",
        "under_way = end < 0",
        "tests/scenarios/traffic/test_scenario.py -k durations",
    ),
    Bug(
        "dropped vehicles come in the first episode only",
        "scenarios/traffic/drivers.py",
        "restart(seed=True, flows=True)",
        "restart(seed=True)",
        "tests/scenarios/traffic/test_scenario.py -k every_episode",
    ),
    Bug(
        "max pressure does not look ahead",
        "scenarios/traffic/rules.py",
        "shape, lambda: driver().counts(), ahead=1.0)",
        "shape, lambda: driver().counts())",
        "tests/scenarios/traffic/test_scenario.py -k greedy",
    ),
    Bug(
        "a file of another content is kept",
        "harness/cli/datasets.py",
        "if digest.hexdigest() != file.sha256:",
        "if not digest:",
        "tests/harness/cli/test_datasets.py",
    ),
    Bug(
        "a fingerprint does not know files",
        "harness/config/cell.py",
        'content["files"] = dict(files)',
        "pass",
        "tests/harness/results/test_result.py",
    ),
    Bug(
        "early stopping trains on what is held out",
        "methods/learners/q_learning.py",
        "end = c.sample_size - round(c.holdout * c.sample_size)",
        "end = c.sample_size",
        "tests/methods/learners/test_q_learning.py -k held_out",
    ),
    Bug(
        "what cannot be run here hides its result",
        "harness/results/index.py",
        "if cell.unavailable is not None and run.state is not State.DONE:",
        "if cell.unavailable is not None:",
        "tests/harness/results/test_status.py",
    ),
    Bug(
        "maps are turned by a quarter",
        "scenarios/traffic/road_map.py",
        "x, y = np.divmod",
        "y, x = np.divmod",
        "tests/harness/plotting/test_agent_figures.py -k map",
    ),
)


def main(words: list[str]) -> int:
    """Plant the bugs; return how many went unnoticed."""
    unnoticed = 0
    for bug in BUGS:
        if not words or any(word in bug.what for word in words):
            caught = _caught(bug)
            unnoticed += not caught
            sys.stdout.write(f"{'caught  ' if caught else 'UNNOTICED'} {bug.what}\n")
            sys.stdout.flush()
    return unnoticed


def _caught(bug: Bug) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        path = Path(folder) / bug.file
        text = path.read_text()
        if bug.right not in text:
            raise LookupError(f"{bug.file} no longer has {bug.right!r}: the bug cannot be planted")
        path.write_text(text.replace(bug.right, bug.wrong))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        done = subprocess.run([*command, *bug.tests.split(" ")], cwd=folder, capture_output=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{bug.what}: pytest could not run\n{done.stdout.decode()}")
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
