"""Off-policy Q-learning on joint replay: what DQN, DGN, LToS and JointDQN have in common.

A method built on it says how it computes Q-values (``q``) and, if it shapes rewards, how
(``shaped_reward``). An update call draws ``sample_size`` joint transitions, computes their targets
once from the target network, goes through them ``epochs`` times in minibatches of ``batch_size``,
and moves the target network once. With ``sample_size = batch_size`` and one epoch that is the
usual gradient step of DQN. With ``patience`` a part of the sample is held out, and the passes end
once the loss on it has stopped falling.
"""

import copy
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from methods.base import FLOAT_BYTES, Method, Rngs, State, at_most, load_optimizer
from methods.learners.replay import Replay, transition_bytes
from methods.nn.attention import Neighborhood, neighborhood
from methods.nn.nets import Init, agents_first, soft_update
from methods.nn.policy import epsilon_greedy, greedy
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import (
    PositiveShare,
    Repeats,
    Scale,
    Share,
    Size,
    Start,
    Steps,
    StepSize,
    Transitions,
    Widths,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QConfig:
    """Hyperparameters of every Q-learner; values and sources are in ``methods/hparams``.

    Attributes:
        hidden: Width of each hidden layer of the encoder [units].
        init: Distribution of the initial weights.
        learning_rate: Step size of Adam.
        learning_rate_decay: Factor on the step size per training episode.
        discount: Discount factor gamma, per environment step.
        tau: Fraction of the way the target moves at each update call.
        double: Whether the online network picks the action the target network values.
        reward_scale: Factor on rewards inside the learner; metrics are never scaled.
        epsilon: Probability of a uniformly random action in the first training episode.
        epsilon_decay: Factor on epsilon per training episode.
        epsilon_min: Least epsilon.
        capacity: Replay size [joint transitions].
        warm_up: Transitions stored before the first update call [steps].
        update_every: Environment steps between two occasions to update [steps].
        updates: Update calls at each occasion.
        sample_size: Transitions drawn per update call [joint transitions].
        batch_size: Transitions per gradient step [joint transitions].
        epochs: Passes through the sample per update call; with ``patience``, the most.
        greedy_network: The network that acts without exploration: ``online`` or ``target``.
        patience: Passes without a lower loss on what is held out before an update call ends; 0
            makes all passes.
        holdout: Share of the sample that is held out, its last part.
        scale_obs: Whether networks see observations in the scenario's scale or as they are.
    """

    hidden: Widths
    init: Init
    learning_rate: StepSize
    learning_rate_decay: PositiveShare
    discount: Share
    tau: PositiveShare
    double: bool
    reward_scale: Scale
    epsilon: Share
    epsilon_decay: PositiveShare
    epsilon_min: Share
    capacity: Transitions
    warm_up: Start
    update_every: Steps
    updates: Repeats
    sample_size: Transitions
    batch_size: Transitions
    epochs: Repeats
    greedy_network: Literal["online", "target"]
    patience: Annotated[int, Size(0, 10_000)] = 0
    holdout: Share = 0.0
    scale_obs: bool = True

    def __post_init__(self) -> None:
        """Refuse values that do not go together."""
        at_most(self, "epsilon_min", "epsilon")
        at_most(self, "sample_size", "capacity")
        at_most(self, "batch_size", "sample_size")
        held_out = round(self.holdout * self.sample_size)
        if bool(self.patience) != bool(held_out) or held_out == self.sample_size:
            raise ValueError(
                f"patience is {self.patience} and holdout {self.holdout}, {held_out} transitions "
                f"of sample_size = {self.sample_size}; with patience a part is held out, else none"
            )


class Seen(NamedTuple):
    """What a batch of joint decisions is based on.

    Attributes:
        obs: Scaled observations.
        neighbors: Indices of the neighbors, -1 in empty slots; one graph if it never changes.
        memory: State of recurrent networks; only QMIX has one.
    """

    obs: Float[Tensor, "batch agents features"]
    neighbors: Int64[Tensor, "graphs agents slots"]
    memory: Float[Tensor, "agents batch units"] | None = None


class QLearner(Method):
    """Epsilon-greedy Q-learning of all agents from joint replay."""

    def __init__(
        self,
        spec: Spec,
        config: QConfig,
        rngs: Rngs,
        network: nn.Module,
        extra: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self._spec, self._config, self._rngs = spec, config, rngs
        scale = spec.obs_scale if config.scale_obs else np.ones_like(spec.obs_scale)
        self._obs_scale = torch.from_numpy(scale)
        self._network = network
        self._target = copy.deepcopy(network).requires_grad_(requires_grad=False)
        self._optimizer: torch.optim.Optimizer = torch.optim.Adam(
            network.parameters(), lr=config.learning_rate, fused=True
        )
        self._replay = Replay(config.capacity, spec, extra)
        self._weights: list[Tensor] = list(network.parameters())
        self._target_weights: list[Tensor] = list(self._target.parameters())
        self._last_graph: tuple[Tensor, Neighborhood] | None = None
        self._steps = self._episodes = 0

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Replay, five copies of the weights (Adam has two), and a sample on its way."""
        weights, floats = cls.sizes(spec, config)
        stored = min(config.capacity, steps) + 2 * config.sample_size
        passing = floats * (config.sample_size + 2 * config.batch_size)  # targets, then gradients
        return stored * transition_bytes(spec) + FLOAT_BYTES * (5 * weights + passing)

    @classmethod
    def sizes(cls, spec: Spec, config: Any) -> tuple[int, int]:
        """Return about how many weights there are, and numbers per joint transition."""
        return 0, spec.n_agents * (spec.n_features + sum(config.hidden) + spec.n_actions)

    @abstractmethod
    def q(self, network: nn.Module, seen: Seen) -> Float[Tensor, "batch agents actions"]:
        """Compute the Q-values of all agents."""

    def shaped_reward(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch agents"]:
        """Return the rewards the agents learn from: their own unless a method shapes them."""
        return batch["reward"]

    def seen(self, batch: Mapping[str, Tensor], prefix: Literal["", "next_"]) -> Seen:
        """Return what was seen before (or, with ``next_``, after) the steps of a batch."""
        return Seen(self._scaled(batch[f"{prefix}obs"]), batch[f"{prefix}neighbors"].long())

    def seen_now(self, ts: Timestep) -> Seen:
        """Return what is seen at one timestep, as a batch of one."""
        return Seen(
            self._scaled(torch.from_numpy(ts.obs).unsqueeze(0)),
            torch.from_numpy(ts.neighbors).unsqueeze(0),
        )

    def neighborhood(self, neighbors: Int64[Tensor, "graphs agents slots"]) -> Neighborhood:
        """Return the graphs of neighbor slots; those asked for again and again are made once."""
        if self._last_graph is None or not torch.equal(self._last_graph[0], neighbors):
            self._last_graph = (neighbors.clone(), neighborhood(neighbors))
        return self._last_graph[1]

    @property
    def epsilon(self) -> float:
        """Exploration rate of the current training episode."""
        c = self._config
        return max(c.epsilon * c.epsilon_decay**self._episodes, c.epsilon_min)

    @torch.no_grad()
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return the Q-values of greedy play."""
        return self.q(self.acting_network(explore=False), self.seen_now(ts))[0].numpy()

    @torch.no_grad()
    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Pick greedy actions; while exploring, epsilon-greedy ones of the online network."""
        q = self.q(self.acting_network(explore=explore), self.seen_now(ts))[0].numpy()
        if explore:
            return epsilon_greedy(q, ts.action_mask, self.epsilon, rng)
        return greedy(q, ts.action_mask)

    def acting_network(self, *, explore: bool) -> nn.Module:
        """Return the network that acts."""
        online = explore or self._config.greedy_network == "online"
        return self._network if online else self._target

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Store the transition; every ``update_every`` steps make ``updates`` update calls."""
        self.store(ts, actions, next_ts)
        self._steps += 1
        self._episodes += next_ts.last
        c = self._config
        metrics: Mapping[str, float] = {}
        if self._steps >= c.warm_up and self._steps % c.update_every == 0:
            self._optimizer.param_groups[0]["lr"] = (
                c.learning_rate * c.learning_rate_decay**self._episodes
            )
            for _ in range(c.updates):
                metrics = self.update()
        return metrics

    def store(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> None:
        """Put the transition into replay."""
        self._replay.add(ts, actions, next_ts)

    def update(self) -> Mapping[str, float]:
        """Make one update call: fit the network to fresh targets, then move the target."""
        sample = self.sample()
        metrics = self._fit(sample, self.targets(sample))
        soft_update(self._target_weights, self._weights, self._config.tau)
        return metrics

    def _fit(
        self, sample: Mapping[str, Tensor], y: Float[Tensor, "batch *rest"]
    ) -> Mapping[str, float]:
        """Go through a sample until it is time to stop."""
        c = self._config
        end = c.sample_size - round(c.holdout * c.sample_size)
        loss, least, waited, epoch = 0.0, math.inf, 0, 0
        while epoch < c.epochs and (waited < c.patience or not c.patience):
            epoch += 1
            for start in range(0, end, c.batch_size):
                rows = slice(start, min(start + c.batch_size, end))
                loss = self._gradient_step(rows_of(sample, rows), y[rows])
            if c.patience:
                with torch.no_grad():
                    held_out = slice(end, c.sample_size)
                    value = self.loss(rows_of(sample, held_out), y[held_out]).item()
                waited = 0 if value < least else waited + 1
                least = min(value, least)
        return {"td_loss": loss, "epochs": float(epoch)} if c.patience else {"td_loss": loss}

    def sample(self) -> dict[str, Tensor]:
        """Draw what one update call learns from."""
        return self._replay.sample(self._config.sample_size, self._rngs.replay)

    @torch.no_grad()
    def targets(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch agents"]:
        """Compute the TD targets of a batch."""
        seen, allowed = self.seen(batch, "next_"), batch["next_action_mask"]
        next_q = self.q(self._target, seen).masked_fill(~allowed, -torch.inf)
        if self._config.double:
            picked = self.q(self._network, seen).masked_fill(~allowed, -torch.inf)
            value = next_q.gather(2, picked.argmax(2, keepdim=True)).squeeze(2)
        else:
            value = next_q.amax(2)
        reward = self._config.reward_scale * self.shaped_reward(batch)
        return td_target(reward, batch["continues"], value, self._config.discount)

    def loss(
        self, batch: Mapping[str, Tensor], y: Float[Tensor, "batch agents"]
    ) -> Float[Tensor, ""]:
        """Compute the mean squared TD error of a batch."""
        q = self.q(self._network, self.seen(batch, ""))
        return F.mse_loss(q.gather(2, batch["action"].unsqueeze(2)), y.unsqueeze(2))

    def _gradient_step(self, batch: Mapping[str, Tensor], y: Tensor) -> float:
        loss = self.loss(batch, y)
        for weight in self._weights:
            weight.grad = None  # as zero_grad does, at a tenth of its cost
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def state_dict(self) -> State:
        """Return networks, optimizer, replay, streams and counters."""
        return {
            "network": self._network.state_dict(),
            "target": self._target.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "replay": self._replay.state_dict(),
            "rngs": self._rngs.state_dict(),
            "steps": self._steps,
            "episodes": self._episodes,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self._network.load_state_dict(state["network"])
        self._target.load_state_dict(state["target"])
        load_optimizer(self._optimizer, state["optimizer"])
        self._replay.load_state_dict(state["replay"])
        self._rngs.load_state_dict(state["rngs"])
        self._steps, self._episodes = state["steps"], state["episodes"]

    @property
    def n_parameters(self) -> int:
        """Size of the online network."""
        return sum(p.numel() for p in self._network.parameters())

    def _scaled(self, obs: Tensor) -> Float[Tensor, "batch agents features"]:
        return (agents_first(obs) * self._obs_scale).transpose(0, 1)  # then networks need not copy


def rows_of(sample: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
    """Cut a minibatch out of a sample; a graph that never changes serves every minibatch."""
    if rows.stop - rows.start >= sample["reward"].shape[0]:
        return dict(sample)
    static = sample["neighbors"].shape[0] == 1
    kept = {"neighbors", "next_neighbors"} if static else set()
    return {name: column if name in kept else column[rows] for name, column in sample.items()}


def td_target(
    reward: Float[Tensor, "batch agents"],
    continues: Float[Tensor, "batch"],
    next_value: Float[Tensor, "batch agents"],
    discount: float,
) -> Float[Tensor, "batch agents"]:
    """One-step target y = r + gamma * V'(o'), without bootstrap at an end state."""
    return reward + discount * continues.unsqueeze(1) * next_value
