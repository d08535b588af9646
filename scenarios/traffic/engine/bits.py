"""Which links of an intersection have anybody near them, as bits of an int64.

They let a vehicle skip the crosses of its link where nobody can be: in most intersections, most of
the time. An intersection with more links than bits counts as busy everywhere.
"""

from typing import Any

from scenarios.traffic.engine.compiled import inlined

N_BITS = 63
ALL = -1


@inlined
def mark(masks: Any, links: Any, link: int) -> None:
    """Set the bit of a link in the mask of its intersection."""
    masks[links[link].place] |= 1 << (links[link].local & 63)


@inlined
def may_conflict(links: Any, busy: Any, coming: Any, green_bits: Any, link: int) -> int:
    """Return the links that cross a link and may have somebody near, as bits."""
    place = links[link].place
    return links[link].conflicts & (busy[place] | (coming[place] & green_bits[place]))
