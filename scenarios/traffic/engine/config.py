"""CityFlow's config.json (specification, section 1.1)."""

from dataclasses import dataclass
from pathlib import Path

from scenarios.traffic.entries import Entry, read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """What a simulation runs on.

    Attributes:
        interval: step length [s].
        seed: of the random numbers.
        roadnet_file: path of the road network.
        flow_file: path of the demand.
        rl_traffic_light: phases change only through the API; otherwise by the built-in plan.
        save_replay: whether replay files were asked for.
    """

    interval: float
    seed: int
    roadnet_file: str
    flow_file: str
    rl_traffic_light: bool
    save_replay: bool


def load_config(path: str | Path) -> EngineConfig:
    """Read and check a config file.

    Args:
        path: the JSON file; the paths in it start with its ``dir``, as text.

    Raises:
        NetworkError: the file is unreadable, breaks a rule, or asks for lane changes.
    """
    entry = Entry.of(str(path), "config", read_json(path))
    if entry.value.get("laneChange") is True:
        entry.fail("'laneChange' true is not supported: vehicles keep their lane")
    save_replay = entry.flag("saveReplay")
    if save_replay:
        entry.string("roadnetLogFile"), entry.string("replayLogFile")
    folder = entry.string("dir")
    return EngineConfig(
        interval=entry.number("interval", above=0.0),
        seed=entry.integer("seed"),
        roadnet_file=folder + entry.string("roadnetFile"),
        flow_file=folder + entry.string("flowFile"),
        rl_traffic_light=entry.flag("rlTrafficLight"),
        save_replay=save_replay,
    )
