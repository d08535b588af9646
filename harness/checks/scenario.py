"""What is true of every scenario, found out by random play."""

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from harness.checks.base import Build, CheckFailed, NotApplicable, require
from harness.checks.subject import graph_of_slots
from scenarios.base import Actions, NamesAgents, Scenario, Timestep, check_timestep

STEPS = 100  # of an episode are looked at


def it_is_a_scenario_and_describes_itself(build: Build) -> None:
    """Description, version, metrics; headlines come first, with a floor and, if known, a bound."""
    scenario = build()
    parts = [*Scenario.__annotations__, *(name for name in vars(Scenario) if name[0] != "_")]
    missing = [name for name in parts if not hasattr(scenario, name)]
    require(not missing, f"lacks {', '.join(missing)}")
    require(scenario.description, "description is empty")
    require(scenario.version, "version is empty")
    headline = [name for name, info in scenario.metric_info.items() if info.headline]
    require(headline, "metric_info: no metric is a headline")
    first = list(scenario.metric_info)[: len(headline)]
    require(first == headline, f"metric_info: {first} come before the headlines, {headline}")
    floor, bound = [*scenario.floor], [*scenario.bound]
    require({*floor} == {*headline}, f"floor names {floor}, the headlines are {headline}")
    require({*bound} <= {*headline}, f"bound names {bound}, the headlines are {headline}")


def the_bound_is_better_than_the_floor(build: Build) -> None:
    """In the direction that the metric calls good."""
    scenario = build()
    for name, bound in scenario.bound.items():
        floor, up = scenario.floor[name], scenario.metric_info[name].higher_is_better
        require(bound > floor if up else bound < floor, f"{name}: floor {floor}, bound {bound}")


def timesteps_keep_the_contract(build: Build) -> None:
    """Shapes, types, masks, finite figures, counts and ends."""
    scenario = build()
    spec, n = scenario.spec, scenario.spec.n_agents
    for t, ts in enumerate(episode(scenario, seed=0)):
        for name, shape, dtype in (
            ("obs", (n, spec.n_features), spec.obs_dtype),
            ("graph", (n, n), np.bool_),
            ("neighbors", (n, spec.n_neighbors), np.int64),
            ("action_mask", (n, spec.n_actions), np.bool_),
            ("reward", (n,), np.float32),
        ):
            array, wanted = getattr(ts, name), f"{np.dtype(dtype)} {shape}"
            found = f"{array.dtype} {array.shape}"
            require(found == wanted, f"step {t}: {name} is {found}, not {wanted}")
        try:
            check_timestep(ts, scenario.agent_names if isinstance(scenario, NamesAgents) else None)
        except (FloatingPointError, ValueError) as error:
            raise CheckFailed(str(error)) from None
        for wrong, holds in (
            ("an agent may do nothing at all", ts.action_mask.any(axis=1).all()),
            ("obs * obs_scale is not finite", np.isfinite(ts.obs * spec.obs_scale).all()),
            (f"its count says {ts.step}", ts.step == t and ts.first == (t == 0)),
            ("terminated and truncated at once", not (ts.terminated and ts.truncated)),
            ("goes on beyond max_steps", ts.last or ts.step < spec.max_steps),
        ):
            require(holds, f"step {t}: {wrong}")


def nothing_is_earned_by_a_reset(build: Build) -> None:
    """And no episode is over before it begins."""
    ts = build().reset(np.random.default_rng(0))
    require(not ts.reward.any(), "a reward is not 0 after a reset")
    require(not ts.last, "the episode is over after a reset")


def slots_and_graph_say_the_same_and_each_agent_is_its_own_neighbor(build: Build) -> None:
    """Slots are filled from the first on, and never name the agent itself."""
    for t, ts in enumerate(episode(build(), seed=0)):
        filled = ts.neighbors >= 0
        same = np.array_equal(graph_of_slots(ts.neighbors), ts.graph)
        require(same, f"step {t}: slots and graph differ, or the diagonal is not true")
        counts = np.array_equal(filled.sum(axis=1), ts.graph.sum(axis=1) - 1)
        require(counts, f"step {t}: a slot repeats a neighbor or names the agent itself")
        require(np.array_equal(np.sort(~filled, axis=1), ~filled), f"step {t}: a gap among slots")


def what_was_handed_out_never_changes(build: Build) -> None:
    """A timestep can be kept while the episode goes on."""
    kept = [(ts, shown(ts)) for ts in episode(build(), seed=0)]
    for t, (ts, then) in enumerate(kept):
        require(shown(ts) == then, f"the timestep of step {t} was changed by a later step")


def a_reader_who_scribbles_on_a_timestep_changes_nothing(build: Build) -> None:
    """The scenario keeps no array that it has handed out.

    The mask alone is left as it is: the next random actions rest on it.
    """
    scribbled = build()
    for seed in range(3):
        expected = [shown(ts) for ts in episode(build(), seed)]
        found = []
        for ts in episode(scribbled, seed):
            found.append(shown(ts))
            for array in (ts.obs, ts.graph, ts.neighbors, ts.reward):
                if array.flags.writeable:
                    array[:] = ~array if array.dtype == np.bool_ else array + 1
        first = _parting(expected, found)
        require(found == expected, f"seed {seed}: what was scribbled shows from step {first} on")


