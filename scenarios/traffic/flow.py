"""Traffic demand: CityFlow's flow.json, checked (specification, section 1.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scenarios.traffic.entries import Entry, NetworkError, read_json

__all__ = ["Flow", "NetworkError", "VehicleModel", "load_flows", "parse_flows"]

_INT32 = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleModel:
    """What a vehicle is and can do.

    Attributes:
        length: [m].
        width: [m], without influence as long as nobody changes lanes.
        max_pos_acc: largest acceleration [m/s^2].
        max_neg_acc: largest deceleration [m/s^2].
        usual_pos_acc: comfortable acceleration [m/s^2].
        usual_neg_acc: comfortable deceleration [m/s^2].
        min_gap: gap kept when stopped [m].
        max_speed: [m/s].
        headway_time: gap kept when moving [s].
    """

    length: float
    width: float
    max_pos_acc: float
    max_neg_acc: float
    usual_pos_acc: float
    usual_neg_acc: float
    min_gap: float
    max_speed: float
    headway_time: float

    @classmethod
    def read(cls, entry: Entry) -> "VehicleModel":
        """Check the nine numbers of a JSON object.

        Raises:
            NetworkError: a number is missing, not finite or out of range.
        """
        return cls(
            length=entry.number("length", above=0.0),
            width=entry.number("width", least=0.0),
            max_pos_acc=entry.number("maxPosAcc", above=0.0),
            max_neg_acc=entry.number("maxNegAcc", above=0.0),
            usual_pos_acc=entry.number("usualPosAcc", above=0.0),
            usual_neg_acc=entry.number("usualNegAcc", above=0.0),
            min_gap=entry.number("minGap", least=0.0),
            max_speed=entry.number("maxSpeed", above=0.0),
            headway_time=entry.number("headwayTime", least=0.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A stream of equal vehicles.

    Attributes:
        model: the vehicle.
        anchors: roads to pass, in order; gaps are filled by shortest paths.
        interval: time between vehicles [s].
        start_time: no vehicle before [s].
        end_time: no vehicle after [s]; -1 for a flow without end.
    """

    model: VehicleModel
    anchors: tuple[int, ...]
    interval: float
    start_time: int
    end_time: int


def load_flows(path: str | Path, road_index: Mapping[str, int]) -> list[Flow]:
    """Read and check a flow file.

    Args:
        path: the JSON file.
        road_index: road id to index, of the network the flows drive on.

    Raises:
        NetworkError: the file is unreadable or breaks a rule of the format.
    """
    return parse_flows(read_json(path), road_index, str(path))


def parse_flows(data: object, road_index: Mapping[str, int], file: str = "flow") -> list[Flow]:
    """Check parsed flows.

    Args:
        data: what the JSON file holds.
        road_index: road id to index.
        file: name used in errors.

    Raises:
        NetworkError: the data break a rule of the format.
    """
    if not isinstance(data, list):
        raise NetworkError(f"{file}: flows: the file must hold a list")
    return [
        _parse_flow(Entry.of(file, f"flow 'flow_{i}'", item), road_index)
        for i, item in enumerate(data)
    ]


def _parse_flow(entry: Entry, road_index: Mapping[str, int]) -> Flow:
    anchors = []
    for name in entry.strings("route", least=1):
        if name not in road_index:
            entry.fail(f"'route' names the unknown road {name!r}")
        anchors.append(road_index[name])
    start, end = _whole_second(entry, "startTime", 0), _whole_second(entry, "endTime", -1)
    interval = entry.number("interval", above=0.0)
    if interval < 1 and start != end:
        entry.fail(f"'interval' must be at least 1 unless startTime is endTime, is {interval!r}")
    return Flow(
        model=VehicleModel.read(entry.entry("vehicle")),
        anchors=tuple(anchors),
        interval=interval,
        start_time=start,
        end_time=end,
    )


def _whole_second(entry: Entry, key: str, default: int) -> int:
    """Return an integer field; absent or written as a decimal it is the default, as in CityFlow."""
    if key not in entry.value or type(entry.value[key]) is float:
        return default
    second = entry.integer(key)
    if not -_INT32 <= second < _INT32:
        entry.fail(f"'{key}' must fit into 32 bits, is {second}")
    return second
