import dataclasses
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from methods.learners.rollout import Rollout, Segment, generalized_advantages, n_step_returns
from support.strategies import specs, transitions
from support.toys import Line


def filled(spec, steps):
    rollout = Rollout(len(steps), spec, {"state": (spec.n_agents, 2)})
    for t, (ts, actions, next_ts) in enumerate(steps):
        rollout.add(ts, actions, next_ts, state=np.full((spec.n_agents, 2), t, np.float32))
    return rollout


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_a_segment_holds_what_was_put_in(data):
    spec = data.draw(specs())
    steps = data.draw(transitions(spec))

    segment = filled(spec, steps).take()

    np.testing.assert_array_equal(segment.seen["obs"], [ts.obs for ts, _, _ in steps])
    np.testing.assert_array_equal(
        segment.seen["action_mask"], [ts.action_mask for ts, _, _ in steps]
    )
    np.testing.assert_array_equal(segment.action, [actions for _, actions, _ in steps])
    np.testing.assert_array_equal(segment.reward, [after.reward for _, _, after in steps])
    np.testing.assert_array_equal(segment.first, [ts.first for ts, _, _ in steps])
    np.testing.assert_array_equal(segment.extra["state"][:, 0, 0], np.arange(len(steps)))
    graphs = segment.seen["neighbors"].expand(len(steps), -1, -1)
    np.testing.assert_array_equal(graphs, [ts.neighbors for ts, _, _ in steps])


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_what_follows_is_kept_where_an_episode_or_the_segment_ends(data):
    spec = data.draw(specs())
    steps = data.draw(transitions(spec))
    steps = steps[: data.draw(st.integers(1, len(steps)))]
    ends = [t for t, (_, _, after) in enumerate(steps) if after.last or t == len(steps) - 1]

    segment = filled(spec, steps).take()

    assert segment.ends.tolist() == ends
    np.testing.assert_array_equal(segment.after["obs"], [steps[t][2].obs for t in ends])
    np.testing.assert_array_equal(segment.continues, [not steps[t][2].terminated for t in ends])
    graphs = segment.after["neighbors"].expand(len(ends), -1, -1)
    np.testing.assert_array_equal(graphs, [steps[t][2].neighbors for t in ends])


def test_a_graph_that_never_changes_is_kept_once():
    segment, spec = played(Line(max_steps=4), 8)
    changing, _ = played(Line(max_steps=4, n_neighbors=2), 8)

    assert segment.seen["neighbors"].shape == (1, spec.n_agents, spec.n_neighbors)
    assert segment.after["neighbors"].shape == (1, spec.n_agents, spec.n_neighbors)
    assert changing.seen["neighbors"].shape[0] == 8
    assert changing.after["neighbors"].shape[0] == 2


def played(scenario, steps):
    rng, rollout = np.random.default_rng(0), Rollout(steps, scenario.spec)
    ts = scenario.reset(rng)
    while not rollout.full:
        actions = ts.action_mask.argmax(axis=1)
        next_ts = scenario.step(actions)
        rollout.add(ts, actions, next_ts)
        ts = scenario.reset(rng) if next_ts.last else next_ts
    return rollout.take(), scenario.spec


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_it_can_be_saved_and_loaded_half_full(data):
    spec = data.draw(specs())
    steps = data.draw(transitions(spec))
    half = len(steps) // 2
    rollout = Rollout(len(steps), spec, {"state": (spec.n_agents, 2)})
    loaded = Rollout(len(steps), spec, {"state": (spec.n_agents, 2)})
    state = np.zeros((spec.n_agents, 2), np.float32)
    for ts, actions, next_ts in steps[:half]:
        rollout.add(ts, actions, next_ts, state=state)
    file = io.BytesIO()
    torch.save(rollout.state_dict(), file)
    file.seek(0)

    loaded.load_state_dict(torch.load(file, weights_only=True))

    for one in (rollout, loaded):
        for ts, actions, next_ts in steps[half:]:
            one.add(ts, actions, next_ts, state=state)
    a, b = rollout.take(), loaded.take()
    for field in ("seen", "extra", "after"):
        for name, column in getattr(a, field).items():
            assert torch.equal(column, getattr(b, field)[name])
    assert torch.equal(a.reward, b.reward)
    assert torch.equal(a.ends, b.ends)


