"""What is true of every method as it acts: what it may know and do, what it draws from.

Scores are compared, not actions: argmax hides faults.
"""

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64

from harness.checks.base import NotApplicable, require
from harness.checks.scenario import allowed
from harness.checks.subject import Graph, Subject, alike, train
from methods.base import Method
from scenarios.base import Timestep


def scores_are_pure(subject: Subject) -> None:
    """To ask for scores advances nothing."""
    method, scenario = subject.made()
    train(method, scenario, episodes=4)
    ts = scenario.reset(np.random.default_rng(0))
    before = copy.deepcopy(method.state_dict())
    once, again = method.scores(ts), method.scores(ts)
    require(np.array_equal(once, again), "asked twice, it gives two answers")
    require(alike(method.state_dict(), before), "to ask changes its state")


def scores_are_finite_one_per_agent_and_action(subject: Subject) -> None:
    """In float32. Nothing is forbidden here: of what is, scores may say anything."""
    method, scenario = subject.made()
    scores = method.scores(scenario.reset(np.random.default_rng(0)))
    wanted = f"float32 {(scenario.spec.n_agents, scenario.spec.n_actions)}"
    found = f"{scores.dtype} {scores.shape}"
    require(found == wanted, f"scores are {found}, not {wanted}")
    require(np.isfinite(scores).all(), "a score is not finite")


def nobody_knows_more_than_hops_allow(subject: Subject, graph: Graph) -> None:
    """What happens beyond ``hops`` edges does not move an agent's scores by one bit.

    Shares of rewards travel against an edge: whom i listens to may not listen to i. So edges
    count in both directions here.
    """
    size: dict[str, Any] = (
        {"n_agents": 12} if graph == "path" else {"n_agents": 40, "n_neighbors": 1}
    )
    method, scenario = subject.made(**size)
    if method.hops >= scenario.spec.n_agents - 1:
        raise NotApplicable("it declares that it knows the whole graph")
    train(method, scenario, episodes=3)
    ts = scenario.reset(np.random.default_rng(4))
    require_local(method, ts, ts.graph | ts.graph.T)


def require_local(method: Method, ts: Timestep, edges: Bool[np.ndarray, "agents agents"]) -> None:
    """Require that what is more than ``hops`` edges away moves no agent's scores.

    Raises:
        CheckFailed: It moves those of the agent that the message names.
    """
    reach = np.linalg.matrix_power(edges.astype(np.int64), method.hops) > 0
    require(not reach.all(axis=1).any(), "everybody sees everybody: nothing is tested")
    scores = method.scores(ts)
    for i, known in enumerate(reach):
        elsewhere = np.where(known[:, None], ts.obs, np.float32(7.0))
        changed = method.scores(dataclasses.replace(ts, obs=elsewhere))
        same = np.array_equal(changed[i], scores[i])
        require(same, f"agent {i} knows what is more than {method.hops} hops away")


def with_shared_parameters_agents_are_exchangeable(subject: Subject, graph: Graph) -> None:
    """Called by other names, agents have the same scores."""
    if "parameters" not in subject.values:
        raise NotApplicable("its Config leaves no choice of shared parameters")
    drawn: dict[str, Any] = {"n_neighbors": 3} if graph == "drawn" else {}
    method, scenario = subject.made(masked=True, more={"parameters": "shared"}, **drawn)
    if method.hops >= scenario.spec.n_agents - 1:
        raise NotApplicable("it is one controller: its agents have fixed places")
    train(method, scenario, episodes=6)
    ts = scenario.reset(np.random.default_rng(5))
    order = np.random.default_rng(6).permutation(scenario.spec.n_agents)
    renamed, scores = method.scores(_relabelled(ts, order)), method.scores(ts)[order]
    same = np.allclose(renamed, scores, atol=1e-5, rtol=1e-5)
    require(same, "agents called by other names have other scores")


def it_plays_allowed_actions(subject: Subject, *, explore: bool) -> None:
    """One per agent and step, over four episodes of learning."""
    method, scenario = subject.made(masked=True, max_steps=15)
    rng = np.random.default_rng(0)
    for episode in range(4):
        ts = scenario.reset(np.random.default_rng(episode))
        while not ts.last:
            actions = method.act(ts, rng, explore=explore)
            require(allowed(ts, actions), f"episode {episode}, step {ts.step}: {actions.tolist()}")
            next_ts = scenario.step(actions)
            method.observe(ts, actions, next_ts)
            ts = next_ts


def exploration_draws_from_the_stream_it_is_given(subject: Subject) -> None:
    """The same stream gives the same actions, wherever the global streams stand."""
    method, scenario = subject.made()
    train(method, scenario, episodes=4)
    ts, twin = scenario.reset(np.random.default_rng(0)), copy.deepcopy(method)
    torch_before, numpy_before = torch.get_rng_state(), _numpy_position()
    actions = method.act(ts, np.random.default_rng(1), explore=True)
    again = twin.act(ts, np.random.default_rng(1), explore=True)
    require(np.array_equal(again, actions), "the same stream gives other actions")
    require(torch.equal(torch.get_rng_state(), torch_before), "it draws from torch's global stream")
    require(_numpy_position() == numpy_before, "it draws from NumPy's global stream")


def traces_have_one_row_per_agent(subject: Subject) -> None:
    """Every trace is finite and has a row for each agent."""
    method, scenario = subject.made()
    ts = scenario.reset(np.random.default_rng(0))
    method.act(ts, np.random.default_rng(0), explore=False)
    for name, trace in method.traces().items():
        n = scenario.spec.n_agents
        require(len(trace) == n, f"{name} has {len(trace)} rows for {n} agents")
        require(np.isfinite(trace).all(), f"{name} is not finite")


def _numpy_position() -> Sequence[Any]:
    """Return where NumPy's global stream stands, without its key."""
    state: Any = np.random.get_state()  # noqa: NPY002  # to see that nobody else does
    return state[2:]


def _relabelled(ts: Timestep, order: Int64[np.ndarray, "agents"]) -> Timestep:
    """Return the same situation, agent ``order[k]`` being called k."""
    new_name = np.append(np.argsort(order), -1)  # an empty slot, -1, stays empty
    return dataclasses.replace(
        ts,
        obs=ts.obs[order],
        graph=ts.graph[np.ix_(order, order)],
        neighbors=new_name[ts.neighbors[order]],
        action_mask=ts.action_mask[order],
        reward=ts.reward[order],
    )
