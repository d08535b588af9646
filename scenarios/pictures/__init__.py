"""How episodes are drawn, and the table of the scenarios that can be.

A drawing is a module with a ``PICTURE``; it is imported, and matplotlib with it, when it is used.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from scenarios.pictures.base import Draw, Drawable, Episode, Frame, Picture

__all__ = ["PICTURES", "Draw", "Drawable", "Episode", "Frame", "Picture", "load_picture"]

PICTURES: Mapping[str, str] = MappingProxyType(
    {
        "prisoner": "scenarios.pictures.prisoner",
        "jungle": "scenarios.pictures.jungle",
        "routing": "scenarios.pictures.routing",
        "traffic": "scenarios.pictures.traffic",
    }
)


def load_picture(scenario: str) -> Picture:
    """Return how a scenario is drawn.

    Raises:
        ValueError: Nobody has written a drawing of it.
    """
    if scenario not in PICTURES:
        raise ValueError(
            f"scenario {scenario!r} has no picture; there are {', '.join(PICTURES)} "
            "(scenarios/pictures; CONTRIBUTING.md says how to add one)"
        )
    picture: Picture = import_module(PICTURES[scenario]).PICTURE
    return picture