def test_a_full_rollout_takes_no_more():
    scenario = Line()
    rollout = Rollout(1, scenario.spec)
    ts = scenario.reset(np.random.default_rng(0))
    actions = ts.action_mask.argmax(axis=1)
    next_ts = scenario.step(actions)
    rollout.add(ts, actions, next_ts)

    with pytest.raises(ValueError, match="all 1 steps are taken"):
        rollout.add(ts, actions, next_ts)

    assert len(rollout) == 1
    rollout.take()
    assert len(rollout) == 0


def segment_with(ends, continues, steps):
    """A segment of which only its ends matter."""
    nothing = torch.zeros(steps, 1)
    return Segment(
        seen={},
        action=nothing.long(),
        reward=nothing,
        first=torch.zeros(steps, dtype=torch.bool),
        extra={},
        ends=torch.tensor(ends),
        after={},
        continues=torch.tensor(continues),
    )


def column(*values):
    return torch.tensor(values).unsqueeze(1)


def test_truncation_bootstraps_and_termination_does_not():
    reward, next_value = column(1.0, 2.0, 3.0), column(10.0, 100.0)
    # an episode ends after step 1; the segment closes after step 2, in the midst of another

    truncated = n_step_returns(reward, next_value, segment_with([1, 2], [1.0, 1.0], 3), 0.5)
    terminated = n_step_returns(reward, next_value, segment_with([1, 2], [0.0, 1.0], 3), 0.5)

    assert truncated.squeeze(1).tolist() == [1 + 0.5 * 7, 2 + 0.5 * 10, 3 + 0.5 * 100]
    assert terminated.squeeze(1).tolist() == [1 + 0.5 * 2, 2, 3 + 0.5 * 100]


@st.composite
def returns(draw):
    """Rewards, values, what follows the ends, and the segment they belong to."""
    steps, agents = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    numbers = st.floats(-2, 2, width=32)
    marks = draw(st.lists(st.booleans(), min_size=steps - 1, max_size=steps - 1))
    ends = [t for t, marked in enumerate(marks) if marked] + [steps - 1]
    continues = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(ends), max_size=len(ends)))
    reward, value = (
        torch.from_numpy(draw(hnp.arrays(np.float32, (steps, agents), elements=numbers)))
        for _ in range(2)
    )
    following = draw(hnp.arrays(np.float32, (len(ends), agents), elements=numbers))
    return reward, value, torch.from_numpy(following), segment_with(ends, continues, steps)


def slow_advantages(reward, value, next_value, segment, discount, decay):
    """GAE as a double sum: A_t = sum_l (gamma lambda)^l delta_(t+l), to the end of the episode."""
    ends = segment.ends.tolist()
    advantages = torch.zeros_like(reward)
    for t in range(len(reward)):
        end = next(e for e in ends if e >= t)
        for u in range(t, end + 1):
            if u == end:
                row = ends.index(end)
                following = segment.continues[row] * next_value[row]
            else:
                following = value[u + 1]
            delta = reward[u] + discount * following - value[u]
            advantages[t] += (discount * decay) ** (u - t) * delta
    return advantages


@settings(deadline=None, max_examples=30)
@given(returns(), st.sampled_from([0.0, 0.5, 0.99]), st.sampled_from([0.0, 0.7, 1.0]))
def test_advantages_are_the_sum_of_discounted_errors(case, discount, decay):
    fast = generalized_advantages(*case, discount, decay)

    slow = slow_advantages(*case, discount, decay)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=30)
@given(returns(), st.sampled_from([0.0, 0.5, 0.99]))
def test_returns_are_values_plus_undecayed_advantages(case, discount):
    reward, value, next_value, segment = case

    fast = n_step_returns(reward, next_value, segment, discount)

    slow = value + slow_advantages(reward, value, next_value, segment, discount, 1.0)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-5)


def test_a_segment_is_independent_of_what_is_collected_next():
    scenario = Line(max_steps=2)
    rng, rollout = np.random.default_rng(0), Rollout(1, scenario.spec)
    ts = scenario.reset(rng)
    actions = ts.action_mask.argmax(axis=1)
    next_ts = scenario.step(actions)
    rollout.add(ts, actions, next_ts)
    segment = rollout.take()
    before = segment.reward.clone()

    rollout.add(next_ts, actions, dataclasses.replace(next_ts, reward=next_ts.reward + 1))

    assert torch.equal(segment.reward, before)
