"""PettingZoo environments as scenarios; skipped where the optional extra is not installed."""

import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios.base import Unavailable
from scenarios.pettingzoo import PettingZooScenario
from scenarios.pettingzoo.foreign import source_hash

pettingzoo = pytest.importorskip("pettingzoo", reason="PettingZoo, an optional extra, is absent")
spaces = pytest.importorskip("gymnasium.spaces")
FAKE = "a_module_of_this_test"


class Toy:
    """A parallel environment that does what a test asks for."""

    def __init__(
        self, n: int = 3, life: int = 99, dies: int | None = None, unequal: str = "", **odd: Any
    ) -> None:
        assert not odd.get("refuses"), "never"
        self.episodes = 0
        self.possible_agents = [f"p{i}" for i in range(n)]
        self.life, self.dies, self.unequal, self.odd = life, dies, unequal, odd

    def action_space(self, agent: str) -> Any:
        last = self.unequal == "action" and agent == self.possible_agents[-1]
        return self.odd.get("actions") or spaces.Discrete(3 + last)

    def observation_space(self, agent: str) -> Any:
        last = self.unequal == "observation" and agent == self.possible_agents[-1]
        return self.odd.get("observations") or spaces.Box(0, 9, (2, 1 + last), np.float64)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        self.t, self.seed, self.agents = 0, seed, list(self.possible_agents)
        self.episodes += bool(self.odd.get("drifts"))
        return self.look(), self.infos()

    def look(self) -> Mapping[str, np.ndarray]:
        seen = [agent for agent in self.agents if (self.odd.get("hides"), agent) != (self.t, "p1")]
        t = np.nan if self.t == self.odd.get("blind") else self.t
        return {a: np.array([[t], [i + self.episodes]], float) for i, a in enumerate(seen)}

    def infos(self) -> Mapping[str, Any]:
        mask = np.array([1, 1, self.t % 2], np.int8) * (self.t != self.odd.get("idle"))
        return {agent: {"action_mask": mask} for agent in self.possible_agents}

    def step(self, actions: Mapping[str, int]) -> tuple[Any, ...]:
        self.t += 1
        ended = dict.fromkeys(self.possible_agents, self.t >= self.life)
        if self.t == self.dies:
            ended[self.possible_agents[1]] = True
        rewards = {agent: float(action) for agent, action in actions.items()}
        rewards["p1"] /= np.float64(self.t != self.odd.get("boundless")) or np.nan
        cut = dict.fromkeys(self.possible_agents, self.t >= self.odd.get("limit", 99))
        return self.look(), rewards, ended, cut, self.infos()


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(FAKE)
    module.parallel_env = Toy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, FAKE, module)


def test_a_parallel_environment_becomes_a_scenario() -> None:
    scenario = PettingZooScenario(module=FAKE, max_steps=4)
    ts = scenario.reset(np.random.default_rng(0))

    assert scenario.spec.n_agents == 3
    assert (scenario.spec.n_actions, scenario.spec.n_features) == (3, 2)
    assert scenario.spec.obs_dtype == np.float32
    assert ts.obs.tolist() == [[0, 0], [0, 1], [0, 2]]
    assert ts.action_mask.tolist() == [[True, True, False]] * 3
    assert ts.neighbors.tolist() == [[1, 2], [0, 2], [0, 1]]

    ts = scenario.step(np.array([0, 1, 1]))

    assert ts.reward.tolist() == [0, 1, 1]
    assert ts.action_mask.all()
    assert not ts.last
    with pytest.raises(ValueError, match="agent 1 plays 3, outside"):
        scenario.step(np.array([0, 3, 0]))
    for _ in range(3):
        ts = scenario.step(np.array([0, 0, 0]))
    assert (ts.truncated, ts.terminated, ts.step) == (True, False, 4)
    assert scenario.metrics() == {"return": pytest.approx(2 / 3), "steps": 4}
    with pytest.raises(ValueError, match="reset first"):
        scenario.step(np.array([0, 0, 0]))


def test_an_end_of_its_own_is_an_end() -> None:
    scenario = PettingZooScenario(module=FAKE, max_steps=9, life=2, graph="empty")
    ts = scenario.reset(np.random.default_rng(0))
    assert ts.graph.tolist() == np.eye(3, dtype=np.bool_).tolist()
    assert ts.neighbors.shape == (3, 0)

    ts = [scenario.step(np.array([0, 0, 0])) for _ in range(2)][-1]

    assert (ts.truncated, ts.terminated) == (False, True)


def test_a_step_limit_of_its_own_is_no_end_state() -> None:
    scenario = PettingZooScenario(module=FAKE, max_steps=9, limit=2)
    scenario.reset(np.random.default_rng(0))

    ts = [scenario.step(np.array([0, 0, 0])) for _ in range(2)][-1]

    assert (ts.truncated, ts.terminated) == (True, False)


