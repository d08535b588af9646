"""Laws that every registered method obeys; a new one is under test as soon as it has a name.

They are checked on toy scenarios (``toys.Line``) with small networks that learn from the first
episodes on. Scores are compared, not actions or metrics: those are too coarse to show a fault.
"""

import copy
import dataclasses
import inspect
import io
import math

import numpy as np
import pytest
import torch

import places
from harness import runner
from harness.cell import Budget, Cell
from harness.hparams import PRESETS, build_config, load_config, preset_values
from harness.runner import Training, build_method
from methods import METHODS
from methods.base import Communication
from scenarios import SCENARIOS
from toys import Line

SMALL = {  # where a method has such a field, also with a prefix: high_level_sample_size
    "hidden": (8,),
    "capacity": 40,
    "rollout": 10,
    "warm_up": 8,
    "start": 10,
    "update_every": 1,
    "updates": 1,
    "sample_size": 8,
    "batch_size": 4,
    "share_interval": 2,
}
EVERY = sorted(METHODS)
SCORES_ARE_LOGITS = {  # their critics are looked at in tests of their own
    "neurcomm", "ia2c", "consenet", "ippo", "mappo", "ip", "lio",
}  # fmt: skip
LEARNERS = [name for name in EVERY if METHODS[name].learns]
SHARING_PARAMETERS = [
    name
    for name in EVERY
    if "parameters" in {f.name for f in dataclasses.fields(METHODS[name].Config)}
]


@pytest.fixture(autouse=True)
def _line_is_a_scenario(monkeypatch):
    monkeypatch.setattr(runner, "SCENARIOS", {**SCENARIOS, "line": Line})


def small_fields(name, scenario, preset="default", **more):
    """Fields that make the method small and quick to learn, where it has them."""
    values = preset_values(name, "line", preset)
    fields = {
        field: small
        for field in values
        for end, small in SMALL.items()
        if field == end or field.endswith(f"_{end}")
    }
    if name == "reference":
        fields["policy"] = next(iter(scenario.references()))
    more = {field: value for field, value in more.items() if field in values}
    return tuple(sorted((fields | more).items()))


def cell_for(name, *, seed=0, budget=None, preset="default", more=None, **options):
    """A cell of the method on the largest toy scenario it can play."""
    fewer = [2, 1]
    sizes = [options.pop("n_agents", 8), *fewer]
    for n_agents in sizes:
        chosen = options | {"n_agents": n_agents}
        if chosen.get("n_neighbors") is not None:
            chosen["n_neighbors"] = min(chosen["n_neighbors"], n_agents - 1)
        scenario = Line(**chosen)
        cell = Cell(
            scenario="line",
            options=tuple(sorted(chosen.items())),
            method=name,
            fields=small_fields(name, scenario, preset, **(more or {})),
            preset=preset,
            seed=seed,
            budget=budget or Budget(episodes=12, steps=0, evaluations=4, evaluation_episodes=2),
            label=name,
        )
        if METHODS[name].unsuitable(scenario.spec, load_config(cell)) is None:
            return cell, scenario
    raise AssertionError(f"{name} can play no toy scenario: {sizes} agents were tried")


def made(name, **how):
    """A method and the scenario it is built for."""
    cell, scenario = cell_for(name, **how)
    return build_method(cell, scenario), scenario


def train(method, scenario, episodes, world=1, act=2):
    """Play training episodes as the runner does; streams may be seeds or generators."""
    world, act = np.random.default_rng(world), np.random.default_rng(act)
    figures = []
    for _ in range(episodes):
        ts = scenario.reset(world)
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = scenario.step(actions)
            figures.append(dict(method.observe(ts, actions, next_ts)))
            ts = next_ts
    return figures


def probe(method, scenario, n=3):
    """Scores at a few first timesteps."""
    rng = np.random.default_rng(99)
    return np.stack([method.scores(scenario.reset(rng)) for _ in range(n)])


