"""Compiled inner loops of :mod:`scenarios.routing`.

Link (i, k) leads from router i to the router in its slot k, where it is the incoming link of slot
``back[i, k]``. Packets are numbered by birth. One that is under way stands in exactly one line,
first in, first out: line i is the queue of router i, line ``n + i * slots + k`` is link (i, k).
Since a link takes one packet per step and all take equally long, its line is sorted by ``due``.
No kernel draws random numbers; each writes what its docstring names, and only reads the rest.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int32, Int64

from scenarios.compiled import kernel

NONE = -1
FIRST, LAST = 0, 1  # columns of ``ends``
BORN, DELIVERED, DELAY, QUEUE = 0, 1, 2, 3  # entries of ``counts``
INT16_MAX = 32767


class Network(NamedTuple):
    """What never changes.

    Attributes:
        neighbors: Routers by slot, ``NONE`` where absent; absent slots come last.
        back: Slot of router i in the list of its neighbor in slot k.
        transit: Duration of link (i, k) [steps].
    """

    neighbors: Int64[np.ndarray, "agents slots"]
    back: Int64[np.ndarray, "agents slots"]
    transit: Int64[np.ndarray, "agents slots"]


class Packets(NamedTuple):
    """All packets of an episode; the first three are drawn before it starts.

    Attributes:
        source: Router at which the packet appears.
        destination: Router at which it leaves.
        birth: Step at which it appears, ascending.
        due: Step at which it reaches the end of the link it is on.
        behind: Packet behind it in its line, ``NONE`` for the last.
        visited: Routers it has been at.
    """

    source: Int64[np.ndarray, "packets"]
    destination: Int64[np.ndarray, "packets"]
    birth: Int64[np.ndarray, "packets"]
    due: Int64[np.ndarray, "packets"]
    behind: Int64[np.ndarray, "packets"]
    visited: Bool[np.ndarray, "packets agents"]


class State(NamedTuple):
    """What changes, packets aside.

    Attributes:
        ends: First and last packet of each line, ``NONE`` where it is empty.
        waiting: Packets in each queue.
        seen: What each router observes, as running counts: the destination of the head of its
            queue (one-hot), the destinations of the packets behind it and their number, and for
            each incoming link the number of packets on it and their destinations.
        allowed: The slots each router may choose.
        counts: Packets born, delivered, the delay of the delivered ones [steps], and the packets
            left waiting, summed over routers and steps.
    """

    ends: Int64[np.ndarray, "lines 2"]
    waiting: Int64[np.ndarray, "agents"]
    seen: Int32[np.ndarray, "agents seen"]
    allowed: Bool[np.ndarray, "agents slots"]
    counts: Int64[np.ndarray, "4"]


@kernel
def step(
    actions: Int64[np.ndarray, "agents"],
    now: int,
    net: Network,
    packets: Packets,
    state: State,
    reward: Float32[np.ndarray, "agents"],
    obs: Int16[np.ndarray, "agents features"],
) -> bool:
    """Play step ``now``: forward, count what is left, then let time pass to ``now + 1``.

    Writes: ``packets``, ``state``; ``reward`` and ``obs`` (handed out).

    Returns:
        Whether all actions are allowed; if not, nothing was written.
    """
    allowed, waiting = state.allowed, state.waiting
    for i in range(actions.shape[0]):
        slot = actions[i]
        if slot < 0 or slot >= allowed.shape[1] or not allowed[i, slot]:
            return False
    forward(actions, now, net, packets, state)
    for i in range(actions.shape[0]):
        reward[i] = -waiting[i]
        state.counts[QUEUE] += waiting[i]
    arrive(now + 1, net, packets, state)
    appear(now + 1, net, packets, state, obs)
    return True


@kernel
def forward(
    actions: Int64[np.ndarray, "agents"], now: int, net: Network, packets: Packets, state: State
) -> None:
    """Put the head of every queue on the chosen link. Writes: ``packets``, ``state``."""
    neighbors, back, transit = net
    destination, due, behind = packets.destination, packets.due, packets.behind
    ends, waiting, seen = state.ends, state.waiting, state.seen
    n, n_slots = neighbors.shape
    for i in range(n):
        if waiting[i] == 0:
            continue
        slot = actions[i]
        packet = pop(i, ends, behind)
        waiting[i] -= 1
        seen[i, destination[packet]] = 0
        head = ends[i, FIRST]
        if head != NONE:
            seen[i, destination[head]] = 1
            seen[i, n + destination[head]] -= 1
            seen[i, 2 * n] -= 1
        due[packet] = now + transit[i, slot]
        push(packet, n + i * n_slots + slot, ends, behind)
        count = incoming(back[i, slot], n)
        seen[neighbors[i, slot], count] += 1
        seen[neighbors[i, slot], count + 1 + destination[packet]] += 1


@kernel
def arrive(now: int, net: Network, packets: Packets, state: State) -> None:
    """Take packets off the links they have crossed; by sending router, then by its slot.

    At its destination a packet is delivered, elsewhere it joins the queue. Writes: ``packets``,
    ``state``.
    """
    neighbors, back, _ = net
    destination, due, behind = packets.destination, packets.due, packets.behind
    ends, seen = state.ends, state.seen
    n, n_slots = neighbors.shape
    for line in range(n, n + n * n_slots):
        packet = ends[line, FIRST]
        if packet == NONE or due[packet] > now:
            continue
        pop(line, ends, behind)
        i, slot = (line - n) // n_slots, (line - n) % n_slots
        to = neighbors[i, slot]
        count = incoming(back[i, slot], n)
        seen[to, count] -= 1
        seen[to, count + 1 + destination[packet]] -= 1
        if to == destination[packet]:
            state.counts[DELIVERED] += 1
            state.counts[DELAY] += now - packets.birth[packet]
        else:
            enqueue(packet, to, packets, state)


@kernel
def appear(
    now: int,
    net: Network,
    packets: Packets,
    state: State,
    obs: Int16[np.ndarray, "agents features"],
) -> None:
    """Add the packets born at ``now`` to their queues and write what every router sees.

    Writes: ``packets``, ``state``; the columns of ``obs`` behind the router's own index.
    """
    packet = state.counts[BORN]
    while packet < packets.birth.shape[0] and packets.birth[packet] == now:
        enqueue(packet, packets.source[packet], packets, state)
        packet += 1
    state.counts[BORN] = packet
    seen = state.seen
    for i in range(seen.shape[0]):
        for feature in range(seen.shape[1]):
            obs[i, seen.shape[0] + feature] = min(seen[i, feature], INT16_MAX)
    allow(net.neighbors, packets.visited, state.ends, state.allowed)


@kernel
def allow(
    neighbors: Int64[np.ndarray, "agents slots"],
    visited: Bool[np.ndarray, "packets agents"],
    ends: Int64[np.ndarray, "lines 2"],
    allowed: Bool[np.ndarray, "agents slots"],
) -> None:
    """Rule out routers the head of a queue has visited, unless none is left.

    With an empty queue every neighbor is allowed. Writes: ``allowed``.
    """
    for i in range(neighbors.shape[0]):
        head = ends[i, FIRST]
        some = False
        for slot in range(neighbors.shape[1]):
            to = neighbors[i, slot]
            fresh = to != NONE and (head == NONE or not visited[head, to])
            allowed[i, slot] = fresh
            some = some or fresh
        if not some:
            for slot in range(neighbors.shape[1]):
                allowed[i, slot] = neighbors[i, slot] != NONE


@kernel
def enqueue(packet: int, i: int, packets: Packets, state: State) -> None:
    """Put a packet at the end of a router's queue. Writes: ``packets``, ``state``."""
    n = state.waiting.shape[0]
    destination = packets.destination[packet]
    if state.waiting[i] == 0:
        state.seen[i, destination] = 1
    else:
        state.seen[i, n + destination] += 1
        state.seen[i, 2 * n] += 1
    packets.visited[packet, i] = True
    state.waiting[i] += 1
    push(packet, i, state.ends, packets.behind)


@kernel
def incoming(slot: int, n: int) -> int:
    """Return where ``seen`` counts the packets on the incoming link of a slot."""
    return 2 * n + 1 + slot * (n + 1)


@kernel
def push(
    packet: int,
    line: int,
    ends: Int64[np.ndarray, "lines 2"],
    behind: Int64[np.ndarray, "packets"],
) -> None:
    """Put a packet at the end of a line. Writes: ``ends``, ``behind``."""
    behind[packet] = NONE
    if ends[line, FIRST] == NONE:
        ends[line, FIRST] = packet
    else:
        behind[ends[line, LAST]] = packet
    ends[line, LAST] = packet


@kernel
def pop(line: int, ends: Int64[np.ndarray, "lines 2"], behind: Int64[np.ndarray, "packets"]) -> int:
    """Take the first packet off a line that is not empty. Writes: ``ends``."""
    packet = ends[line, FIRST]
    ends[line, FIRST] = behind[packet]
    return packet
