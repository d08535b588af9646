"""IPPO and MAPPO: policy gradients that take several clipped steps on each rollout.

Source: Schulman et al., 2017 (PPO, Eq. 7) with generalized advantages (Schulman et al., 2016);
de Witt et al., 2020 (IPPO: every agent by itself, on its own reward and its own V(o_i)); Yu et
al., 2022 (MAPPO: all agents on the team's reward, with one V(s) that sees everything).

Departures from the source, each with its reason:

1. No recurrence: the scenarios' observations are the ones that DQN and DGN act on.
2. The team's reward is the mean of the agents' rewards, so that its scale is that of the others.
3. The state is what all agents observe, scaled: the scenarios offer no other.
4. Values are neither clipped nor normalized; rewards have a fixed scale instead.
5. Advantages are normalized per agent, not over all agents: nobody learns whose rewards are large.
6. The step limit is no end state: V of what was seen last stands for the rest.
7. One environment: a rollout is so many steps of it and may end in the middle of an episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from methods.base import FLOAT_BYTES, Communication, Method, Rngs, State, load_optimizer
from methods.learners.replay import transition_bytes
from methods.learners.rollout import Rollout, Segment, generalized_advantages
from methods.nn.nets import MLP, Init, Parameters, agents_first, n_networks, n_weights
from methods.nn.policy import entropy, greedy, log_probabilities, sample, taken
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import (
    PositiveShare,
    Repeats,
    Scale,
    Share,
    Steps,
    StepSize,
    Transitions,
    Weight,
    Widths,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """Hyperparameters; values and sources are in ``methods/hparams``.

    Attributes:
        parameters: One actor (and one V(o_i)) for all agents, or one per agent.
        hidden: Width of each hidden layer of actor and critic [units].
        init: Distribution of the initial weights.
        agent_id: Whether an agent's input names the agent.
        learning_rate: Step size of Adam.
        learning_rate_decay: Factor on the step size per training episode.
        discount: Discount factor gamma, per environment step.
        gae_decay: Lambda of generalized advantages: 0 one-step, 1 the whole rollout.
        reward_scale: Factor on rewards inside the learner; metrics are never scaled.
        rollout: Length of a rollout, hence between two update calls [steps].
        epochs: Passes through a rollout.
        batch_size: Transitions per gradient step [joint transitions].
        clip: How far the probability of an action may move from 1 before it stops paying.
        entropy_weight: Weight of the policies' entropy.
        normalize_advantages: Whether each agent's advantages get mean 0 and variance 1.
        max_gradient_norm: Largest norm of a gradient; longer ones are cut to it.
        greedy: How to act without exploration: the likeliest action, or a draw.
    """

    parameters: Parameters
    hidden: Widths
    init: Init
    agent_id: bool
    learning_rate: StepSize
    learning_rate_decay: PositiveShare
    discount: Share
    gae_decay: Share
    reward_scale: Scale
    rollout: Steps
    epochs: Repeats
    batch_size: Transitions
    clip: PositiveShare
    entropy_weight: Weight
    normalize_advantages: bool
    max_gradient_norm: Scale
    greedy: Literal["mode", "sample"]


class IPPO(Method):
    """Every agent runs PPO by itself."""

    Config = PPOConfig
    title: ClassVar[str] = "IPPO"
    description: ClassVar[str] = "independent proximal policy optimization"
    version: ClassVar[str] = "1"
    hops = 0

    def __init__(self, spec: Spec, config: PPOConfig, rngs: Rngs) -> None:
        self._spec, self._config, self._rngs = spec, config, rngs
        self._obs_scale = torch.from_numpy(spec.obs_scale)
        self._names = torch.eye(spec.n_agents if config.agent_id else 0)
        n_in = spec.n_features + len(self._names)
        stack = n_networks(config.parameters, spec.n_agents)
        sizes = (n_in, *config.hidden, spec.n_actions)
        self._actor = MLP(stack, sizes, rngs.init, config.init)
        self._critic = self.critic(stack, n_in)
        self._networks = nn.ModuleDict({"actor": self._actor, "critic": self._critic})
        self._optimizer = torch.optim.Adam(
            self._networks.parameters(), lr=config.learning_rate, fused=True
        )
        self._rollout = Rollout(config.rollout, spec)
        self._episodes = 0

    def critic(self, stack: int, n_in: int) -> MLP:
        """Return the network that values what an agent observes."""
        c = self._config
        return MLP(stack, (n_in, *c.hidden, 1), self._rngs.init, c.init)

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Count a rollout, and actor and critic four times, with Adam's averages."""
        c, n = config, spec.n_agents
        n_in = spec.n_features + c.agent_id * n
        weights = 2 * n_weights(n_networks(c.parameters, n), (n_in, *c.hidden, spec.n_actions))
        weights += n_weights(1, (n * spec.n_features, *c.hidden, 1)) * cls.centralized
        floats = n * (n_in + sum(c.hidden) + spec.n_actions)
        rows = 3 * c.rollout * transition_bytes(spec)
        scaled = c.rollout * n * (2 * n_in + max(c.hidden, default=0))
        passing = 3 * min(c.batch_size, c.rollout) * floats
        return rows + FLOAT_BYTES * (4 * weights + scaled + passing)

    def value(self, obs: Float[Tensor, "steps agents features"]) -> Float[Tensor, "steps agents"]:
        """Compute V_i(o_i), each agent from its own observation."""
        return self._critic(agents_first(self._named(obs))).squeeze(2).T

    def shaped_reward(self, reward: Float[Tensor, "steps agents"]) -> Float[Tensor, "steps agents"]:
        """Return the rewards the agents learn from: their own."""
        return reward

    def logits(
        self, obs: Float[Tensor, "steps agents features"]
    ) -> Float[Tensor, "steps agents actions"]:
        """Compute what the policies prefer, each agent from its own observation."""
        return self._actor(agents_first(self._named(obs))).transpose(0, 1)

    @torch.no_grad()
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return the logits of the policies."""
        return self.logits(self._scaled(torch.from_numpy(ts.obs).unsqueeze(0)))[0].numpy()

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Draw from the policies; without exploration, as the Config says."""
        if explore or self._config.greedy == "sample":
            return sample(self.scores(ts), ts.action_mask, rng)
        return greedy(self.scores(ts), ts.action_mask)

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Store the transition; learn from the rollout when it is complete."""
        self._rollout.add(ts, actions, next_ts)
        self._episodes += next_ts.last
        return self.update() if self._rollout.full else {}

    def update(self) -> Mapping[str, float]:
        """Go through a rollout ``epochs`` times and forget it."""
        c, segment = self._config, self._rollout.take()
        self._optimizer.param_groups[0]["lr"] = (
            c.learning_rate * c.learning_rate_decay**self._episodes
        )
        batch = self._prepared(segment)
        steps, metrics = len(segment.action), {}
        for _ in range(c.epochs):
            order = torch.from_numpy(self._rngs.replay.permutation(steps))
            for rows in order.split(c.batch_size):
                metrics = self._gradient_step({name: v[rows] for name, v in batch.items()})
        return metrics

    @torch.no_grad()
    def _prepared(self, segment: Segment) -> dict[str, Tensor]:
        """Compute what stays fixed while a rollout is learned from."""
        c, obs = self._config, self._scaled(segment.seen["obs"])
        allowed = segment.seen["action_mask"]
        value, next_value = self.value(obs), self.value(self._scaled(segment.after["obs"]))
        reward = c.reward_scale * self.shaped_reward(segment.reward)
        advantage = generalized_advantages(
            reward, value, next_value, segment, c.discount, c.gae_decay
        )
        log_probs = log_probabilities(self.logits(obs), allowed)
        return {
            "obs": obs,
            "allowed": allowed,
            "action": segment.action,
            "log_prob": taken(log_probs, segment.action),
            "advantage": normalized(advantage) if c.normalize_advantages else advantage,
            "return": value + advantage,
        }

    def _gradient_step(self, batch: Mapping[str, Tensor]) -> dict[str, float]:
        c = self._config
        log_probs = log_probabilities(self.logits(batch["obs"]), batch["allowed"])
        ratio = (taken(log_probs, batch["action"]) - batch["log_prob"]).exp()
        gain = clipped_gain(ratio, batch["advantage"], c.clip).mean()
        spread = entropy(log_probs).mean()
        value_loss = F.mse_loss(self.value(batch["obs"]), batch["return"])
        self._optimizer.zero_grad()
        (value_loss - gain - c.entropy_weight * spread).backward()
        for network in (self._actor, self._critic):
            nn.utils.clip_grad_norm_(network.parameters(), c.max_gradient_norm, foreach=True)
        self._optimizer.step()
        return {"value_loss": value_loss.item(), "entropy": spread.item()}

    def state_dict(self) -> State:
        """Return networks, optimizer, the rollout so far, streams and counters."""
        return {
            "networks": self._networks.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rollout": self._rollout.state_dict(),
            "rngs": self._rngs.state_dict(),
            "episodes": self._episodes,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self._networks.load_state_dict(state["networks"])
        load_optimizer(self._optimizer, state["optimizer"])
        self._rollout.load_state_dict(state["rollout"])
        self._rngs.load_state_dict(state["rngs"])
        self._episodes = state["episodes"]

    @property
    def n_parameters(self) -> int:
        """Size of actor and critic."""
        return sum(p.numel() for p in self._networks.parameters())

    @property
    def communication(self) -> Communication:
        """Nothing is sent over the edges."""
        return Communication(execution=0.0, training=0.0)

    def _scaled(
        self, obs: Shaped[Tensor, "steps agents features"]
    ) -> Float[Tensor, "steps agents features"]:
        return obs * self._obs_scale

    def _named(
        self, obs: Float[Tensor, "steps agents features"]
    ) -> Float[Tensor, "steps agents n_in"]:
        if not len(self._names):
            return obs
        return torch.cat([obs, self._names.expand(len(obs), -1, -1)], dim=2)


class MAPPO(IPPO):
    """PPO of all agents on the mean reward, with one critic that sees all observations."""

    title: ClassVar[str] = "MAPPO"
    description: ClassVar[str] = "proximal policy optimization with a central critic"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "team mean"
    centralized: ClassVar[bool] = True

    def critic(self, stack: int, n_in: int) -> MLP:
        """Return the network that values what all agents observe together."""
        c, n_state = self._config, self._spec.n_agents * self._spec.n_features
        return MLP(1, (n_state, *c.hidden, 1), self._rngs.init, c.init)

    def value(self, obs: Float[Tensor, "steps agents features"]) -> Float[Tensor, "steps agents"]:
        """Compute V(s), the same for every agent."""
        return self._critic(obs.flatten(1).unsqueeze(0))[0].expand(-1, obs.shape[1])

    def shaped_reward(self, reward: Float[Tensor, "steps agents"]) -> Float[Tensor, "steps agents"]:
        """Return the mean of all agents' rewards."""
        return reward.mean(dim=1, keepdim=True).expand_as(reward)


def clipped_gain(
    ratio: Float[Tensor, "steps agents"], advantage: Float[Tensor, "steps agents"], clip: float
) -> Float[Tensor, "steps agents"]:
    """Weigh advantages by how much likelier their actions became, within ``clip`` of 1."""
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def normalized(advantage: Float[Tensor, "steps agents"]) -> Float[Tensor, "steps agents"]:
    """Give each agent's advantages mean 0 and variance 1."""
    sd, mean = torch.std_mean(advantage, dim=0, correction=0)
    return (advantage - mean) / (sd + 1e-5)
