"""Intention propagation (IP): policies that settle with their neighbors in M rounds of messages.

Source: Qu et al., 2020 (later "Variational Policy Propagation"). With rewards that depend on the
neighborhood only, the soft-optimal joint policy is a Markov random field,
``pi*(a | o) ~ exp(sum_j Q_j(o, a_j, a_{N_j}) / lambda)``. Its mean-field approximation
``q_i ~ exp(E_{q_-i}[sum_{j touching i} Q_j] / lambda)`` is a fixed point of messages, amortized by
embeddings: ``mu_i^0 = f(o_i)``, ``mu_i^m = relu(W_1 f(o_i) + W_2 sum_{j in N_i} mu_j^{m-1})``, the
same W in every round, and ``q_i = softmax(W_3 mu_i^M)``. Each agent's critic sees its neighborhood,
is trained on its own reward, and counts in the policy loss of everyone whose action it sees:
``L_q = sum_i E_{q_i}[lambda log q_i(a) - sum_{j: i in N_j or i = j} Q_j(o, a, a_others)]``. So
agents that are selfish in their critics act for their neighborhood's sum. Agents learn off policy.

No code of the authors is public and details differ between the versions of the paper.

Departures from the source, each with its reason:

1. Actions are discrete: the expectation over an agent's own action is summed exactly, with the
   others' actions sampled from q; nothing has to be reparameterized.
2. No separate state-value network: with discrete actions ``V_i = E_q[Q_i - lambda log q_i]`` is
   computed from the target critic (Christodoulou, 2019).
3. Critics pool their neighbors' observations and actions by a sum of ``e(o_j, a_j)``, in place of
   one input per neighbor: so they work on directed graphs that change.
4. The temperature may be adjusted to a target entropy; the source keeps it fixed.
5. Embeddings start from an encoder of o_i that W_1 also sees, in place of the raw observation.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from methods.base import FLOAT_BYTES, Communication, Method, Rngs, State, at_most, load_optimizer
from methods.learners.q_learning import td_target
from methods.learners.replay import Replay, transition_bytes
from methods.nn.attention import Neighborhood, neighborhood
from methods.nn.nets import (
    MLP,
    Init,
    Linear,
    Parameters,
    agents_first,
    n_networks,
    n_weights,
    soft_update,
)
from methods.nn.policy import entropy, greedy, log_probabilities, sample, sample_with, taken
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import (
    Depth,
    PositiveShare,
    Repeats,
    Scale,
    Share,
    SomeWidths,
    Start,
    Steps,
    StepSize,
    Transitions,
    Weight,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IPConfig:
    """Hyperparameters; values and sources are in ``methods/hparams/ip.toml``.

    Attributes:
        parameters: One network for all agents, or one per agent.
        hidden: Width of each hidden layer of encoders [units]; the last is the embedding's.
        init: Distribution of the initial weights.
        rounds: Rounds of messages before acting, M: an agent sees as many hops far.
        learning_rate: Step size of Adam for the policies.
        critic_learning_rate: Step size of Adam for the critics.
        discount: Discount factor gamma, per environment step.
        tau: Fraction of the way the target critics move at each update.
        reward_scale: Factor on rewards inside the learner; metrics are never scaled.
        temperature: Weight of the entropy, lambda (at first, where it is adjusted) [scaled reward].
        target_entropy: Entropy that lambda is adjusted to, as a share of that of uniform play over
            the allowed actions; 0 keeps lambda fixed.
        temperature_learning_rate: Step size of the adjustment of log lambda.
        capacity: Replay size [joint transitions].
        warm_up: Transitions stored before the first update [steps].
        update_every: Environment steps between two occasions to update [steps].
        updates: Updates at each occasion.
        batch_size: Transitions per update [joint transitions].
        evaluation: Without exploration, play the likeliest action (``mode``) or ``sample``.
    """

    parameters: Parameters
    hidden: SomeWidths
    init: Init
    rounds: Depth
    learning_rate: StepSize
    critic_learning_rate: StepSize
    discount: Share
    tau: PositiveShare
    reward_scale: Scale
    temperature: Weight
    target_entropy: Share
    temperature_learning_rate: Share
    capacity: Transitions
    warm_up: Start
    update_every: Steps
    updates: Repeats
    batch_size: Transitions
    evaluation: Literal["mode", "sample"]

    def __post_init__(self) -> None:
        """Refuse values that do not go together."""
        at_most(self, "batch_size", "capacity")
        if self.target_entropy and not self.temperature:
            raise ValueError(
                f"target_entropy is {self.target_entropy}, temperature 0; what is adjusted by "
                "factors has to start above 0"
            )


class IntentionPropagation(Method):
    """Mean-field soft actor-critic on a graph."""

    Config = IPConfig
    title: ClassVar[str] = "IP"
    description: ClassVar[str] = "soft actor-critic; agents settle on actions in rounds of messages"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "own; actors: neighborhood"

    def __init__(self, spec: Spec, config: IPConfig, rngs: Rngs) -> None:
        self._spec, self._config, self._rngs = spec, config, rngs
        self.hops = config.rounds
        self._obs_scale = torch.from_numpy(spec.obs_scale)
        stack = n_networks(config.parameters, spec.n_agents)
        sizes, end = (spec.n_features, *config.hidden), spec.n_actions
        self._policy = Propagation(stack, sizes, config.rounds, end, rngs.init, config.init)
        self._critic = NeighborhoodCritic(stack, sizes, end, rngs.init, config.init)
        self._target = copy.deepcopy(self._critic).requires_grad_(requires_grad=False)
        self._critic_weights: list[Tensor] = list(self._critic.parameters())
        self._target_weights: list[Tensor] = list(self._target.parameters())
        groups = [
            {"params": list(self._policy.parameters()), "lr": config.learning_rate},
            {"params": self._critic_weights, "lr": config.critic_learning_rate},
        ]
        self._optimizer = torch.optim.Adam(groups, fused=True)
        self._replay = Replay(config.capacity, spec)
        self.temperature = config.temperature
        self._steps = 0

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Count replay, the weights, and what critics make of each action of each neighbor."""
        c, n, units = config, spec.n_agents, config.hidden[-1]
        widths = (spec.n_features, *c.hidden, *[units] * 4, spec.n_actions)
        weights = 2 * n_weights(n_networks(c.parameters, n), widths)
        heard = spec.n_actions * units * (4 + 2 * spec.n_neighbors)
        floats = n * (4 * sum(widths) + c.rounds * 3 * units + heard) + n * n * (
            4 + spec.n_neighbors
        )
        stored = min(c.capacity, steps) + 2 * c.batch_size
        passing = c.batch_size * floats
        return stored * transition_bytes(spec) + FLOAT_BYTES * (5 * weights + passing)

    @torch.no_grad()
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return the logits of q after M rounds."""
        obs = self._scaled(torch.from_numpy(ts.obs).unsqueeze(0))
        around = neighborhood(torch.from_numpy(ts.neighbors).unsqueeze(0))
        return self._policy(obs, others(around))[0].numpy()

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Sample from q, or play its mode."""
        logits = self.scores(ts)
        if explore or self._config.evaluation == "sample":
            return sample(logits, ts.action_mask, rng)
        return greedy(logits, ts.action_mask)

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Store the transition; every ``update_every`` steps make ``updates`` updates."""
        self._replay.add(ts, actions, next_ts)
        self._steps += 1
        c = self._config
        metrics: Mapping[str, float] = {}
        if self._steps >= c.warm_up and self._steps % c.update_every == 0:
            for _ in range(c.updates):
                metrics = self.update()
        return metrics

    def update(self) -> Mapping[str, float]:
        """Make a gradient step of critics and policies, and adjust the temperature."""
        c = self._config
        batch = self._replay.sample(c.batch_size, self._rngs.replay)
        td_loss, policy_loss, mean_entropy = self.losses(batch)
        self._optimizer.zero_grad()
        (td_loss + policy_loss).backward()
        self._optimizer.step()
        soft_update(self._target_weights, self._critic_weights, c.tau)
        if c.target_entropy:
            wanted = c.target_entropy * batch["action_mask"].sum(2).float().log().mean()
            gap = (wanted - mean_entropy).item()
            self.temperature *= math.exp(c.temperature_learning_rate * gap)
        return {
            "td_loss": td_loss.item(),
            "entropy": mean_entropy.item(),
            "temperature": self.temperature,
        }

    def losses(
        self, batch: Mapping[str, Tensor]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, ""]]:
        """Compute the critics' loss, the policies' loss and the policies' mean entropy."""
        around = neighborhood(batch["neighbors"].long())
        obs, action, graph = self._scaled(batch["obs"]), batch["action"], others(around)
        views = self._critic.encode(obs)
        q = taken(self._critic(views, action, graph), action)
        td_loss = F.mse_loss(q, self.targets(batch))
        log_q = log_probabilities(self._policy(obs, graph), batch["action_mask"])
        value = self.neighborhood_value(views, sample_with(log_q, self._rngs.learn), around)
        expected = (log_q.exp() * value).sum(2).mean()
        mean_entropy = entropy(log_q).mean()
        return td_loss, -expected - self.temperature * mean_entropy, mean_entropy.detach()

    @torch.no_grad()
    def targets(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch agents"]:
        """Compute the soft TD targets of a batch; neighbors' next actions are sampled from q."""
        obs = self._scaled(batch["next_obs"])
        graph = others(neighborhood(batch["next_neighbors"].long()))
        log_q = log_probabilities(self._policy(obs, graph), batch["next_action_mask"])
        action = sample_with(log_q, self._rngs.learn)
        next_q = self._target(self._target.encode(obs), action, graph)
        value = (log_q.exp() * next_q).sum(2) + self.temperature * entropy(log_q)
        reward = self._config.reward_scale * batch["reward"]
        return td_target(reward, batch["continues"], value, self._config.discount)

    @torch.no_grad()
    def neighborhood_value(
        self,
        views: "Views",
        action: Int64[Tensor, "batch agents"],
        around: Neighborhood,
    ) -> Float[Tensor, "batch agents actions"]:
        """Sum, per action of an agent, the Q of everyone who sees it; the others act as given."""
        graph = others(around)
        own = self._critic(views, action, graph)
        theirs = self._critic.if_neighbor(views, action, graph, around)
        return own + credit(theirs, around.one_hot())

    def state_dict(self) -> State:
        """Return networks, optimizers, replay, streams, temperature and counters."""
        return {
            "policy": self._policy.state_dict(),
            "critic": self._critic.state_dict(),
            "target": self._target.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "replay": self._replay.state_dict(),
            "rngs": self._rngs.state_dict(),
            "temperature": self.temperature,
            "steps": self._steps,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self._policy.load_state_dict(state["policy"])
        self._critic.load_state_dict(state["critic"])
        self._target.load_state_dict(state["target"])
        load_optimizer(self._optimizer, state["optimizer"])
        self._replay.load_state_dict(state["replay"])
        self._rngs.load_state_dict(state["rngs"])
        self.temperature, self._steps = state["temperature"], state["steps"]

    @property
    def n_parameters(self) -> int:
        """Size of policies and critics."""
        return sum(p.numel() for g in self._optimizer.param_groups for p in g["params"])

    def _scaled(self, obs: Tensor) -> Float[Tensor, "batch agents features"]:
        return obs * self._obs_scale

    @property
    def communication(self) -> Communication:
        """One embedding per round; in training also what critics pool, and a value per action."""
        embeddings, actions = float(self._config.hidden[-1]), float(self._spec.n_actions)
        execution = self._config.rounds * embeddings
        return Communication(execution=execution, training=execution + embeddings + actions)


class Propagation(nn.Module):
    """Logits of q: embeddings of the own observation, renewed ``rounds`` times from neighbors'."""

    def __init__(
        self,
        stack: int,
        sizes: tuple[int, ...],
        rounds: int,
        n_actions: int,
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        units = sizes[-1]
        self.encoder = MLP(stack, sizes, generator, init, activate_last=True)
        self.head = Linear(stack, units, n_actions, generator, init)
        self._rounds = rounds
        if rounds:
            self.own = Linear(stack, units, units, generator, init)
            self.heard = Linear(stack, units, units, generator, init)

    def forward(
        self,
        obs: Float[Tensor, "batch agents features"],
        graph: Float[Tensor, "graphs agents agents"],
    ) -> Float[Tensor, "batch agents actions"]:
        """Exchange embeddings, then score the actions."""
        first = mu = self.encoder(agents_first(obs))
        for _ in range(self._rounds):
            mu = torch.relu(self.own(first) + self.heard(pooled(mu, graph)))
        return self.head(mu).transpose(0, 1)


class Views(NamedTuple):
    """What the critics make of each agent's observation, before anybody hears of others."""

    own: Float[Tensor, "agents batch units"]
    said: Float[Tensor, "agents batch actions units"]  # e(o_i, a) for every action a


class NeighborhoodCritic(nn.Module):
    """Q_i of each own action, given what the neighbors observe and do, pooled by a sum."""

    def __init__(
        self,
        stack: int,
        sizes: tuple[int, ...],
        n_actions: int,
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        units = sizes[-1]
        self._n_actions = n_actions
        self.encoder = MLP(stack, sizes, generator, init, activate_last=True)
        self.situation = Linear(stack, units, units, generator, init)
        self.action = Linear(stack, n_actions, units, generator, init)
        self.own = Linear(stack, units, units, generator, init)
        self.heard = Linear(stack, units, units, generator, init)
        self.head = Linear(stack, units, n_actions, generator, init)

    def encode(self, obs: Float[Tensor, "batch agents features"]) -> Views:
        """Encode the observations, and what each action would mean to who hears of it."""
        h = self.encoder(agents_first(obs))
        actions = torch.eye(self._n_actions).expand(len(self.action.weight), -1, -1)
        said = torch.relu(self.situation(h).unsqueeze(2) + self.action(actions).unsqueeze(1))
        return Views(self.own(h), said)

    def forward(
        self,
        views: Views,
        action: Int64[Tensor, "batch agents"],
        graph: Float[Tensor, "graphs agents agents"],
    ) -> Float[Tensor, "batch agents actions"]:
        """Compute Q_i(o, ., a_{N_i}) of all agents."""
        own, said = views
        heard = self.heard(pooled(of_action(said, action), graph))
        return self.head(torch.relu(own + heard)).transpose(0, 1)

    def if_neighbor(
        self,
        views: Views,
        action: Int64[Tensor, "batch agents"],
        graph: Float[Tensor, "graphs agents agents"],
        around: Neighborhood,
    ) -> Float[Tensor, "batch agents slots actions"]:
        """Compute Q_i(o, a_i, .) of each action of each single neighbor, the rest as given.

        Empty slots hold Q_i as it is.
        """
        own, said = views
        said_now = of_action(said, action)
        agents, batch, n_actions, units = said.shape
        change = (said - said_now.unsqueeze(2)).flatten(0, 1)  # [agents * batch, actions, units]
        rows = around.who * batch + torch.arange(batch)[:, None, None]  # [batch, agents, slots]
        heard = change.index_select(0, rows.transpose(0, 1).flatten())  # agents first, unlike [..]
        slots = around.who.shape[2]  # there may be none, where -1 cannot say so
        heard = heard.view(agents, batch, slots, n_actions, units)
        heard = heard.mul_(around.present.transpose(0, 1)[..., None, None]).flatten(2, 3)
        heard = heard.add_(pooled(said_now, graph).unsqueeze(2))
        heard = self.heard(heard.flatten(1, 2)).view(agents, batch, slots * n_actions, units)
        heard = heard.add_(own.unsqueeze(2)).relu_()  # in place: the largest tensors here by far
        q = self.head(heard.flatten(1, 2)).view(agents, batch, slots * n_actions, n_actions)
        played = action.T[:, :, None, None].expand(*q.shape[:3], 1)
        return q.gather(3, played).view(agents, batch, slots, n_actions).transpose(0, 1)


def others(around: Neighborhood) -> Float[Tensor, "graphs agents agents"]:
    """Return who hears whom, nobody itself."""
    return (around.graph & ~torch.eye(around.graph.shape[1], dtype=torch.bool)).float()


def pooled(
    said: Float[Tensor, "agents batch units"], graph: Float[Tensor, "graphs agents agents"]
) -> Float[Tensor, "agents batch units"]:
    """Sum what each agent's neighbors say."""
    return (graph @ said.transpose(0, 1)).transpose(0, 1)


def of_action(
    said: Float[Tensor, "agents batch actions units"], action: Int64[Tensor, "batch agents"]
) -> Float[Tensor, "agents batch units"]:
    """Pick what is said of the action taken."""
    index = action.T[:, :, None, None].expand(*said.shape[:2], 1, said.shape[3])
    return said.gather(2, index).squeeze(2)


def credit(
    q_of_neighbor: Float[Tensor, "batch agents slots actions"],
    slots: Float[Tensor, "graphs agents slots agents"],
) -> Float[Tensor, "batch agents actions"]:
    """Hand each Q_j(a_i = .) that agent j computed for a neighbor i to agent i, and add them up."""
    return slots.flatten(1, 2).transpose(1, 2) @ q_of_neighbor.flatten(1, 2)
