"""Replay against a slow twin: a plain list of the last transitions."""

import io

import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis import given, settings

from methods.learners.replay import SEEN, Replay
from support.strategies import specs, transitions


class EveryRow(np.random.Generator):
    """A stream that, asked for row numbers, names all of them once, the oldest first."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def integers(self, low, *, size):
        assert low == size
        return np.arange(size)


def everything(replay):
    """All transitions, the oldest first; a graph that never changed is repeated in every row."""
    batch = replay.sample(len(replay), EveryRow())
    return {name: column.expand(len(replay), *column.shape[1:]) for name, column in batch.items()}


def assert_holds(replay, kept):
    """Whether replay holds exactly these transitions, in this order."""
    batch = everything(replay)
    assert len(replay) == len(kept)
    for row, (ts, actions, next_ts) in enumerate(kept):
        for name in SEEN:
            np.testing.assert_array_equal(batch[name][row], getattr(ts, name))
            np.testing.assert_array_equal(batch[f"next_{name}"][row], getattr(next_ts, name))
        np.testing.assert_array_equal(batch["action"][row], actions)
        np.testing.assert_array_equal(batch["reward"][row], next_ts.reward)
        assert batch["continues"][row] == (0.0 if next_ts.terminated else 1.0)
        assert batch["step"][row] == ts.step


@settings(deadline=None)
@given(data=st.data())
def test_it_holds_the_last_transitions_across_ends_and_around_the_ring(data):
    spec = data.draw(specs())
    capacity = data.draw(st.integers(1, 12))
    replay = Replay(capacity, spec)
    kept = []

    for transition in data.draw(transitions(spec)):
        replay.add(*transition)
        kept = [*kept, transition][-capacity:]
        assert_holds(replay, kept)


@settings(deadline=None)
@given(data=st.data())
def test_saved_and_loaded_it_goes_on_the_same(data):
    spec = data.draw(specs())
    capacity = data.draw(st.integers(1, 12))
    story = data.draw(transitions(spec))
    ends = [t + 1 for t, (_, _, next_ts) in enumerate(story) if next_ts.last]
    saved_at = data.draw(st.sampled_from(ends))
    replay, loaded, file = Replay(capacity, spec), Replay(capacity, spec), io.BytesIO()
    for transition in story[:saved_at]:
        replay.add(*transition)
    torch.save(replay.state_dict(), file)
    file.seek(0)

    loaded.load_state_dict(torch.load(file, weights_only=True))

    for transition in story[saved_at:]:
        loaded.add(*transition)
    assert_holds(loaded, story[-capacity:])


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_a_sample_is_a_draw_with_replacement_of_whole_joint_transitions(data):
    spec = data.draw(specs())
    replay = Replay(50, spec)
    for transition in data.draw(transitions(spec)):
        replay.add(*transition)
    rows = np.random.default_rng(3).integers(len(replay), size=64)

    sample, all_rows = replay.sample(64, np.random.default_rng(3)), everything(replay)

    assert sample.keys() == all_rows.keys()
    for name, column in sample.items():
        assert torch.equal(column.expand(64, *column.shape[1:]), all_rows[name][rows])


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_what_a_method_stores_besides_stays_with_its_transition(data):
    spec = data.draw(specs())
    story = data.draw(transitions(spec))
    replay = Replay(5, spec, {"share": (spec.n_agents, 2)})

    for t, transition in enumerate(story):
        replay.add(*transition, share=np.full((spec.n_agents, 2), t, np.float32))

    expected = np.arange(len(story))[-5:]
    np.testing.assert_array_equal(everything(replay)["share"][:, 0, 0], expected)


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_what_was_sampled_is_not_overwritten_later(data):
    spec = data.draw(specs())
    story = data.draw(transitions(spec))
    replay = Replay(2, spec)
    replay.add(*story[0])
    sample = everything(replay)
    then = {name: column.clone() for name, column in sample.items()}

    for transition in story * 2:
        replay.add(*transition)

    assert all(torch.equal(sample[name], then[name]) for name in then)
