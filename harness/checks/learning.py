"""What is true of every method as it learns: it repeats itself bit for bit, and says what it is."""

import dataclasses
import inspect
import io
import math
from typing import Any

import numpy as np
import torch

from harness.checks.base import NotApplicable, require
from harness.checks.subject import BUDGET, Graph, Subject, alike, probe, train
from methods.base import Communication


def it_describes_itself(subject: Subject) -> None:
    """Title, description, version, a frozen Config, and a module that names its source."""
    method = subject.method
    for name in ("title", "description", "version"):
        require(getattr(method, name, ""), f"{name} is missing or empty")
    settings = getattr(method.Config, "__dataclass_params__", None)
    require(settings is not None and settings.frozen, "Config is not a frozen dataclass")
    require(inspect.getdoc(inspect.getmodule(method)), "its module has no docstring")


def it_says_what_it_costs(subject: Subject) -> None:
    """Hops, parameters, and floats sent while acting and while training."""
    method, _ = subject.made()
    sent = method.communication
    require(method.hops >= 0, f"hops is {method.hops}")
    require(method.n_parameters >= 0, f"n_parameters is {method.n_parameters}")
    require(isinstance(sent, Communication), f"communication is {sent!r}")
    require(0 <= sent.execution <= sent.training, f"{sent}: training includes execution")


def same_seed_same_run(subject: Subject) -> None:
    """Evaluation by evaluation, and in everything it has learned."""
    once, again = subject.training(), subject.training()
    while not once.done:
        same = once.advance() == again.advance()
        require(same, f"two runs of one seed differ at evaluation {once.evaluation}")
    same = alike(once.method.state_dict(), again.method.state_dict())
    require(same, "two runs of one seed end in different states")


def every_seed_is_a_sample_of_its_own(subject: Subject) -> None:
    """A seed that is dropped or shadowed on its way makes n seeds one sample.

    Networks differ from the start; tables start empty and differ by what they meet.
    """
    _require_learner(subject)
    learned = set()
    for seed in range(5):
        method, scenario = subject.made(seed=seed)
        if not method.n_parameters:
            train(method, scenario, episodes=20, world=seed, act=seed)
        learned.add(probe(method, scenario).tobytes())
    require(len(learned) == 5, f"5 seeds make {len(learned)} different methods")


def evaluation_leaves_training_alone(subject: Subject) -> None:
    """However often it is evaluated, the same is learned."""
    often, once = (
        subject.training(dataclasses.replace(BUDGET, evaluations=n, evaluation_episodes=3))
        for n in (6, 1)
    )
    for training in (often, once):
        while not training.done:
            training.advance()
    require(often.episode == once.episode, f"{often.episode} and {once.episode} episodes")
    a, b = (probe(training.method, training.scenario) for training in (often, once))
    require(np.array_equal(a, b), "after 6 evaluations its scores are not those after 1")
    same = alike(often.method.state_dict(), once.method.state_dict())
    require(same, "after 6 evaluations its state is not that after 1")


def it_learns(subject: Subject) -> None:
    """Training changes scores: a method that does nothing would pass the other checks."""
    _require_learner(subject)
    method, scenario = subject.made()
    before = probe(method, scenario)
    train(method, scenario, episodes=8)
    require(not np.array_equal(probe(method, scenario), before), "8 episodes change no score")


def save_and_load_continue_bit_for_bit(subject: Subject, graph: Graph) -> None:
    """What was loaded learns on as what was saved; loading executes nothing."""
    drawn: dict[str, Any] = {"n_neighbors": 3} if graph == "drawn" else {}
    method, scenario = subject.made(**drawn)
    train(method, scenario, episodes=9)
    file = io.BytesIO()
    torch.save(method.state_dict(), file)
    file.seek(0)
    loaded, _ = subject.made(**drawn)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    require(alike(loaded.state_dict(), method.state_dict()), "what is loaded is not what was saved")
    for one in (method, loaded):
        train(one, scenario, episodes=9, world=5, act=6)
    same = np.array_equal(probe(loaded, scenario), probe(method, scenario))
    require(same, "trained on, what was loaded has other scores than what was saved")
    same = alike(loaded.state_dict(), method.state_dict())
    require(same, "trained on, what was loaded has another state than what was saved")


def its_figures_are_finite(subject: Subject) -> None:
    """``observe`` returns what is worth plotting, if anything."""
    _require_learner(subject)
    method, scenario = subject.made()
    figures = train(method, scenario, episodes=10)
    odd = {name for row in figures for name, value in row.items() if not math.isfinite(value)}
    require(not odd, f"{', '.join(sorted(odd))}: not finite")


def _require_learner(subject: Subject) -> None:
    if not subject.method.learns:
        raise NotApplicable("it does not learn")
