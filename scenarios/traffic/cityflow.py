"""The module `cityflow`, as scripts import it, with the engine of this project behind it.

``python -m scenarios.traffic.as_cityflow script.py`` lets a script find it under that name. Names,
arguments, what is returned and the order of keys are CityFlow's. Where CityFlow prints, a warning
is logged; where it crashes, an exception says why. ``docs/traffic.md`` lists all differences.
"""

import logging
from collections.abc import Mapping, Sequence
from operator import index

from scenarios.traffic.engine import Archive, __version__
from scenarios.traffic.engine import Engine as Exact
from scenarios.traffic.engine.engine import PUSHED

__all__ = ["Archive", "Engine", "__version__"]

_LOG = logging.getLogger(__name__)


class Engine(Exact):
    """A simulation of the roads and the vehicles that a config file names.

    Args:
        config_file: CityFlow's config.json.
        thread_num: without effect; results never depend on it.

    Raises:
        NetworkError: the config, roadnet or flow file is unreadable or breaks a rule.
    """

    def __init__(self, config_file: str, thread_num: int = 1) -> None:
        super().__init__(config_file, index(thread_num))

    def get_vehicle_info(self, vehicle_id: str) -> dict[str, str]:
        """Return where a vehicle is, as text, sorted by what is said.

        Raises:
            RuntimeError: there is no such vehicle.
        """
        return dict(sorted(super().get_vehicle_info(vehicle_id).items()))

    def set_tl_phase(self, intersection_id: str, phase_id: int) -> None:
        """Set the phase of an intersection; a virtual one ignores it, and so does the plan.

        Raises:
            ValueError: there is no such intersection or phase.
        """
        if self.simulation.follows_plan:
            _LOG.warning("please set rlTrafficLight to true to enable traffic light control")
        else:
            super().set_tl_phase(intersection_id, index(phase_id))

    def push_vehicle(self, info: Mapping[str, float], roads: Sequence[str]) -> None:
        """Make a vehicle that enters with the next step; what is unknown about it is left out.

        Raises:
            ValueError: an unknown road, a number out of range, or no road.
        """
        for key in info.keys() - PUSHED.keys():
            _LOG.warning("push_vehicle: a vehicle has no %r; ignored", key)
        known = {key: value for key, value in info.items() if key in PUSHED}
        super().push_vehicle(known, roads)

    def set_random_seed(self, seed: int) -> None:
        """Restart the random numbers from another seed."""
        super().set_random_seed(index(seed))

    def set_replay_file(self, replay_file: str) -> None:
        """Go on with the replay in another file, empty at first, if the config asks for one.

        Raises:
            NetworkError: the file cannot be written.
        """
        if self._can_replay():
            super().set_replay_file(replay_file)

    def set_save_replay(self, open: bool) -> None:  # noqa: A002 - CityFlow's name
        """Stop to write the replay, or go on with it, if the config asks for one."""
        if self._can_replay():
            super().set_save_replay(open)

    def _can_replay(self) -> bool:
        if self._replay is None:
            _LOG.warning("saveReplay is not set to true in config file!")
        return self._replay is not None
