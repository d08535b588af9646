"""The training loop, the only one of the project: train, evaluate, and so on to the last time."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from harness.config.cell import Cell
from harness.config.seeding import Purpose, method_rngs, stream
from harness.results.cost import SECONDS
from harness.results.result import thin_traces
from methods import METHODS
from methods.base import Method, State, generator_state, set_generator_state
from methods.reference import Reference
from scenarios import SCENARIOS
from scenarios.base import Actions, NamesAgents, Scenario, Timestep, check_timestep


class Training:
    """One cell in the making: everything that changes while it runs.

    ``while not training.done: row = training.advance()`` is a whole run. Between two calls the
    state can be saved and loaded, and the run continues bit for bit.

    Args:
        cell: What to run.
        parts: Scenario and method, where they have no name yet; else those that the cell names.

    Attributes:
        episode: Training episodes played.
        step: Environment steps while training.
        evaluation: Evaluations made.
        seconds: Spent training (of these: acting, simulating, learning) and evaluating.
    """

    def __init__(self, cell: Cell, parts: tuple[Scenario, Method] | None = None) -> None:
        self.cell = cell
        if parts is None:
            scenario, method = SCENARIOS[cell.scenario](**dict(cell.options)), METHODS[cell.method]
            parts = scenario, make_method(method, cell.config, cell.seed, scenario)
        self.scenario, self.method = parts
        self._agents = parts[0].agent_names if isinstance(parts[0], NamesAgents) else None
        self.n_evaluations = cell.budget.evaluations if self.method.learns else 1
        self._world = stream(cell.seed, Purpose.TRAIN_WORLD)
        self._act = stream(cell.seed, Purpose.TRAIN_ACT)
        self.episode = self.step = self.evaluation = 0
        self.seconds = dict.fromkeys(SECONDS, 0.0)

    @property
    def done(self) -> bool:
        """Whether the last evaluation was made."""
        return self.evaluation == self.n_evaluations

    def advance(self) -> dict[str, Any]:
        """Train until the next evaluation is due, make it, and return what it showed.

        Returns:
            ``evaluation``, ``episode``, ``step``; ``metrics``, means over the evaluation's
            episodes; ``train``, means of what the method reported since the last evaluation;
            ``episodes``, each metric of each evaluation episode; and, from the last evaluation,
            ``traces`` of its first episode and ``trace_every``, as a record has them.

        Raises:
            FloatingPointError: A training figure is not finite.
        """
        started = time.perf_counter()
        reported: defaultdict[str, list[float]] = defaultdict(list)
        while self.method.learns and not self._evaluation_due():
            self._train_episode(reported)
        trained = time.perf_counter()
        self.evaluation += 1
        row = {
            "evaluation": self.evaluation,
            "episode": self.episode,
            "step": self.step,
            "train": {name: float(np.mean(values)) for name, values in reported.items()},
            **self._evaluate(),
        }
        self.seconds["train_s"] += trained - started
        self.seconds["evaluate_s"] += time.perf_counter() - trained
        return row

    def _evaluation_due(self) -> bool:
        budget, share = self.cell.budget, (self.evaluation + 1) / self.n_evaluations
        return self.episode >= budget.episodes * share and self.step >= budget.steps * share

    def _train_episode(self, reported: defaultdict[str, list[float]]) -> None:
        ts, clock = self._shown(self.scenario.reset(self._world)), time.perf_counter
        act_s = simulate_s = learn_s = 0.0
        while not ts.last:
            started = clock()
            actions = self._chosen(ts, self._act)
            acted = clock()
            next_ts = self._shown(self.scenario.step(actions))
            simulated = clock()
            learned = self.method.observe(ts, actions, next_ts)
            act_s += acted - started
            simulate_s += simulated - acted
            learn_s += clock() - simulated
            for name, value in learned.items():
                reported[name].append(self._finite(name, value))
            ts = next_ts
            self.step += 1
        self.episode += 1
        for name, spent in (("act_s", act_s), ("simulate_s", simulate_s), ("learn_s", learn_s)):
            self.seconds[name] += spent

    def _evaluate(self) -> dict[str, Any]:
        played = [self._played_and_traced(k) for k in range(self.cell.budget.evaluation_episodes)]
        episodes = {name: [m[name] for m, _ in played] for name in played[0][0]}
        metrics = {name: float(np.mean(values)) for name, values in episodes.items()}
        for name in played[0][1]:
            values = np.concatenate([traces[name].ravel() for _, traces in played])
            metrics |= {f"{name}_mean": float(values.mean()), f"{name}_sd": float(values.std())}
        traces = thin_traces(played[0][1]) if self.done else {}
        return {"metrics": metrics, "episodes": episodes, **traces}

    def evaluation_episode(self, k: int) -> Iterator[tuple[Timestep, Actions | None]]:
        """Play evaluation episode k: the same world at every evaluation and for every method.

        Yields:
            Each timestep with what the agents are about to do; the last one with None.
        """
        world = stream(self.cell.seed, Purpose.EVAL_WORLD, k)
        act = stream(self.cell.seed, Purpose.EVAL_ACT, self.evaluation, k)
        ts = self._shown(self.scenario.reset(world), k)
        while not ts.last:
            actions = self._chosen(ts, act, k)
            yield ts, actions
            ts = self._shown(self.scenario.step(actions), k)
        yield ts, None

    def _played_and_traced(self, k: int) -> tuple[Mapping[str, float], dict[str, np.ndarray]]:
        traces: defaultdict[str, list[np.ndarray]] = defaultdict(list)
        for ts, _ in self.evaluation_episode(k):
            for name, value in ({} if ts.last else self.method.traces()).items():
                traces[name].append(value)
        figures = {n: self._finite(n, value, k) for n, value in self.scenario.metrics().items()}
        return figures, {name: np.array(v) for name, v in traces.items()}

    def _chosen(self, ts: Timestep, rng: np.random.Generator, k: int | None = None) -> Actions:
        """Let the method act: exploring in training, which has no k, and not in evaluation."""
        try:
            return self.method.act(ts, rng, explore=k is None)
        except FloatingPointError as error:
            raise FloatingPointError(f"{error} at step {ts.step}{self._where(k)}") from error

    def _shown(self, ts: Timestep, k: int | None = None) -> Timestep:
        """Return what the scenario shows, as long as it is sound."""
        try:
            check_timestep(ts, self._agents)
        except (FloatingPointError, ValueError) as error:
            raise type(error)(f"{error}{self._where(k)}") from None
        return ts

    def _finite(self, name: str, value: float, k: int | None = None) -> float:
        """Return a figure that was reported after a step, or after an evaluation episode."""
        if math.isfinite(value):
            return value
        at = f"environment step {self.step + 1}" if k is None else "the end"
        raise FloatingPointError(f"{name} is {value} at {at}{self._where(k)}")

    def _where(self, k: int | None) -> str:
        if k is None:
            return f", training episode {self.episode + 1}"
        return f", evaluation {self.evaluation}, episode {k + 1}"

    def state_dict(self) -> State:
        """Return everything that the rest of the run depends on."""
        return {
            "method": self.method.state_dict(),
            "world": generator_state(self._world),
            "act": generator_state(self._act),
            "episode": self.episode,
            "step": self.step,
            "evaluation": self.evaluation,
            "seconds": dict(self.seconds),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self.method.load_state_dict(state["method"])
        set_generator_state(self._world, state["world"])
        set_generator_state(self._act, state["act"])
        self.episode, self.step = state["episode"], state["step"]
        self.evaluation = state["evaluation"]
        self.seconds = dict(state["seconds"])


def make_method(method: type[Method], config: Any, seed: int, scenario: Scenario) -> Method:
    """Make a method for a scenario, with streams grown from a seed."""
    rngs = method_rngs(seed)
    if issubclass(method, Reference):
        return method(scenario.spec, config, rngs, policies=scenario.references())
    return method(scenario.spec, config, rngs)
