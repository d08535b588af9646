"""Where the lane links of one intersection cross, and in which order each link meets its crosses.

Specification, section 2.3. The order is that of libstdc++'s unstable ``std::sort``: ties are
common (every link meets its siblings at distance 0) and decide which foe blocks a vehicle.
"""

from typing import Any

import numpy as np

from scenarios.compiled import kernel

_EPS = 1e-8
_INSERTION = 16


@kernel
def _sign(x: float) -> int:
    return int(x + _EPS > 0) - int(x < _EPS)


@kernel
def _on_segment(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> bool:
    cross = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
    dot = (px - ax) * (px - bx) + (py - ay) * (py - by)
    return _sign(cross) == 0 and _sign(dot) <= 0


@kernel
def _first_cross(points: Any, a0: int, a1: int, b0: int, b1: int) -> tuple[bool, float, float]:
    """Return (found, distance on a, distance on b) of the first crossing of two polylines.

    ``points [n, 2]``; polyline a is rows a0..a1-1, polyline b rows b0..b1-1. A pair of parallel
    segments is skipped without adding its length to the distance on b, as CityFlow does.
    """
    da = 0.0
    for ia in range(a0, a1 - 1):
        ax, ay = points[ia, 0], points[ia, 1]
        ux, uy = points[ia + 1, 0] - ax, points[ia + 1, 1] - ay
        db = 0.0
        for ib in range(b0, b1 - 1):
            bx, by = points[ib, 0], points[ib, 1]
            vx, vy = points[ib + 1, 0] - bx, points[ib + 1, 1] - by
            turn = ux * vy - uy * vx
            if _sign(turn) == 0:
                continue
            part = ((bx - ax) * vy - (by - ay) * vx) / turn
            px, py = ax + ux * part, ay + uy * part
            on_a = _on_segment(ax, ay, points[ia + 1, 0], points[ia + 1, 1], px, py)
            if on_a and _on_segment(bx, by, points[ib + 1, 0], points[ib + 1, 1], px, py):
                xa, ya, xb, yb = px - ax, py - ay, px - bx, py - by
                return True, da + np.sqrt(xa * xa + ya * ya), db + np.sqrt(xb * xb + yb * yb)
            db += np.sqrt(vx * vx + vy * vy)
        da += np.sqrt(ux * ux + uy * uy)
    return False, 0.0, 0.0


@kernel
def _boxes(points: Any, ptr: Any) -> Any:
    """Return the bounding box of each polyline ``[links, 4]``, a little enlarged."""
    boxes = np.empty((len(ptr) - 1, 4), dtype=np.float64)
    for k in range(len(ptr) - 1):
        boxes[k, 0] = boxes[k, 1] = np.inf
        boxes[k, 2] = boxes[k, 3] = -np.inf
        for j in range(ptr[k], ptr[k + 1]):
            boxes[k, 0] = min(boxes[k, 0], points[j, 0] - 1.0)
            boxes[k, 1] = min(boxes[k, 1], points[j, 1] - 1.0)
            boxes[k, 2] = max(boxes[k, 2], points[j, 0] + 1.0)
            boxes[k, 3] = max(boxes[k, 3], points[j, 1] + 1.0)
    return boxes


@kernel
def _apart(a: Any, b: Any) -> bool:
    return a[0] > b[2] or b[0] > a[2] or a[1] > b[3] or b[1] > a[3]


@kernel
def find_crosses(points: Any, ptr: Any) -> tuple[Any, Any, Any, Any]:
    """Find at most one cross for every pair of lane links of an intersection.

    Args:
        points: ``[points, 2]`` of all links of the intersection, link after link [m].
        ptr: ``[links + 1]`` first point of each link.

    Returns:
        (first link, second link, distance on the first, distance on the second), in the order of
        the pairs first < second.
    """
    n_links = len(ptr) - 1
    boxes = _boxes(points, ptr)
    size = max(n_links * (n_links - 1) // 2, 0)
    first, second = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
    on_first, on_second = np.empty(size), np.empty(size)
    n = 0
    for i in range(n_links):
        for j in range(i + 1, n_links):
            if _apart(boxes[i], boxes[j]):
                continue
            found, da, db = _first_cross(points, ptr[i], ptr[i + 1], ptr[j], ptr[j + 1])
            if found:
                first[n], second[n], on_first[n], on_second[n] = i, j, da, db
                n += 1
    return first[:n], second[:n], on_first[:n], on_second[:n]


@kernel
def _median(keys: Any, order: Any, a: int, b: int, c: int) -> int:
    if keys[order[a]] < keys[order[b]]:
        if keys[order[b]] < keys[order[c]]:
            return b
        return c if keys[order[a]] < keys[order[c]] else a
    if keys[order[a]] < keys[order[c]]:
        return a
    return c if keys[order[b]] < keys[order[c]] else b


@kernel
def _partition(keys: Any, order: Any, first: int, last: int) -> int:
    pivot = keys[order[first]]
    left, right = first + 1, last
    while True:
        while keys[order[left]] < pivot:
            left += 1
        right -= 1
        while pivot < keys[order[right]]:
            right -= 1
        if not left < right:
            return left
        order[left], order[right] = order[right], order[left]
        left += 1


@kernel
def _sift_down(keys: Any, order: Any, first: int, hole: int, length: int, item: int) -> None:
    top, child = hole, hole
    while child < (length - 1) // 2:
        child = 2 * (child + 1)
        if keys[order[first + child]] < keys[order[first + child - 1]]:
            child -= 1
        order[first + hole] = order[first + child]
        hole = child
    if length % 2 == 0 and child == (length - 2) // 2:
        child = 2 * (child + 1)
        order[first + hole] = order[first + child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and keys[order[first + parent]] < keys[item]:
        order[first + hole] = order[first + parent]
        hole = parent
        parent = (hole - 1) // 2
    order[first + hole] = item


@kernel
def _heap_sort(keys: Any, order: Any, first: int, last: int) -> None:
    """Sort where quicksort went too deep; only built inputs get here."""
    length = last - first
    for parent in range((length - 2) // 2, -1, -1):
        _sift_down(keys, order, first, parent, length, order[first + parent])
    for end in range(last - 1, first, -1):
        item = order[end]
        order[end] = order[first]
        _sift_down(keys, order, first, 0, end - first, item)


@kernel
def _introsort(keys: Any, order: Any, n: int) -> None:
    depth, m = 0, n
    while m > 1:
        m >>= 1
        depth += 2
    stack = [(0, n, depth)]
    while len(stack) > 0:
        first, last, limit = stack.pop()
        while last - first > _INSERTION:
            if limit == 0:
                _heap_sort(keys, order, first, last)
                break
            limit -= 1
            mid = _median(keys, order, first + 1, first + (last - first) // 2, last - 1)
            order[first], order[mid] = order[mid], order[first]
            cut = _partition(keys, order, first, last)
            stack.append((cut, last, limit))
            last = cut


@kernel
def sort_like_libstdcxx(keys: Any) -> Any:
    """Return the permutation by which libstdc++'s ``std::sort`` orders the keys.

    Args:
        keys: ``[n]`` numbers; ties fall as the algorithm leaves them.
    """
    n = len(keys)
    order = np.arange(n).astype(np.int32)
    if n > _INSERTION:
        _introsort(keys, order, n)
    for i in range(1, n):
        item, j = order[i], i
        while j > 0 and keys[item] < keys[order[j - 1]]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = item
    return order


@kernel
def cross_lists(
    first: Any, second: Any, on_first: Any, on_second: Any, n_links: int,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """List the crosses of every link of an intersection in the order in which they are met.

    Args:
        first: ``[crosses]`` first link of each cross, as `find_crosses` returns them.
        second: ``[crosses]`` second link.
        on_first: ``[crosses]`` distance of the cross on the first link [m].
        on_second: ``[crosses]`` distance on the second link [m].
        n_links: number of lane links.

    Returns:
        (ptr ``[links + 1]``, and per list entry: distance [m], side 0 or 1, index of the same
        cross in the other link's list).
    """
    n = len(first)
    ptr = np.zeros(n_links + 1, dtype=np.int32)
    for c in range(n):
        ptr[first[c] + 1] += 1
        ptr[second[c] + 1] += 1
    for k in range(n_links):
        ptr[k + 1] += ptr[k]
    cursor = ptr[:-1].copy()
    cross, keys = np.empty(2 * n, dtype=np.int32), np.empty(2 * n)
    for c in range(n):
        cross[cursor[first[c]]], keys[cursor[first[c]]] = c, on_first[c]
        cursor[first[c]] += 1
        cross[cursor[second[c]]], keys[cursor[second[c]]] = c, on_second[c]
        cursor[second[c]] += 1
    distance, side = np.empty(2 * n), np.empty(2 * n, dtype=np.int8)
    entry = np.empty((n, 2), dtype=np.int32)
    sorted_cross = np.empty(2 * n, dtype=np.int32)
    for k in range(n_links):
        order = sort_like_libstdcxx(keys[ptr[k] : ptr[k + 1]])
        for position in range(len(order)):
            e, c = ptr[k] + position, cross[ptr[k] + order[position]]
            sorted_cross[e], distance[e] = c, keys[ptr[k] + order[position]]
            side[e] = 0 if first[c] == k else 1
            entry[c, side[e]] = e
    other = np.empty(2 * n, dtype=np.int32)
    for e in range(2 * n):
        other[e] = entry[sorted_cross[e], 1 - side[e]]
    return ptr, distance, side, other
