"""LToS: learning how much of one's reward to share with neighbors; and LToS with fixed shares.

Source: paper 000, Sections 3-4 and Algorithm 1, Tables 5 and 6. Where the text is silent: the
authors' traffic code (RoadnetSZ), named below.

The high level phi_i(o_i) puts agent i's reward on the simplex over N_i: W_ij is the share of i's
reward that goes to j. The low level is DGN on the shaped rewards ``r^W_i = sum_j W_ji r_j``, its
input extended by the shares that agent i receives, so that the same Q-network serves as the high
level's critic: phi ascends ``sum_i max_a Q_i(o, a; w_in(phi(o)))`` with Q held fixed. Exchanging
gradients between neighbors, as Algorithm 1 writes it, is what backpropagation through W does.

Departures from the source, each with its reason:

1. The low level's input has, per agent, its own share, the share from each of its neighbor slots,
   and the sum of what else it receives. The papers' graphs are symmetric, where the last is zero;
   jungle's is not, and no share may be lost.
2. The critic's gradient flows into phi through every agent's Q, the attention's cross terms
   included, as in the code; Algorithm 1 writes each agent's own Q only. The former is the
   gradient of the stated global objective.
3. Missing neighbors get no share and no attention; the code leaves them in the attention.
4. While shares are held for M steps, the TD target uses fresh shares of the target high level, as
   Algorithm 1 says; ``target_share = "held"`` uses the held ones.
5. No smoothing noise on target shares and no penalty on positive Q: they are in the code only.
6. The initial selfishness is a constant offset of the self logit that depends on the number of
   neighbors, beside a trainable bias of zero, as in the code; the paper sets the bias itself.
7. Noise is added to the logits, so that shares stay on the simplex; the paper does not say where.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Interval
from jaxtyping import Float, Float32
from torch import Tensor, nn

from methods.base import FLOAT_BYTES, Communication, Rngs, State, at_most, load_optimizer
from methods.learners.q_learning import QConfig, QLearner, Seen, rows_of
from methods.learners.replay import transition_bytes
from methods.learners.sharing import (
    OrnsteinUhlenbeck,
    even_shares,
    initial_softmax,
    received,
    share_matrix,
    share_rewards,
)
from methods.nn.attention import GraphNetwork, Heads, graph_sizes, n_graph_floats, n_graph_weights
from methods.nn.nets import Parameters, n_networks, soft_update
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import (
    Depth,
    Repeats,
    Share,
    SomeWidths,
    Start,
    Steps,
    StepSize,
    Transitions,
    Units,
    Weight,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLToSConfig(QConfig):
    """Hyperparameters of the low level, and the share an agent keeps.

    Attributes:
        hidden: As there; the last width is that of the features.
        parameters: One network per level for all agents, or one per agent.
        layers: Graph convolutions of the low level.
        heads: Attention heads per convolution.
        head_size: Units of one head.
        skip: Whether the Q head sees the features of every depth or of the last only.
        selfishness: Share of its reward an agent keeps (fixed) or keeps at first (learned); the
            rest is split evenly among its neighbors.
    """

    hidden: SomeWidths
    parameters: Parameters
    layers: Depth
    heads: Heads
    head_size: Units
    skip: bool
    selfishness: Share


class FixedLToS(QLearner):
    """The low level of LToS under shares that never change: the ablation of the papers."""

    Config: ClassVar[type[Any]] = FixedLToSConfig
    title: ClassVar[str] = "fixed LToS"
    description: ClassVar[str] = "DGN on rewards shared with neighbors in fixed proportions"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "shared in fixed parts"

    def __init__(self, spec: Spec, config: FixedLToSConfig, rngs: Rngs) -> None:
        self.hops = config.layers
        self._selfishness = config.selfishness
        self._low_level_floats = float(config.layers * config.hidden[-1])
        received = spec.n_neighbors + 2
        network = GraphNetwork(
            n_networks(config.parameters, spec.n_agents),
            spec.n_features + received,
            config.hidden,
            config.layers,
            config.heads,
            config.head_size,
            spec.n_actions,
            skip=config.skip,
            generator=rngs.init,
            init=config.init,
        )
        share_out = (spec.n_agents, spec.n_neighbors + 1)
        super().__init__(spec, config, rngs, network, extra={"share": share_out})

    @classmethod
    def sizes(cls, spec: Spec, config: Any) -> tuple[int, int]:
        """Count those of the graph network, and the shares."""
        n_in = spec.n_features + spec.n_neighbors + 2
        weights, graph = graph_sizes(config, spec, n_in)
        return weights, super().sizes(spec, config)[1] + graph + 2 * spec.n_agents**2

    def q(self, network: nn.Module, seen: Seen) -> Float[Tensor, "batch agents actions"]:
        """Compute Q_i(o, .; w_in_i): DGN on observations and received shares."""
        return network(seen.obs, self.neighborhood(seen.neighbors).graph)

    def receiving(self, seen: Seen, share: Float[Tensor, "batch agents shares"]) -> Seen:
        """Add the shares that each agent receives, w_in, to what it observes."""
        around = self.neighborhood(seen.neighbors)
        share_in = received(share_matrix(share, around), around)
        obs = torch.cat([seen.obs.transpose(0, 1), share_in.transpose(0, 1)], dim=2)
        return seen._replace(obs=obs.transpose(0, 1))  # agents first in memory: not copied again

    def shaped_reward(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch agents"]:
        """Return r^W_i = sum_j W_ji r_j under the shares in force when it was earned."""
        matrix = share_matrix(batch["share"], self.neighborhood(batch["neighbors"].long()))
        return share_rewards(matrix, batch["reward"])

    def seen(self, batch: Mapping[str, Tensor], prefix: Literal["", "next_"]) -> Seen:
        """Add the shares in force to what was seen."""
        return self._under_even_shares(super().seen(batch, prefix))

    def seen_now(self, ts: Timestep) -> Seen:
        """Add the shares in force to what is seen now."""
        return self._under_even_shares(super().seen_now(ts))

    def store(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> None:
        """Put the transition and its shares into replay."""
        self._replay.add(ts, actions, next_ts, share=self.share_out(ts))

    def share_out(self, ts: Timestep) -> Float32[np.ndarray, "agents shares"]:
        """Return the shares in force, by slot, the agent's own first."""
        around = self.neighborhood(torch.from_numpy(ts.neighbors).unsqueeze(0))
        return even_shares(around.present, self._selfishness)[0].numpy()

    def _under_even_shares(self, seen: Seen) -> Seen:
        present = self.neighborhood(seen.neighbors).present
        share = even_shares(present, self._selfishness)
        return self.receiving(seen, share.expand(len(seen.obs), -1, -1))

    @property
    def communication(self) -> Communication:
        """DGN's features; in training also the shared reward."""
        return Communication(
            execution=self._low_level_floats, training=self._low_level_floats + 1.0
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LToSConfig(FixedLToSConfig):
    """Hyperparameters of both levels.

    Attributes:
        selfishness: Share an agent keeps at first; 0 and 1 leave no gradient to learn from.
        share_interval: Steps for which shares are held, M, "action interval" [steps].
        target_share: Shares in the TD target: ``fresh`` from the target high level, or ``held``.
        high_level_hidden: Width of each hidden layer of the high level [units].
        high_level_layers: Graph convolutions of the high level; 0 sees the own observation only.
        high_level_head_scale: Factor on the initial weights of its head.
        high_level_optimizer: Its optimizer.
        high_level_learning_rate: Its step size; it decays with the low level's.
        high_level_objective: Sum or mean over agents of max_a Q_i.
        high_level_start: Environment steps before its first update call [steps].
        high_level_update_every: Steps between its update calls, "update frequency" [steps].
        high_level_sample_size: Transitions drawn per update call [joint transitions].
        high_level_batch_size: Transitions per gradient step [joint transitions].
        high_level_epochs: Passes through the sample per update call.
        high_level_pull: Weight of the mean square of its logits, a pull to the initial shares.
        share_noise: Exploration on logits: ``gaussian``, drawn anew, or ``ou``, a walk.
        share_noise_sigma: Its standard deviation, or the walk's strength [logits].
        share_noise_probability: Chance that an agent's decision gets noise.
        share_noise_decays: Whether the noise is multiplied by the low level's epsilon.
    """

    selfishness: Annotated[float, Interval(ge=1e-6, le=1 - 1e-6)]
    share_interval: Steps
    target_share: Literal["fresh", "held"]
    high_level_hidden: SomeWidths
    high_level_layers: Depth
    high_level_head_scale: Weight
    high_level_optimizer: Literal["sgd", "adam"]
    high_level_learning_rate: StepSize
    high_level_objective: Literal["sum", "mean"]
    high_level_start: Start
    high_level_update_every: Steps
    high_level_sample_size: Transitions
    high_level_batch_size: Transitions
    high_level_epochs: Repeats
    high_level_pull: Weight
    share_noise: Literal["gaussian", "ou"]
    share_noise_sigma: Weight
    share_noise_probability: Share
    share_noise_decays: bool

    def __post_init__(self) -> None:
        """Refuse values that do not go together."""
        FixedLToSConfig.__post_init__(self)  # super() is lost where slots make a new class
        at_most(self, "high_level_sample_size", "capacity")
        at_most(self, "high_level_batch_size", "high_level_sample_size")


class LToS(FixedLToS):
    """Two levels: how to share, and how to act under what is shared."""

    Config: ClassVar[type[Any]] = LToSConfig
    title: ClassVar[str] = "LToS"
    description: ClassVar[str] = "learns how much of its reward each agent shares with neighbors"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "shared in learned parts"

    def __init__(self, spec: Spec, config: LToSConfig, rngs: Rngs) -> None:
        super().__init__(spec, config, rngs)
        self._high = config
        self.hops = config.layers + 1 + config.high_level_layers
        self._phi = GraphNetwork(
            n_networks(config.parameters, spec.n_agents),
            spec.n_features,
            config.high_level_hidden,
            config.high_level_layers,
            config.heads,
            config.head_size,
            spec.n_neighbors + 1,
            skip=config.skip,
            generator=rngs.init,
            init=config.init,
        )
        with torch.no_grad():
            self._phi.head.weight.mul_(config.high_level_head_scale)
        self._phi_target = copy.deepcopy(self._phi).requires_grad_(requires_grad=False)
        self._phi_weights: list[Tensor] = list(self._phi.parameters())
        self._phi_target_weights: list[Tensor] = list(self._phi_target.parameters())
        optimizer = torch.optim.Adam if config.high_level_optimizer == "adam" else torch.optim.SGD
        self._phi_optimizer = optimizer(
            self._phi_weights, lr=config.high_level_learning_rate, fused=True
        )
        self._walk = OrnsteinUhlenbeck(config.share_noise_sigma)
        self._share = torch.zeros(1, spec.n_agents, spec.n_neighbors + 1)

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Add the high level's network, the sample it draws, and a minibatch on its way."""
        c, n = config, spec.n_agents
        weights = n_graph_weights(
            n_networks(c.parameters, n),
            spec.n_features,
            c.high_level_hidden,
            c.high_level_layers,
            c.heads,
            c.head_size,
            spec.n_neighbors + 1,
        )
        floats = cls.sizes(spec, c)[1] + n * sum(c.high_level_hidden)
        floats += n_graph_floats(n, c.high_level_layers, c.heads, c.head_size)
        drawn = 2 * c.high_level_sample_size * transition_bytes(spec)
        passing = 3 * c.high_level_batch_size * floats
        own = drawn + FLOAT_BYTES * (5 * weights + passing)
        return super().memory_bytes(spec, c, steps) + own

    def shares(
        self, phi: nn.Module, seen: Seen, noise: Tensor | None = None
    ) -> Float[Tensor, "batch agents shares"]:
        """Compute the shares the high level gives, by slot, the agent's own first."""
        around = self.neighborhood(seen.neighbors)
        logits = phi(seen.obs, around.graph)
        if noise is not None:
            logits = logits + noise
        return initial_softmax(logits, around.present, self._selfishness)

    @torch.no_grad()
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return the Q-values of greedy play under the shares held, or about to be."""
        seen = QLearner.seen_now(self, ts)
        phi = self._acting_phi(explore=False)
        share = self.shares(phi, seen) if self._decides(ts) else self._share
        network = self.acting_network(explore=False)
        return self.q(network, self.receiving(seen, share))[0].numpy()

    @torch.no_grad()
    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Decide on shares every M steps, and act under them."""
        if self._decides(ts):
            noise = torch.from_numpy(self._draw_noise(ts, rng)) if explore else None
            seen = QLearner.seen_now(self, ts)
            self._share = self.shares(self._acting_phi(explore=explore), seen, noise)
        return super().act(ts, rng, explore=explore)

    def _decides(self, ts: Timestep) -> bool:
        return ts.step % self._high.share_interval == 0

    def _acting_phi(self, *, explore: bool) -> nn.Module:
        online = explore or self._config.greedy_network == "online"
        return self._phi if online else self._phi_target

    def _draw_noise(
        self, ts: Timestep, rng: np.random.Generator
    ) -> Float32[np.ndarray, "agents shares"]:
        c, shape = self._high, self._share.shape[1:]
        if c.share_noise == "ou":
            if ts.first:
                self._walk.reset((shape[0], shape[1]), rng)
            noise = self._walk.sample(rng)
        else:
            noise = np.float32(c.share_noise_sigma) * rng.standard_normal(shape, np.float32)
        noise[rng.random(shape[0]) >= c.share_noise_probability] = 0
        return noise * np.float32(self.epsilon) if c.share_noise_decays else noise

    def seen_now(self, ts: Timestep) -> Seen:
        """Add the shares held to what is seen now."""
        return self.receiving(QLearner.seen_now(self, ts), self._share)

    def seen(self, batch: Mapping[str, Tensor], prefix: Literal["", "next_"]) -> Seen:
        """Add the shares of the time, or for targets those of the target high level."""
        seen = QLearner.seen(self, batch, prefix)
        if prefix == "":
            return self.receiving(seen, batch["share"])
        share = self.shares(self._phi_target, seen)
        if self._high.target_share == "held":
            held = (batch["step"] + 1) % self._high.share_interval != 0
            share = torch.where(held.view(-1, 1, 1), batch["share"], share)
        return self.receiving(seen, share)

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Learn on the low level as every Q-learner, and on the high level when due."""
        metrics = super().observe(ts, actions, next_ts)
        c, steps = self._high, self._steps
        ready = steps >= max(c.high_level_start, self._config.warm_up)
        if ready and steps % c.high_level_update_every == 0:
            return {**metrics, "share_objective": self.update_high_level()}
        return metrics

    def update_high_level(self) -> float:
        """Make one update call of the high level; return its objective per agent before it."""
        c = self._high
        self._phi_optimizer.param_groups[0]["lr"] = (
            c.high_level_learning_rate * c.learning_rate_decay**self._episodes
        )
        sample = self._replay.sample(c.high_level_sample_size, self._rngs.replay)
        objective = 0.0
        for _ in range(c.high_level_epochs):
            for start in range(0, c.high_level_sample_size, c.high_level_batch_size):
                rows = slice(start, start + c.high_level_batch_size)
                value, loss = self.high_level_loss(rows_of(sample, rows))
                self._phi_optimizer.zero_grad()
                loss.backward(inputs=self._phi_weights)
                self._phi_optimizer.step()
                objective = value.item()
        soft_update(self._phi_target_weights, self._phi_weights, self._config.tau)
        return objective

    def high_level_loss(
        self, batch: Mapping[str, Tensor]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Compute the mean of max_a Q_i(o, a; w_in(phi(o))) and the loss that phi descends."""
        c, seen = self._high, QLearner.seen(self, batch, "")
        around = self.neighborhood(seen.neighbors)
        logits = self._phi(seen.obs, around.graph)
        share = initial_softmax(logits, around.present, self._selfishness)
        q = self.q(self._network, self.receiving(seen, share))
        value = q.masked_fill(~batch["action_mask"], -torch.inf).amax(2).mean()
        factor = q.shape[1] if c.high_level_objective == "sum" else 1
        return value, c.high_level_pull * logits.square().mean() - factor * value

    def traces(self) -> Mapping[str, Float32[np.ndarray, "agents"]]:
        """Return the share each agent keeps."""
        return {"selfishness": self._share[0, :, 0].numpy().copy()}

    def share_out(self, ts: Timestep) -> Float32[np.ndarray, "agents shares"]:
        """Return the shares held, by slot, the agent's own first."""
        return self._share[0].numpy().copy()

    def state_dict(self) -> State:
        """Return the state of both levels."""
        return super().state_dict() | {
            "phi": self._phi.state_dict(),
            "phi_target": self._phi_target.state_dict(),
            "phi_optimizer": self._phi_optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        super().load_state_dict(state)
        self._phi.load_state_dict(state["phi"])
        self._phi_target.load_state_dict(state["phi_target"])
        load_optimizer(self._phi_optimizer, state["phi_optimizer"])

    @property
    def n_parameters(self) -> int:
        """Size of both online networks."""
        return super().n_parameters + sum(p.numel() for p in self._phi.parameters())

    @property
    def communication(self) -> Communication:
        """DGN's features and, every M steps, a share and the high level's features.

        In training also the reward and, per high-level update, the gradient of a share.
        """
        c = self._high
        sharing = (1.0 + c.high_level_layers * c.high_level_hidden[-1]) / c.share_interval
        execution = self._low_level_floats + sharing
        return Communication(execution=execution, training=execution + 2.0)
