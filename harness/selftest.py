"""Does this machine compute the same thing twice? Short runs to be made in two processes."""

import hashlib

import torch

from harness.laws.episodes import episode, shown
from harness.laws.plugins import registered_method
from scenarios import SCENARIOS

EPISODES = 2


def play_scenario(name: str) -> list[str]:
    """Play random actions; return a hash per episode of everything that was shown."""
    scenario, marks = SCENARIOS[name](), []
    for seed in range(EPISODES):
        steps = [shown(ts) for ts in episode(scenario, seed)]
        marks.append(mark([steps, dict(scenario.metrics())]))
    return marks


def train_method(name: str) -> list[str]:
    """Train for a few episodes on the toy scenario; return a hash per evaluation and of the end."""
    training, marks = registered_method(name).training(), []
    while not training.done:
        marks.append(mark(training.advance()))
    return [*marks, mark(training.method.state_dict())]


def mark(value: object) -> str:
    """Hash numbers, texts, bytes, tensors and containers of them, bit for bit."""
    digest = hashlib.sha256()
    for part in _parts(value):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _parts(value: object) -> list[bytes]:
    if isinstance(value, dict):
        return [b"{", *(part for pair in value.items() for part in _parts(pair)), b"}"]
    if isinstance(value, list | tuple):
        return [b"[", *(part for item in value for part in _parts(item)), b"]"]
    if isinstance(value, torch.Tensor):
        array = value.detach().numpy()
        return [f"{array.dtype} {array.shape}".encode(), array.tobytes()]
    return [value if isinstance(value, bytes) else repr(value).encode()]
