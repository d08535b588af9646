"""An environment of somebody else that behaves while it is probed, and then does what it is told.

It runs in worker processes, in the folder of the test, where it notes whom it has left behind.
"""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

PROBED = 11  # episodes that are played when it is made; then come two of training, an evaluation
MUCH = 2**20  # bytes


class TwoArguments(Exception):  # noqa: N818
    """What pickle cannot make anew."""

    def __init__(self, a: object, b: object) -> None:
        super().__init__(f"{a} and {b}")


class Mute(Exception):  # noqa: N818
    """Raises when it is asked what it has to say."""

    def __str__(self) -> str:
        raise RuntimeError("never")

    __repr__ = __str__


def bear(*, apart: bool = True) -> None:
    """Leave two processes behind: one with all open files, one that is in a group of its own."""
    kept = os.fork() or time.sleep(200)
    started = subprocess.Popen(["sleep", "200"], start_new_session=apart)
    with Path("left").open("a") as file:
        file.write(f"{kept} {started.pid} ")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once() -> None:
    if not Path("died").exists():
        Path("died").touch()
        die()


def hang() -> None:
    bear()
    while True:
        time.sleep(1)


def fault() -> None:
    bear(apart=False)
    ctypes.string_at(0)


def shout() -> None:
    for _ in range(20):
        print("x" * MUCH)
        os.write(1, b"y" * MUCH)


def throw(error: BaseException) -> None:
    raise error


MISDEEDS = {
    "two_arguments": lambda: throw(TwoArguments("this", "that")),
    "task_timeout": lambda: throw(TimeoutError("Task timeout")),
    "mute": lambda: throw(Mute()),
    "system_exit": lambda: throw(SystemExit(0)),
    "keyboard_interrupt": lambda: throw(KeyboardInterrupt),
    "no_memory": lambda: throw(MemoryError("14 GiB")),
    "exit_0": lambda: os._exit(0),
    "segfault": fault,
    "killed": die,
    "killed_once": die_once,
    "hangs": hang,
    "bears": bear,
    "shouts": shout,
    "moves": lambda: os.chdir("/"),
}


class Unruly:
    """Two agents who earn what they do.

    Args:
        does: What happens at step 2 of ``episode``: a key of ``MISDEEDS``, or a value of
            ``obs``, ``reward`` or ``mask``.
        episode: In which episode after it was made, from 1.
    """

    def __init__(self, does: str = "nothing", episode: int = 2) -> None:
        self.possible_agents = ["agent_0", "agent_1"]
        self.does, self.episode, self.episodes = does, PROBED + episode, 0

    def action_space(self, agent: str) -> Discrete:
        return Discrete(2)

    def observation_space(self, agent: str) -> Box:
        return Box(-np.inf, np.inf, (3,), np.float32)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        self.rng, self.t = np.random.default_rng(seed), 0
        self.episodes += 1
        return self.look(), self.infos()

    def step(self, actions: dict[str, int]) -> tuple[Any, ...]:
        self.t += 1
        if self.due:
            MISDEEDS.get(self.does, lambda: None)()
        earned = {agent: float(action) for agent, action in actions.items()}
        if self.due and self.does == "reward_nan":
            earned["agent_1"] = float("nan")
        over = dict.fromkeys(actions, self.t >= 4)
        return self.look(), earned, over, dict.fromkeys(actions, False), self.infos()

    @property
    def due(self) -> bool:
        return self.episodes == self.episode and self.t == 2

    def look(self) -> dict[str, Any]:
        seen = {agent: self.rng.random(3, np.float32) for agent in self.possible_agents}
        if self.due and self.does.startswith("obs_"):
            seen["agent_1"][2] = float(self.does.removeprefix("obs_"))
        if self.episodes == self.episode and self.t == 0 and self.does == "score_inf":
            seen["agent_1"][:] = 3e38  # finite, as what a network makes of it is not
        return seen

    def infos(self) -> dict[str, Any]:
        nothing = self.due and self.does == "mask_empty"
        masks = {agent: np.ones(2, np.int8) for agent in self.possible_agents}
        masks["agent_1"] *= not nothing
        return {agent: {"action_mask": mask} for agent, mask in masks.items()}


parallel_env = Unruly