def alike(a, b):
    """Whether two state dicts are equal bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("name", EVERY)
def test_it_describes_itself(name):
    method = METHODS[name]

    assert method.title
    assert method.description
    assert method.version
    assert dataclasses.is_dataclass(method.Config)
    assert method.Config.__dataclass_params__.frozen
    assert inspect.getdoc(inspect.getmodule(method))


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "tuned"])
@pytest.mark.parametrize("place", sorted(SCENARIOS))
@pytest.mark.parametrize("name", EVERY)
def test_it_has_hyperparameters_for_every_scenario_it_suits(name, place, preset):
    scenario = places.build(place)
    fields = small_fields(name, scenario) if name == "reference" else ()
    config = build_config(name, place, preset, fields)
    unsuitable = METHODS[name].unsuitable(scenario.spec, config)

    if unsuitable is None:
        cell = Cell(
            scenario=place,
            options=places.options(place),
            method=name,
            fields=fields,
            preset=preset,
            seed=0,
            budget=Budget(episodes=1, steps=0, evaluations=1, evaluation_episodes=1),
            label=name,
        )
        method = build_method(cell, scenario)
        scores = method.scores(scenario.reset(np.random.default_rng(0)))
        assert scores.shape == (scenario.spec.n_agents, scenario.spec.n_actions)
        assert np.isfinite(scores).all()
    else:
        assert unsuitable, "a reason is text"


@pytest.mark.parametrize("name", EVERY)
def test_it_says_what_it_costs(name):
    method, _ = made(name)

    assert method.hops >= 0
    assert method.n_parameters >= 0
    assert isinstance(method.communication, Communication)
    assert 0 <= method.communication.execution <= method.communication.training


@pytest.mark.parametrize("name", EVERY)
def test_same_seed_same_run(name):
    cell, _ = cell_for(name)

    once, again = Training(cell), Training(cell)
    rows = [(once.advance(), again.advance()) for _ in range(once.n_evaluations)]

    assert all(a == b for a, b in rows)
    assert alike(once.method.state_dict(), again.method.state_dict())


@pytest.mark.parametrize("name", LEARNERS)
def test_every_seed_is_a_sample_of_its_own(name):
    """A seed that is dropped or shadowed on its way makes n seeds one sample.

    Networks differ from the start; tables start empty and differ by what they meet.
    """
    learned = set()
    for seed in range(5):
        method, scenario = made(name, seed=seed)
        if not method.n_parameters:
            train(method, scenario, episodes=20, world=seed, act=seed)
        learned.add(probe(method, scenario).tobytes())

    assert len(learned) == 5


@pytest.mark.parametrize("name", EVERY)
def test_evaluation_leaves_training_alone(name):
    often, once = (
        Budget(episodes=12, steps=0, evaluations=n, evaluation_episodes=3) for n in (6, 1)
    )

    watched, left_alone = (Training(cell_for(name, budget=budget)[0]) for budget in (often, once))
    for training in (watched, left_alone):
        while not training.done:
            training.advance()

    assert watched.episode == left_alone.episode
    np.testing.assert_array_equal(
        probe(watched.method, watched.scenario), probe(left_alone.method, left_alone.scenario)
    )
    assert alike(watched.method.state_dict(), left_alone.method.state_dict())


@pytest.mark.parametrize("name", EVERY)
def test_scores_are_pure(name):
    method, scenario = made(name)
    train(method, scenario, episodes=4)
    ts = scenario.reset(np.random.default_rng(0))
    before = copy.deepcopy(method.state_dict())

    once, again = method.scores(ts), method.scores(ts)

    np.testing.assert_array_equal(once, again)
    assert alike(method.state_dict(), before)


@pytest.mark.parametrize("name", LEARNERS)
def test_it_learns(name):
    """Training changes scores: the other laws would hold of a method that does nothing."""
    method, scenario = made(name)
    before = probe(method, scenario)

    train(method, scenario, episodes=8)

    assert not np.array_equal(probe(method, scenario), before)


@pytest.mark.parametrize("graph", ["path", "drawn"])
@pytest.mark.parametrize("name", EVERY)
def test_nobody_knows_more_than_hops_allow(name, graph):
    """What happens beyond ``hops`` edges does not move an agent's scores by one bit.

    Shares of rewards travel against an edge: whom i listens to may not listen to i. So edges
    count in both directions here; the next law is stricter.
    """
    size = {"n_agents": 12} if graph == "path" else {"n_agents": 40, "n_neighbors": 1}
    method, scenario = made(name, **size)
    if method.hops >= scenario.spec.n_agents - 1:
        pytest.skip(f"{name} declares that it knows the whole graph")
    train(method, scenario, episodes=3)
    ts = scenario.reset(np.random.default_rng(4))

    assert_local(method, ts, ts.graph | ts.graph.T)


@pytest.mark.parametrize("name", [n for n in ("dqn", "dgn") if n in METHODS])
def test_who_shares_nothing_is_heard_only_by_listeners(name):
    method, scenario = made(name, n_agents=20, n_neighbors=2)
    train(method, scenario, episodes=3)
    ts = scenario.reset(np.random.default_rng(4))

    assert_local(method, ts, ts.graph)


def assert_local(method, ts, edges):
    reach = np.linalg.matrix_power(edges.astype(np.int64), method.hops) > 0
    scores = method.scores(ts)
    assert not reach.all(axis=1).any(), "everybody sees everybody: nothing is tested"
    for i, known in enumerate(reach):
        elsewhere = np.where(known[:, None], ts.obs, np.float32(7.0))
        changed = method.scores(dataclasses.replace(ts, obs=elsewhere))
        np.testing.assert_array_equal(changed[i], scores[i])


@pytest.mark.parametrize("graph", ["path", "drawn"])
@pytest.mark.parametrize("name", SHARING_PARAMETERS)
def test_with_shared_parameters_agents_are_exchangeable(name, graph):
    drawn = {"n_neighbors": 3} if graph == "drawn" else {}
    method, scenario = made(name, masked=True, more={"parameters": "shared"}, **drawn)
    if method.hops >= scenario.spec.n_agents - 1:
        pytest.skip(f"{name} is one controller: its agents have fixed places")
    train(method, scenario, episodes=6)
    ts = scenario.reset(np.random.default_rng(5))
    order = np.random.default_rng(6).permutation(scenario.spec.n_agents)

    renamed = method.scores(relabelled(ts, order))

    np.testing.assert_allclose(renamed, method.scores(ts)[order], atol=1e-5, rtol=1e-5)


def relabelled(ts, order):
    """The same situation, agent ``order[k]`` being called k."""
    new_name = np.append(np.argsort(order), -1)  # an empty slot, -1, stays empty
    return dataclasses.replace(
        ts,
        obs=ts.obs[order],
        graph=ts.graph[np.ix_(order, order)],
        neighbors=new_name[ts.neighbors[order]],
        action_mask=ts.action_mask[order],
        reward=ts.reward[order],
    )


@pytest.mark.parametrize("preset", ["paper", "default"])
@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize("name", EVERY)
def test_it_plays_allowed_actions(name, explore, preset):
    method, scenario = made(name, masked=True, max_steps=15, preset=preset)
    rng = np.random.default_rng(0)

    for episode in range(4):
        ts = scenario.reset(np.random.default_rng(episode))
        while not ts.last:
            actions = method.act(ts, rng, explore=explore)
            assert actions.shape == (scenario.spec.n_agents,)
            assert ts.action_mask[np.arange(len(actions)), actions].all()
            next_ts = scenario.step(actions)
            method.observe(ts, actions, next_ts)
            ts = next_ts


@pytest.mark.parametrize("name", EVERY)
def test_exploration_draws_from_the_stream_it_is_given(name):
    """The same stream gives the same actions, wherever the global streams stand."""
    method, scenario = made(name)
    train(method, scenario, episodes=4)
    ts = scenario.reset(np.random.default_rng(0))
    again = copy.deepcopy(method)
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002

    actions = method.act(ts, np.random.default_rng(1), explore=True)

    np.testing.assert_array_equal(again.act(ts, np.random.default_rng(1), explore=True), actions)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert alike(np.random.get_state()[2:], numpy_before[2:])  # noqa: NPY002


@pytest.mark.parametrize("graph", ["path", "drawn"])
@pytest.mark.parametrize("name", EVERY)
def test_save_and_load_continue_bit_for_bit(name, graph):
    drawn = {"n_neighbors": 3} if graph == "drawn" else {}
    method, scenario = made(name, **drawn)
    train(method, scenario, episodes=9)
    file = io.BytesIO()
    torch.save(method.state_dict(), file)
    file.seek(0)
    loaded, _ = made(name, **drawn)

    loaded.load_state_dict(torch.load(file, weights_only=True))

    assert alike(loaded.state_dict(), method.state_dict())
    for one in (method, loaded):
        train(one, scenario, episodes=9, world=5, act=6)
    np.testing.assert_array_equal(probe(loaded, scenario), probe(method, scenario))
    assert alike(loaded.state_dict(), method.state_dict())


@pytest.mark.parametrize("name", sorted({*LEARNERS} - SCORES_ARE_LOGITS))
def test_truncation_bootstraps_and_termination_does_not(name):
    """Rewards lie in [0, 1]: in one-step episodes only who bootstraps expects more than 1."""
    expected = {}
    quick = {"learning_rate": 0.01, "tau": 0.5, "hidden": (32,)}
    for ends in ("truncated", "terminated"):
        method, scenario = made(name, ends=ends, max_steps=1, more=quick)
        train(method, scenario, episodes=100 if method.n_parameters else 2000)  # tables take longer
        expected[ends] = probe(method, scenario).mean()

    assert expected["terminated"] < 1 < expected["truncated"]


@pytest.mark.parametrize("name", LEARNERS)
def test_its_figures_are_finite_and_some_are_reported(name):
    method, scenario = made(name)

    figures = train(method, scenario, episodes=10)

    assert any(figures)
    assert all(math.isfinite(value) for row in figures for value in row.values())


@pytest.mark.parametrize("name", EVERY)
def test_traces_have_one_row_per_agent(name):
    method, scenario = made(name)
    ts = scenario.reset(np.random.default_rng(0))
    method.act(ts, np.random.default_rng(0), explore=False)

    for trace in method.traces().values():
        assert trace.shape[0] == scenario.spec.n_agents
        assert np.isfinite(trace).all()
