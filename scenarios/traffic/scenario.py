"""Traffic: the signals of a road network let vehicles pass.

Data sheet
    Source: paper 000, Section 5.2, and paper 001, Section 5.3; what they leave open is taken from
    the authors' code. ``docs/traffic.md`` lists every gap and the calibration.
    Network: 6 x 6 intersections, 100 m apart; 2570 vehicles straight through, in 3600 s.
    Vehicles move as in CityFlow, in steps of 1 s.
    Actions: phase 1, 2, 3 or 4 of the intersection, every 10 s. Another phase than before comes
    after 5 s of phase 0, where that opens right turns only, else at once. Phase 1 at the start.
    Reward: -0.25 times the vehicles that stand (slower than 0.1 m/s) on the lanes that enter the
    intersection, mean over the 10 s, each second looked at before it passes.
    Observation: the phase, one-hot; the number of vehicles on each lane that enters.
    Graph: the intersections at the other end of roads that leave; never changes.
    Truncated after 360 decisions. Nothing is drawn: an episode depends on the actions alone.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from annotated_types import Interval, Len
from jaxtyping import Float32
from pydantic import StringConstraints

from scenarios.base import (
    Actions,
    AgentMap,
    Metric,
    Policy,
    Scenario,
    Spec,
    Timestep,
    Unavailable,
    check_actions,
)
from scenarios.ranges import FilePath, Share, Size
from scenarios.references import play
from scenarios.traffic.drivers import Driver, Embedded, EngineName, open_driver
from scenarios.traffic.grid_generator import TABLE_1
from scenarios.traffic.networks import (
    DEFAULT,
    LANES,
    TURNS,
    Source,
    file_hashes,
    grid_size,
    opened,
)
from scenarios.traffic.replay import Replay, write_text
from scenarios.traffic.replay_roadnet import roadnet_log
from scenarios.traffic.road_map import TrafficSnapshot, agent_map, look, read_parts
from scenarios.traffic.rules import rules_of_thumb
from scenarios.traffic.signals import survey
from scenarios.traffic.trips import METRICS, figures

PHASES = (1, 2, 3, 4)  # authors' code: straight on east-west and north-south, then left turns
DECISION_S = 10  # "each decision ... 10 seconds"
CLEARING_S = 5  # authors' code
MAX_STEPS = 360  # authors' code: 3600 s
USUAL = (PHASES, DECISION_S, CLEARING_S, MAX_STEPS)
COST_PER_VEHICLE = 0.25  # authors' code
LONGEST_S = 86_400  # ours: a day; beyond it, planning would take minutes
MOST_VEHICLES = 100_000  # ours: of a generated demand; likewise


def _n_intersections(network: str) -> int:
    rows, columns = grid_size(network) or (0, 0)  # datasets have as many as they have
    return rows * columns


NetworkName: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Size(0, 1000, _n_intersections, of="intersections"),
]
Lanes: TypeAlias = Annotated[int, Interval(ge=0, le=8)]
Phase: TypeAlias = Annotated[int, Interval(ge=0, le=255)]

ReferenceValues = tuple[Mapping[str, float], Mapping[str, float]]
NO_RED_LIGHT = 0.0  # by the definition of the figure

# As `measure` finds them with the usual options; known also where the files are not.
REFERENCE_VALUES: Mapping[str, ReferenceValues] = MappingProxyType(
    {
        "grid_6x6": (
            {"duration": 538.3, "red_lights": 7.92},
            {"duration": 58.9, "red_lights": NO_RED_LIGHT},
        ),
        "authors_6x6": (
            {"duration": 538.0, "red_lights": 7.92},
            {"duration": 59.1, "red_lights": NO_RED_LIGHT},
        ),
        "shenzhen": (
            {"duration": 442.9, "red_lights": 6.14},
            {"duration": 121.5, "red_lights": NO_RED_LIGHT},
        ),
    }
)


class Traffic:
    """See the module's docstring for the rules and their sources.

    Args:
        network: ``grid_<rows>x<columns>``, generated; or a dataset of ``datasets.toml``.
        roadnet: Path of a road network of the user's own, in CityFlow's format.
        flow: Path of a demand of the user's own, for it or for ``network``.
        rates: Vehicles per second of a generated demand, in as many equal parts of the episode.
        lanes: Lanes of a generated road for left turns, straight on and right turns.
        turns: Chances in a generated demand of turning left, going straight on, turning right.
        demand_seed: Of the generated demand.
        phases: The phase of the road network behind each action.
        decision_s: Time between decisions [s].
        clearing_s: How long phase 0 shows before another phase [s].
        max_steps: Step limit [decisions].
        engine: ``embedded``, or ``cityflow`` for an installed module of that name.

    Raises:
        ValueError: An option or a file breaks a rule; the message names both.
        Unavailable: A dataset or the engine is not on this machine.
    """

    description: ClassVar[str] = "signals of intersections let queues of vehicles pass"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    metric_info: ClassVar[Mapping[str, Metric]] = METRICS

    def __init__(
        self,
        *,
        network: NetworkName = DEFAULT,
        roadnet: FilePath | None = None,
        flow: FilePath | None = None,
        rates: Annotated[tuple[Annotated[float, Size(0, 10)], ...], Len(1, 100)] = TABLE_1,
        lanes: tuple[Lanes, Lanes, Lanes] = LANES,
        turns: tuple[Share, Share, Share] = TURNS,
        demand_seed: Annotated[int, Interval(ge=0, le=2**32 - 1)] = 0,
        phases: Annotated[tuple[Phase, ...], Len(1, 64)] = PHASES,
        decision_s: Annotated[int, Size(1, 600)] = DECISION_S,
        clearing_s: Annotated[int, Size(0, 600)] = CLEARING_S,
        max_steps: Annotated[int, Size(1, 10_000)] = MAX_STEPS,
        engine: EngineName = "embedded",
    ) -> None:
        _check_products(phases, decision_s, clearing_s, max_steps, rates)
        source = Source(
            network=network, roadnet=roadnet, flow=flow, rates=rates, lanes=lanes, turns=turns,
            demand_seed=demand_seed, horizon_s=decision_s * max_steps,
        )  # fmt: skip
        usual = source.usual and (phases, decision_s, clearing_s, max_steps) == USUAL
        known = REFERENCE_VALUES.get(network) if usual else None
        try:
            self._site = survey(source, phases)
            self._driver = self._usual = open_driver(engine, self._site.network, source)
        except Unavailable as absent:
            raise Unavailable(str(absent), *(known or ())) from None
        self._decision_s, self._clearing_s = decision_s, clearing_s
        self._spec, self._over = self._site.spec(max_steps), True
        self.floor, self.bound = known or ({}, {})  # a scenario has both before it is played
        if known is None:
            self.floor, self.bound = measure(self)

    @classmethod
    def file_hashes(cls, options: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the SHA-256 of the road network and the demand, where they are files."""
        return file_hashes(options["network"], options["roadnet"], options["flow"])

    @classmethod
    def agent_map(cls, options: Mapping[str, Any]) -> AgentMap | None:
        """Return where the intersections of a grid are; of other networks the files know it."""
        return agent_map(options["network"]) if options["roadnet"] is None else None

    @property
    def spec(self) -> Spec:
        """Fixed sizes."""
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Empty the network and show each intersection's first phase; ``rng`` is not used."""
        self._start(self._usual)
        return self._timestep(np.zeros(self._spec.n_agents, np.float32))

    def _start(self, driver: Driver) -> None:
        signals = self._site.signals
        self._driver, self._actions = driver, signals.allowed.argmax(axis=1)
        driver.restart()
        driver.show(signals.phases[self._actions])
        self._step, self._over, self._stood = 0, False, 0

    def step(self, actions: Actions) -> Timestep:
        """Show a phase at every intersection until the next decision.

        Raises:
            ValueError: An action is out of range or masked, or the episode is over.
        """
        if self._over:
            raise ValueError("step: the episode is over; reset first")
        signals, driver = self._site.signals, self._driver
        check_actions(actions, signals.allowed)
        stood = driver.waiting() - driver.waiting_sums()
        wanted, clearing = signals.phases[actions], signals.clears & (actions != self._actions)
        cleared_s = self._clearing_s if clearing.any() else 0
        if cleared_s:
            driver.show(np.where(clearing, 0, wanted))
            driver.run(cleared_s)
        driver.show(wanted)
        driver.run(self._decision_s - cleared_s)
        stood += driver.waiting_sums() - driver.waiting()
        standing = self._site.entering(stood).sum(axis=1)  # vehicles times seconds
        self._stood += int(standing.sum())
        self._actions, self._step = actions.copy(), self._step + 1
        reward = 0.0 - standing * (COST_PER_VEHICLE / self._decision_s)  # 0, not -0, if none stood
        return self._timestep(reward.astype(np.float32))

    def _timestep(self, reward: Float32[np.ndarray, "agents"]) -> Timestep:
        self._over = self._step >= self._spec.max_steps
        signals = self._site.signals
        return Timestep(
            obs=self._site.observe(self._actions, self._driver.counts()),
            graph=signals.graph.copy(),
            neighbors=signals.neighbors.copy(),
            action_mask=signals.allowed.copy(),
            reward=reward,
            terminated=False,
            truncated=self._over,
            step=self._step,
        )

    def metrics(self) -> Mapping[str, float]:
        """Return the papers' figures and what else tells a good hour from a bad one."""
        seconds = self._step * self._decision_s
        found = figures(self._driver.trips(), self._site.routes, seconds)
        found["average_travel_time"] = self._driver.average_travel_time()
        found["queue"] = self._stood / max(seconds * self._spec.n_agents, 1)
        return {name: found[name] for name in self.metric_info}

    def snapshot(self) -> TrafficSnapshot:
        """Return what a picture shows of the roads."""
        return look(self._site, self._driver, self._actions, self._step * self._decision_s)

    def save_replay(self, roadnet: Path, replay: Path) -> None:
        """Write episodes from now on for CityFlow's viewer; the file has the last one.

        Args:
            roadnet: File for the ground plan.
            replay: File for what moves.

        Raises:
            ValueError: The vehicles are driven by another engine, or a file cannot be written.
        """
        if not isinstance(self._usual, Embedded):
            raise ValueError("engine is 'cityflow'; replays are written by the embedded engine")
        parts = read_parts(self._site.source)
        write_text(str(roadnet), roadnet_log(parts.places, parts.roads), "ground plan")
        self._usual.save(Replay(parts, self._site.network.roads, str(replay)))

    def references(self) -> Mapping[str, Policy]:
        """Rules of thumb (``scenarios.traffic.rules``), chance, and an ideal.

        ``free_flow`` is no policy that signals could follow: with its first decision the episode
        goes on where all lights are green and crossing vehicles do not meet.
        """
        thumb = rules_of_thumb(self._site, self._decision_s, lambda: self._driver)
        return {**thumb, "free_flow": self._flow_freely}

    def _flow_freely(self, ts: Timestep, rng: np.random.Generator) -> Actions:
        if ts.first:
            self._start(Embedded(opened(self._site.network)))
        return self._actions.copy()


