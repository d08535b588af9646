"""Hypothesis strategies shared by tests."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scenarios.base import Spec, Timestep
from support.toys import graph_of_slots


@st.composite
def specs(draw):
    """Sizes of small scenarios, observations of every admitted type among them."""
    n_agents, n_features = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    return Spec(
        n_agents=n_agents,
        n_actions=draw(st.integers(1, 4)),
        n_neighbors=draw(st.integers(0, n_agents - 1)),
        n_features=n_features,
        obs_dtype=np.dtype(draw(st.sampled_from([np.float32, np.int8, np.int16]))),
        obs_scale=draw(hnp.arrays(np.float32, n_features, elements=st.floats(0.125, 8, width=32))),
        max_steps=draw(st.integers(1, 6)),
    )


@st.composite
def neighbor_slots(draw, n_agents, n_neighbors):
    """Slots of a random directed graph, between none and all of an agent's slots filled."""
    slots = np.full((n_agents, n_neighbors), -1)
    for i in range(n_agents):
        others = draw(st.permutations([j for j in range(n_agents) if j != i]))
        degree = draw(st.integers(0, n_neighbors))
        slots[i, :degree] = others[:degree]
    return slots


@st.composite
def graphs(draw, n_agents=None):
    """Random directed graphs, every agent its own neighbor."""
    n = draw(st.integers(1, 6)) if n_agents is None else n_agents
    return graph_of_slots(draw(neighbor_slots(n, n - 1)))


@st.composite
def timesteps(draw, spec, step=0, end=None):
    """What a scenario of these sizes may show; ``end`` is None, "terminated" or "truncated"."""
    n = spec.n_agents
    neighbors = draw(neighbor_slots(n, spec.n_neighbors))
    mask = draw(hnp.arrays(np.bool_, (n, spec.n_actions)))
    mask[
        np.arange(n), draw(hnp.arrays(np.int64, n, elements=st.integers(0, spec.n_actions - 1)))
    ] = True
    return Timestep(
        obs=draw(hnp.arrays(spec.obs_dtype, (n, spec.n_features), elements=st.integers(-100, 100))),
        graph=graph_of_slots(neighbors),
        neighbors=neighbors,
        action_mask=mask,
        reward=draw(hnp.arrays(np.float32, n, elements=st.floats(-2, 2, width=32))),
        terminated=end == "terminated",
        truncated=end == "truncated",
        step=step,
    )


@st.composite
def transitions(draw, spec, max_episodes=6):
    """Consecutive transitions (timestep, actions, next timestep) of a few episodes."""
    found = []
    for _ in range(draw(st.integers(1, max_episodes))):
        length = draw(st.integers(1, spec.max_steps))
        end = draw(st.sampled_from(["terminated", "truncated"]))
        ts = draw(timesteps(spec))
        for step in range(1, length + 1):
            next_ts = draw(timesteps(spec, step=step, end=end if step == length else None))
            actions = draw(
                hnp.arrays(np.int64, spec.n_agents, elements=st.integers(0, spec.n_actions - 1))
            )
            found.append((ts, actions, next_ts))
            ts = next_ts
    return found