def test_random_play_is_the_floor_and_no_bound_is_known() -> None:
    scenario = PettingZooScenario(module=FAKE, max_steps=4)

    # of three actions worth 0, 1 and 2 the last is allowed at every second step: .5, 1, .5, 1
    assert scenario.floor == {"return": pytest.approx(3, abs=5 * 0.8 / 10**0.5)}
    assert scenario.bound == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": [1]}, r"refuses the options \{'n': \[1\]\}: TypeError"),
        ({"refuses": True}, "refuses the options .*: AssertionError: never"),
        ({"n": 0}, "possible_agents is empty"),
        ({"dies": 3}, "p1 is gone after step 3; all agents must live to the end"),
        ({"hides": 0}, "p1 is gone after step 0"),
        ({"hides": 5}, "p1 is gone after step 5"),
        ({"unequal": "action"}, r"p0 are .*Discrete\(3\).* p2 are.*equal"),
        ({"unequal": "observation"}, "p0 .* p2 .* must be equal"),
        ({"actions": "box"}, "actions are Box.* must be Discrete"),
        ({"observations": "discrete"}, "observations are .* must be a Box"),
        ({"blind": 0}, "module .*: observation of p0 is NaN at step 0 of a random episode"),
        ({"boundless": 3}, "module .*: reward of p1 is NaN at step 3 of a random episode"),
        ({"idle": 2}, "module .*: no action is allowed to p0 at step 2 of a random episode"),
        ({"drifts": True}, "two episodes from the same seed differ"),
        ({"observations": "long"}, "an observation has 2 numbers, its space 7; they must be as"),
    ],
)
def test_an_environment_of_another_kind_is_refused(options: dict[str, Any], message: str) -> None:
    known = {
        "box": spaces.Box(0, 1, (2,)),
        "discrete": spaces.Discrete(4),
        "long": spaces.Box(0, 1, (7,)),
    }
    chosen = {k: known.get(v, v) if isinstance(v, str) else v for k, v in options.items()}

    with pytest.raises(ValueError, match=message):
        PettingZooScenario(**({"module": FAKE, "max_steps": 5} | chosen))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("", "module is ''; it must be the dotted name"),
        ("../evil", "module is '../evil'; it must be the dotted name"),
        ("os; evil()", "it must be the dotted name"),
        ("https://x.org/evil.py", "it must be the dotted name"),
        ("json", "module 'json' has no parallel_env"),
        ("json.decodr", r"there is no 'decodr' in json; did you mean json\.decoder\?"),
        ("json.x.y", "there is no 'x' in json; it has decoder, encoder"),
    ],
)
def test_a_name_that_leads_to_no_environment_is_refused(module: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PettingZooScenario(module=module, max_steps=5)


def test_what_is_not_installed_comes_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needs_no_such_physics.py").write_text("import no_such_physics.engine")
    (tmp_path / "needs_the_extra.py").write_text("import mpe2.no_such_part")

    with pytest.raises(Unavailable, match=r"`pip install no_such_place` may .* PYTHONPATH"):
        PettingZooScenario(module="no_such_place.maze_v0", max_steps=5)
    with pytest.raises(Unavailable, match=r"`pip install no_such_physics` may install it$"):
        PettingZooScenario(module="needs_no_such_physics", max_steps=5)
    with pytest.raises(Unavailable, match=r"`pip install -e '\.\[pettingzoo\]'`$"):
        PettingZooScenario(module="needs_the_extra", max_steps=5)


def test_a_module_that_fails_while_it_is_imported_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "half_done.py").write_text("1 / 0")

    with pytest.raises(ValueError, match="cannot be imported: ZeroDivisionError: division by zero"):
        PettingZooScenario(module="half_done", max_steps=5)


def test_the_hash_of_a_package_follows_its_sources_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_now() -> str:
        source_hash.cache_clear()
        (found,) = PettingZooScenario.file_hashes({"module": "forest.maze"}).values()
        return found

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "forest").mkdir()
    for name in ("__init__", "maze", "wolves"):
        (tmp_path / "forest" / f"{name}.py").write_text("x = 1\n")
    before = hash_now()
    (tmp_path / "forest" / "notes.txt").write_text("buy milk")
    same = hash_now()
    (tmp_path / "forest" / "wolves.py").write_text("x = 2\n")
    edited = hash_now()
    (tmp_path / "forest" / "wolves.py").rename(tmp_path / "forest" / "foxes.py")

    assert before == same
    assert len({before, edited, hash_now()}) == 3
    with pytest.raises(Unavailable, match="no module named 'no_such_forest'"):
        PettingZooScenario.file_hashes({"module": "no_such_forest.maze"})


def test_a_single_file_has_a_hash_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for folder, text in (("a", "x = 1"), ("b", "x = 1"), ("c", "x = 2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "lonely.py").write_text(text)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / folder)
            source_hash.cache_clear()
            found.append(PettingZooScenario.file_hashes({"module": "lonely"}))

    assert found[0] == found[1] != found[2]