def it_draws_from_its_stream_if_and_only_if_it_says_so(build: Build) -> None:
    """``deterministic`` is true of a scenario that draws nothing, and of no other."""
    scenario, rng = build(), np.random.default_rng(0)
    before = copy.deepcopy(rng.bit_generator.state)
    for seed in range(10):
        for _ in episode(scenario, seed, rng):
            pass
    drawn = rng.bit_generator.state != before
    said = f"deterministic = {scenario.deterministic}"
    require(drawn != scenario.deterministic, f"{said}, but it drew {'' if drawn else 'nothing'}")


def every_figure_is_known_and_finite(build: Build) -> None:
    """``metrics()`` has the metrics of ``metric_info`` at every step."""
    scenario = build()
    for t, _ in enumerate(episode(scenario, seed=0)):
        figures, known = scenario.metrics(), scenario.metric_info.keys()
        require(figures.keys() == known, f"step {t}: metrics {[*figures]}, known {[*known]}")
        odd = [name for name, value in figures.items() if not math.isfinite(value)]
        require(not odd, f"step {t}: {', '.join(odd)} not finite")


def reference_policies_play_allowed_actions(build: Build) -> None:
    """One per agent, from the stream they are given."""
    scenario = build()
    for name, policy in scenario.references().items():
        rng = np.random.default_rng(1)
        ts = scenario.reset(np.random.default_rng(0))
        while not ts.last and ts.step < STEPS:
            actions = policy(ts, rng)
            require(allowed(ts, actions), f"{name}, step {ts.step}: plays {actions.tolist()}")
            ts = scenario.step(actions)


def a_forbidden_action_is_refused(build: Build) -> None:
    """With a ``ValueError`` that says it is masked."""
    scenario = build()
    ts = scenario.reset(np.random.default_rng(0))
    if ts.action_mask.all():
        raise NotApplicable("everything is allowed at the first step")
    agent, action = np.argwhere(~ts.action_mask)[0]
    actions = ts.action_mask.argmax(axis=1)
    actions[agent] = action
    _require_refusal(scenario, actions, "masked")


def a_step_after_the_end_is_refused(build: Build) -> None:
    """With a ``ValueError`` that says the episode is over."""
    scenario = build()
    *_, last = episode(scenario, seed=0, steps=None)
    _require_refusal(scenario, last.action_mask.argmax(axis=1), "over")


def same_seed_same_episode_also_after_another_one(build: Build, seed: int) -> None:
    """Nothing is left over from the episode before."""
    fresh, used = build(), build()
    for _ in episode(used, seed + 1):
        pass
    once = [shown(ts) for ts in episode(fresh, seed)]
    again = [shown(ts) for ts in episode(used, seed)]
    require(once == again, f"seed {seed}: differs from step {_parting(once, again)} on")
    require(fresh.metrics() == used.metrics(), f"seed {seed}: other metrics at the end")


def an_action_out_of_range_is_refused(build: Build, side: Literal["below", "above"]) -> None:
    """With a ``ValueError`` that names the agent."""
    scenario = build()
    actions = scenario.reset(np.random.default_rng(0)).action_mask.argmax(axis=1)
    actions[-1] = -1 if side == "below" else scenario.spec.n_actions
    says = f"agent {len(actions) - 1} plays {actions[-1]}, outside"
    _require_refusal(scenario, actions, says)


def episode(
    scenario: Scenario,
    seed: int,
    world: np.random.Generator | None = None,
    *,
    steps: int | None = STEPS,
) -> Iterator[Timestep]:
    """Play random allowed actions and yield every timestep.

    Args:
        scenario: What is played.
        seed: Of the actions, and of the world unless that is given.
        world: Stream of the scenario.
        steps: Steps at most; None for a whole episode.
    """
    draw = np.random.default_rng(seed)
    ts = scenario.reset(np.random.default_rng(seed) if world is None else world)
    yield ts
    while not ts.last and (steps is None or ts.step < steps):
        actions = np.where(ts.action_mask, draw.random(ts.action_mask.shape), -1).argmax(axis=1)
        ts = scenario.step(actions)
        yield ts


def shown(ts: Timestep) -> tuple[Any, ...]:
    """Return everything a timestep says, in a form that compares bit for bit."""
    arrays = (ts.obs, ts.graph, ts.neighbors, ts.action_mask, ts.reward)
    parts = [(a.dtype, a.shape, a.tobytes()) for a in arrays]
    return parts, ts.terminated, ts.truncated, ts.step


def allowed(ts: Timestep, actions: Actions) -> bool:
    """Say whether actions are one allowed action per agent."""
    n_agents = len(ts.action_mask)
    if actions.shape != (n_agents,):
        return False
    return bool(ts.action_mask[np.arange(n_agents), actions].all())


def _require_refusal(scenario: Scenario, actions: Actions, says: str) -> None:
    try:
        scenario.step(actions)
    except ValueError as error:
        require(says in str(error), f"the ValueError says {str(error)!r}, without {says!r}")
    else:
        raise CheckFailed(f"{actions.tolist()} was accepted")


def _parting(one: Sequence[object], other: Sequence[object]) -> int:
    """Return where two sequences part."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((t for t, (a, b) in pairs if a != b), min(len(one), len(other)))
