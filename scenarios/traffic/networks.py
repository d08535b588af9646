"""Which roads and which demand a scenario has: generated, public, or a user's own files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scenarios.traffic.datasets import datasets, find, sha256
from scenarios.traffic.flow import Flow, load_flows, parse_flows
from scenarios.traffic.grid_generator import TABLE_1, generate_flow, generate_roadnet
from scenarios.traffic.roadnet import Roadnet, load_roadnet, parse_roadnet

DEFAULT = "grid_6x6"
LANES = (1, 1, 1)
TURNS = (0.0, 1.0, 0.0)
_DECIMALS = 9  # of meters and the like: with up to six digits before them CityFlow reads exactly
_GRID = re.compile(r"grid_([1-9]\d{0,2})x([1-9]\d{0,2})", re.ASCII)


class Network(NamedTuple):
    """Roads and the vehicles that come to drive on them."""

    roads: Roadnet
    flows: tuple[Flow, ...]


def grid_size(network: str) -> tuple[int, int] | None:
    """Return rows and columns of ``grid_<rows>x<columns>``."""
    match = _GRID.fullmatch(network)
    return (int(match[1]), int(match[2])) if match else None


def opened(network: Network) -> Network:
    """Return the network with all lights green, where crossing vehicles do not meet."""
    roads = network.roads
    nobody: dict[str, Any] = {
        name: getattr(roads, name)[:0]
        for name in ("cross_distance", "cross_side", "cross_other", "cross_link")
    }
    green = np.ones_like(roads.phase_green)
    crosses = np.zeros_like(roads.cross_ptr)
    return network._replace(roads=replace(roads, phase_green=green, cross_ptr=crosses, **nobody))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a network comes from; see the options of the same names of ``Traffic``.

    Attributes:
        network: ``grid_<rows>x<columns>`` or the name of a dataset.
        roadnet: Path of a road network in its place.
        flow: Path of a demand in place of the network's.
        rates: Vehicles per second in equal parts of the episode; only of grids.
        lanes: Lanes for left turns, straight on and right turns; only of grids.
        turns: Chances of turning left, going straight on and turning right; only of grids.
        demand_seed: Of the generated demand; only of grids.
        horizon_s: Length of an episode [s].
    """

    network: str
    roadnet: str | None = None
    flow: str | None = None
    rates: tuple[float, ...] = TABLE_1
    lanes: tuple[int, int, int] = LANES
    turns: tuple[float, float, float] = TURNS
    demand_seed: int = 0
    horizon_s: int

    def __post_init__(self) -> None:
        if not self.grid and self.network not in datasets():
            raise ValueError(
                f"network is {self.network!r}; it must be 'grid_<rows>x<columns>' or one of "
                f"{', '.join(datasets())}; files of your own go into roadnet and flow"
            )
        if self.roadnet is not None and (self.flow is None or self.network != DEFAULT):
            raise ValueError("roadnet is given; then flow must be too, and network must not")
        if not self._generates_demand:
            usual = {"rates": TABLE_1, "turns": TURNS, "demand_seed": 0}
            self._refuse(usual, "only a generated demand has it, here it is read from a file")
        if not self.grid or self.roadnet is not None:
            self._refuse({"lanes": LANES}, "only a generated grid has it, here roads are read")

    @property
    def usual(self) -> bool:
        """Whether nothing but the network was chosen."""
        return self == Source(network=self.network, horizon_s=self.horizon_s)

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of a generated grid."""
        return grid_size(self.network)

    @property
    def _generates_demand(self) -> bool:
        return self.grid is not None and self.flow is None

    def _refuse(self, usual: Mapping[str, Any], reason: str) -> None:
        for name, value in usual.items():
            if getattr(self, name) != value:
                raise ValueError(f"{name} is {getattr(self, name)}; {reason}")

    def load(self) -> Network:
        """Return roads and demand.

        Raises:
            NetworkError: A file breaks a rule.
            Unavailable: A dataset is not on this machine.
        """
        if self.roadnet is not None or self.flow is not None:
            return self._load()  # a user's own files may change
        if self.grid is None:
            find(self.network)  # datasets may come and go, but they are what they are
        return _load_once(self)

    def _load(self) -> Network:
        roadnet, flow = self.contents()
        if isinstance(roadnet, Path):
            roads = load_roadnet(roadnet)
        else:
            roads = parse_roadnet(roadnet, self.network)
        index = {road: r for r, road in enumerate(roads.road_ids)}
        flows = load_flows(flow, index) if isinstance(flow, Path) else parse_flows(flow, index)
        return Network(roads, tuple(flows))

    def contents(self) -> tuple[Path | Any, Path | Any]:
        """Return road network and demand, each the path of a file or the content of one."""
        own = tuple(None if path is None else Path(path) for path in (self.roadnet, self.flow))
        if self.grid is None:
            stated = find(self.network)
            return stated[0], own[1] or stated[1]
        rows, columns = self.grid
        roadnet = own[0] or _short(generate_roadnet(rows, columns, lanes=self.lanes))
        return roadnet, own[1] or _short(self._demand(rows, columns))

    def _demand(self, rows: int, columns: int) -> list[dict[str, Any]]:
        if not self.rates or self.horizon_s % len(self.rates):
            raise ValueError(
                f"rates are {len(self.rates)}; an episode of {self.horizon_s} s has no as many "
                "equal parts of whole seconds"
            )
        window_s = self.horizon_s // len(self.rates)
        rng = np.random.default_rng(self.demand_seed)
        return generate_flow(
            rows, columns, rng, rates=self.rates, window_s=window_s, turns=self.turns
        )

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Return files of road network and demand; contents are written into the folder."""
        paths = []
        for name, content in zip(("roadnet", "flow"), self.contents(), strict=True):
            path = content if isinstance(content, Path) else folder / f"{name}.json"
            if not isinstance(content, Path):
                path.write_text(json.dumps(content), encoding="utf-8")
            paths.append(path.resolve())
        return paths[0], paths[1]


def _short(content: Any) -> Any:
    """Round numbers so that they are the same after CityFlow's reading of a file of them."""
    if isinstance(content, dict):
        return {key: _short(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_short(value) for value in content]
    return round(content, _DECIMALS) if isinstance(content, float) else content


def file_hashes(network: str, roadnet: str | None, flow: str | None) -> dict[str, str]:
    """Return the SHA-256 of the files of a network; those of datasets as they were published.

    Raises:
        NetworkError: A user's own file cannot be read.
    """
    own = {"roadnet": roadnet, "flow": flow}
    found = {name: sha256(Path(path)) for name, path in own.items() if path is not None}
    dataset = datasets().get(network)
    if dataset is None:
        return found
    return {"roadnet": dataset.roadnet.sha256, "flow": dataset.flow.sha256} | found


@lru_cache(maxsize=8)
def _load_once(source: Source) -> Network:
    return source._load()
