"""Shows how far a command is that goes through many things."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

HEARTBEAT_S = 60.0

T = TypeVar("T")


def steps(log: Console, what: Iterable[T], n: int, doing: str) -> Iterator[T]:
    """Go through things, under a bar on a terminal; elsewhere with a line a minute.

    Args:
        log: Where the bar is shown.
        what: Things to go through.
        n: How many they are.
        doing: What is done with them, as in "replaying".
    """
    if log.is_terminal and not log.is_dumb_terminal:
        yield from track(what, doing, total=n, console=log, transient=True)
        return
    last = time.monotonic()
    for done, thing in enumerate(what):
        if time.monotonic() - last >= HEARTBEAT_S:
            last = time.monotonic()
            log.print(f"{doing}: {done} of {n}", soft_wrap=True)
        yield thing
