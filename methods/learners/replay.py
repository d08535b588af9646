"""A ring buffer of joint transitions."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from methods.base import State
from scenarios.base import Actions, Spec, Timestep

SEEN = ("obs", "neighbors", "action_mask")  # what an agent sees before and after a step


def transition_bytes(spec: Spec) -> float:
    """Return about what a stored joint transition takes, an array of the method's own included."""
    features, slots = spec.n_features * spec.obs_dtype.itemsize, 6 * spec.n_neighbors
    return spec.n_agents * (features + slots + spec.n_actions + 16.0) + 24


class Replay:
    """The last ``capacity`` joint transitions, sampled uniformly with replacement.

    One draw of rows serves all agents: the "unified pseudo random number generator" of LToS.
    What follows a transition is the row after it, so nothing is stored twice; only where an
    episode ends is what was seen last kept in a ring of its own. Memory is touched when written.

    Args:
        capacity: Transitions kept [joint transitions].
        spec: Sizes of the scenario.
        extra: Shape of each further array kept per transition (float32), e.g. sharing weights.
    """

    def __init__(
        self, capacity: int, spec: Spec, extra: Mapping[str, tuple[int, ...]] | None = None
    ) -> None:
        self._rows = capacity + 1  # the row being written is not yet a transition
        n = spec.n_agents
        seen: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]] = {
            "obs": ((n, spec.n_features), spec.obs_dtype),
            "neighbors": ((n, spec.n_neighbors), np.dtype(np.int16)),
            "action_mask": ((n, spec.n_actions), np.dtype(np.bool_)),
        }
        kept: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]] = {
            "action": ((n,), np.dtype(np.int64)),
            "reward": ((n,), np.dtype(np.float32)),
            "continues": ((), np.dtype(np.float32)),
            "step": ((), np.dtype(np.int64)),
            "end": ((), np.dtype(np.int64)),  # row of ``_ends``; -1 inside an episode
        }
        kept |= {name: (shape, np.dtype(np.float32)) for name, shape in (extra or {}).items()}
        self._extra = tuple(extra or {})
        self._data = {
            name: np.zeros((self._rows, *shape), dtype)
            for name, (shape, dtype) in (seen | kept).items()
        }
        self._ends = {
            name: np.zeros((self._rows, *shape), dtype) for name, (shape, dtype) in seen.items()
        }
        self._only_graph: np.ndarray | None = None  # while every graph stored is the same
        self._added = self._ended = 0

    def __len__(self) -> int:
        return min(self._added, self._rows - 1)

    def add(
        self, ts: Timestep, actions: Actions, next_ts: Timestep, **extra: np.ndarray | Tensor
    ) -> None:
        """Store one transition over the oldest."""
        if self._added == 0:
            self._only_graph = ts.neighbors
        if self._only_graph is not None and not (
            np.array_equal(self._only_graph, ts.neighbors)
            and np.array_equal(self._only_graph, next_ts.neighbors)
        ):
            self._only_graph = None
        row, after = self._added % self._rows, (self._added + 1) % self._rows
        data = self._data
        for name in SEEN:
            data[name][row] = getattr(ts, name)
            data[name][after] = getattr(next_ts, name)
        data["action"][row] = actions
        data["reward"][row] = next_ts.reward
        data["continues"][row] = not next_ts.terminated
        data["step"][row] = ts.step
        data["end"][row] = -1
        if next_ts.last:
            end = self._ended % self._rows
            data["end"][row] = end
            for name in SEEN:
                self._ends[name][end] = getattr(next_ts, name)
            self._ended += 1
        for name in self._extra:
            data[name][row] = extra[name]
        self._added += 1

    def sample(
        self, size: int, rng: np.random.Generator, *, length: int | None = None
    ) -> dict[str, Tensor]:
        """Draw ``size`` transitions, or as many runs of ``length`` transitions one after another.

        Returns:
            Tensors with a leading batch axis (of one for ``neighbors`` while the graph has never
            changed): ``obs``, ``neighbors``, ``action_mask`` and their
            ``next_`` twins, ``action``, ``reward``, ``continues`` (0 after an end state, else 1),
            ``step`` (of ``obs``) and what the method stored besides. With a ``length``, time is
            the second axis; a run goes on through the ends of episodes, where ``step`` is 0 again.
        """
        oldest = max(0, self._added - (self._rows - 1))
        starts = oldest + rng.integers(len(self) - (length or 1) + 1, size=size)
        rows = starts % self._rows
        if length is not None:
            rows = (starts[:, np.newaxis] + np.arange(length)) % self._rows
        after, end = (rows + 1) % self._rows, self._data["end"][rows]
        ended = end >= 0
        batch = {name: column[rows] for name, column in self._data.items() if name != "end"}
        for name in SEEN:
            seen = self._data[name][after]
            seen[ended] = self._ends[name][end[ended]]
            batch[f"next_{name}"] = seen
        if self._only_graph is not None:
            batch["neighbors"] = batch["next_neighbors"] = self._only_graph[np.newaxis]
        return {name: torch.from_numpy(column) for name, column in batch.items()}

    def state_dict(self) -> State:
        """Return what was written, and no more."""
        used, ends = min(self._added + 1, self._rows), min(self._ended, self._rows)
        return {
            "added": self._added,
            "ended": self._ended,
            "one_graph": self._only_graph is not None,
            "data": {k: torch.from_numpy(v[:used]) for k, v in self._data.items()},
            "ends": {k: torch.from_numpy(v[:ends]) for k, v in self._ends.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self._added, self._ended = state["added"], state["ended"]
        for mine, saved in ((self._data, state["data"]), (self._ends, state["ends"])):
            for name, column in saved.items():
                mine[name][: len(column)] = column.numpy()
        first = self._data["neighbors"][0].astype(np.int64)
        self._only_graph = first if state["one_graph"] else None