def measure(scenario: Scenario) -> ReferenceValues:
    """Return floor and bound of a scenario: an episode of random actions, and one of free flow."""
    floor, bound = (play(scenario, policy, 1) for policy in ("random", "free_flow"))
    return (
        {name: float(floor[name][0]) for name in ("duration", "red_lights")},
        {"duration": float(bound["duration"][0]), "red_lights": NO_RED_LIGHT},
    )


def _check_products(
    phases: tuple[int, ...],
    decision_s: int,
    clearing_s: int,
    max_steps: int,
    rates: tuple[float, ...],
) -> None:
    """Refuse options that make no episode, or an endless one.

    Raises:
        ValueError: As said; the message names options and rule.
    """
    if len(set(phases)) < len(phases):
        raise ValueError(f"phases are {phases}; they must be different")
    if clearing_s >= decision_s:
        raise ValueError(
            f"decision_s is {decision_s}, clearing_s {clearing_s}; a decision lasts longer than "
            "the clearing"
        )
    horizon_s = decision_s * max_steps
    if horizon_s > LONGEST_S:
        raise ValueError(
            f"decision_s is {decision_s}, max_steps {max_steps}; an episode of {horizon_s} s is "
            f"longer than a day, {LONGEST_S} s"
        )
    vehicles = sum(rates) * horizon_s / max(len(rates), 1)
    if vehicles > MOST_VEHICLES:
        raise ValueError(
            f"rates are {rates}; in {horizon_s} s (decision_s times max_steps) that is "
            f"{vehicles:.0f} vehicles, at most {MOST_VEHICLES}"
        )
