"""QMIX and VDN: one team value, mixed from values that each agent computes by itself.

Source: Rashid et al., 2018 (QMIX: Q_tot is monotonic in every Q_i, so that each agent's greedy
action is its part of the best joint action); Sunehag et al., 2018 (VDN: Q_tot is their sum).
What Table 7 of paper 000 leaves open is filled from the authors' code (pymarl).

Departures from the source, each with its reason:

1. The team's reward is the mean of the agents' rewards, so that its scale is that of the others.
2. The state is what all agents observe, scaled: the scenarios offer no other.
3. Replay holds steps, not whole episodes, and recurrent agents learn from runs of
   ``sequence_length`` steps after ``burn_in`` steps that only fill the memory: episodes of traffic
   are long. Runs go on through ends of episodes, where the memory is emptied; from there on no
   burn-in is needed.
4. Without ``recurrent`` agents have no memory (as in epymarl by default).
5. Soft target updates of agents and mixer, and exploration that shrinks by episodes, as in the
   other Q-learners here; the authors copy networks every 200 episodes and anneal by steps.
6. The step limit is no end state (also in the authors' code, if the simulator reports it).
7. One-step targets; pymarl2's TD(lambda) is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from methods.base import Communication, Rngs
from methods.learners.q_learning import QConfig, QLearner, Seen
from methods.nn.nets import MLP, Init, Linear, Parameters, agents_first, n_networks, n_weights
from methods.nn.recurrent import GRU
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import Scale, Size, Steps, Units, Widths


@dataclass(frozen=True, slots=True, kw_only=True)
class VDNConfig(QConfig):
    """Hyperparameters on top of those of every Q-learner.

    Attributes:
        parameters: One network for all agents, or one per agent; the mixer is one.
        recurrent: Whether agents have a memory, a GRU as wide as the last hidden layer; samples and
            minibatches then count runs of steps.
        sequence_length: Steps in a row that recurrent agents learn from [steps].
        burn_in: Steps before those that only fill the memory [steps].
        agent_id: Whether an agent's input names the agent.
        last_action: Whether an agent's input holds what it did last.
        optimizer: ``adam``, or ``rmsprop`` with the authors' smoothing.
        max_gradient_norm: Largest norm of a gradient; longer ones are cut to it.
    """

    parameters: Parameters
    recurrent: bool
    sequence_length: Steps
    burn_in: Annotated[int, Size(0, 1_000_000)]
    agent_id: bool
    last_action: bool
    optimizer: Literal["adam", "rmsprop"]
    max_gradient_norm: Scale

    def __post_init__(self) -> None:
        """Refuse values that do not go together."""
        QConfig.__post_init__(self)  # super() is lost where slots make a new class
        if self.recurrent and self.burn_in + self.sequence_length > self.capacity:
            raise ValueError(
                f"burn_in is {self.burn_in} and sequence_length {self.sequence_length}; with "
                f"capacity = {self.capacity} replay never holds as many steps in a row"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class QMIXConfig(VDNConfig):
    """Hyperparameters on top of those of VDN.

    Attributes:
        embed: Hidden units of the mixer.
        hypernet_hidden: Hidden layers of the networks that make the mixer's weights [units].
    """

    embed: Units
    hypernet_hidden: Widths


class VDN(QLearner):
    """Q-learning of a team value that is the sum of the agents' values."""

    Config: ClassVar[type[VDNConfig]] = VDNConfig
    title: ClassVar[str] = "VDN"
    description: ClassVar[str] = "Q-learning of one team value, the sum of the agents' own"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "team mean"
    centralized: ClassVar[bool] = True
    hops = 0
    _config: VDNConfig
    _network: "TeamNetwork"
    _target: "TeamNetwork"
    _acted: Actions
    _stored: Actions
    _memory: Tensor | None

    def __init__(self, spec: Spec, config: VDNConfig, rngs: Rngs) -> None:
        names = spec.n_agents if config.agent_id else 0
        n_in = spec.n_features + names + (spec.n_actions if config.last_action else 0)
        agents = AgentNetwork(
            n_networks(config.parameters, spec.n_agents),
            (n_in, *config.hidden, spec.n_actions),
            recurrent=config.recurrent,
            generator=rngs.init,
            init=config.init,
        )
        network = TeamNetwork(agents, self.mixer(spec, config, rngs.init))
        super().__init__(spec, config, rngs, network, extra={"previous": (spec.n_agents,)})
        if config.optimizer == "rmsprop":
            self._optimizer = torch.optim.RMSprop(
                network.parameters(), config.learning_rate, alpha=0.99, eps=1e-5, foreach=True
            )
        self._nothing = np.full(spec.n_agents, -1)  # what was done before the first action

    @classmethod
    def sizes(cls, spec: Spec, config: Any) -> tuple[int, int]:
        """Count those of the agents, in all steps of a run."""
        c, n = config, spec.n_agents
        n_in = spec.n_features + c.agent_id * n + c.last_action * spec.n_actions
        widths = (n_in, *c.hidden, spec.n_actions)
        gates = 8 * widths[-2] if c.recurrent else 0  # of a GRU, with what they are made of
        weights = n_weights(n_networks(c.parameters, n), widths) + gates * widths[-2]
        length = c.burn_in + c.sequence_length if c.recurrent else 1
        return weights, length * n * (sum(widths) + gates)

    def mixer(self, spec: Spec, config: Any, generator: torch.Generator) -> nn.Module:
        """Return what makes the team's value of the agents'."""
        return Sum()

    def q(self, network: nn.Module, seen: Seen) -> Float[Tensor, "batch agents actions"]:
        """Compute Q_i of each agent from its own inputs and memory."""
        agents = cast(TeamNetwork, network).agents
        return agents.head(agents.remember(agents_first(seen.obs), seen.memory)).transpose(0, 1)

    def seen_now(self, ts: Timestep) -> Seen:
        """Return the agents' inputs at one timestep, and what they remember of the episode."""
        obs, neighbors, *_ = super().seen_now(ts)
        previous, memory = (self._nothing, None) if ts.first else (self._acted, self._memory)
        inputs = self._inputs(obs, torch.from_numpy(previous).unsqueeze(0))
        return Seen(inputs, neighbors, memory=memory)

    @torch.no_grad()
    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Pick actions as every Q-learner does, and remember."""
        actions = super().act(ts, rng, explore=explore)
        memory = None
        if self._config.recurrent:
            seen, network = self.seen_now(ts), self.acting_network(explore=explore)
            agents = cast(TeamNetwork, network).agents
            memory = agents.remember(agents_first(seen.obs), seen.memory)
        self._acted, self._memory = actions, memory
        return actions

    def store(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> None:
        """Put the transition into replay, with what was done before it."""
        previous = self._nothing if ts.first else self._stored
        self._replay.add(ts, actions, next_ts, previous=previous)
        self._stored = actions

    def sample(self) -> dict[str, Tensor]:
        """Draw runs of steps, of one step without memory; shorter ones while that is all."""
        c = self._config
        length = min(c.burn_in + c.sequence_length, len(self._replay)) if c.recurrent else 1
        return self._replay.sample(c.sample_size, self._rngs.replay, length=length)

    @torch.no_grad()
    def targets(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch steps"]:
        """Compute the TD targets of the team's value."""
        c, first = self._config, batch["step"] == 0
        x = self._sequences(batch["obs"], batch["previous"])
        next_x = self._sequences(batch["next_obs"], batch["action"])
        next_q = best = _at_steps(self._target.agents.after(x, next_x, first))
        if c.double:
            best = _at_steps(self._network.agents.after(x, next_x, first))
        choice = best.masked_fill(~batch["next_action_mask"], -torch.inf).argmax(3, keepdim=True)
        chosen = next_q.gather(3, choice).squeeze(3)
        value = self._target.total(chosen, batch["next_obs"] * self._obs_scale)
        reward = c.reward_scale * batch["reward"].mean(dim=2)
        return reward + c.discount * batch["continues"] * value

    def loss(
        self, batch: Mapping[str, Tensor], y: Float[Tensor, "batch steps"]
    ) -> Float[Tensor, ""]:
        """Compute the mean squared TD error of the team's value."""
        first = batch["step"] == 0
        x = self._sequences(batch["obs"], batch["previous"])
        q = _at_steps(self._network.agents.before(x, first))
        taken = q.gather(3, batch["action"].unsqueeze(3)).squeeze(3)
        total = self._network.total(taken, batch["obs"] * self._obs_scale)
        counts = remembered(first, self._config.burn_in)
        return F.mse_loss(total[counts], y[counts])

    def _gradient_step(self, batch: Mapping[str, Tensor], y: Tensor) -> float:
        loss = self.loss(batch, y)
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights, self._config.max_gradient_norm, foreach=True)
        self._optimizer.step()
        return loss.item()

    def _sequences(
        self, obs: Shaped[Tensor, "batch steps agents _"], previous: Tensor
    ) -> Float[Tensor, "agents batch steps n_in"]:
        return self._inputs(obs * self._obs_scale, previous).permute(2, 0, 1, 3)

    def _inputs(
        self,
        obs: Float[Tensor, "*batch agents features"],
        previous: Shaped[Tensor, "*batch agents"],
    ) -> Float[Tensor, "*batch agents n_in"]:
        """Append what an agent did last and who it is, one-hot, where the Config says so."""
        parts = [obs]
        if self._config.last_action:
            parts.append((previous.unsqueeze(-1) == torch.arange(self._spec.n_actions)).float())
        if self._config.agent_id:
            n = self._spec.n_agents
            parts.append(torch.eye(n).expand(*obs.shape[:-1], n))
        return torch.cat(parts, dim=-1)

    @property
    def communication(self) -> Communication:
        """Nothing over the edges: all that is learned from goes to one place."""
        return Communication(execution=0.0, training=0.0)


class QMIX(VDN):
    """Q-learning of a team value that rises with every agent's value."""

    Config: ClassVar[type[QMIXConfig]] = QMIXConfig
    title: ClassVar[str] = "QMIX"
    description: ClassVar[str] = "Q-learning of one team value, a monotonic mix of the agents' own"
    version: ClassVar[str] = "1"

    @classmethod
    def sizes(cls, spec: Spec, config: Any) -> tuple[int, int]:
        """Add those of the mixer."""
        c, n_state = config, spec.n_agents * spec.n_features
        weights, floats = super().sizes(spec, c)
        made = (spec.n_agents + 1) * c.embed
        hyper = n_weights(1, (n_state, *c.hypernet_hidden, made)) + n_state * 2 * c.embed
        length = c.burn_in + c.sequence_length if c.recurrent else 1
        mixed = 2 * made + 2 * sum(c.hypernet_hidden)
        return weights + hyper, floats + length * mixed

    def mixer(self, spec: Spec, config: Any, generator: torch.Generator) -> nn.Module:
        """Return the mixer that hypernetworks parameterize."""
        n_state = spec.n_agents * spec.n_features
        return MonotonicMixer(
            spec.n_agents, n_state, config.embed, config.hypernet_hidden, generator, config.init
        )


def remembered(first: Bool[Tensor, "batch steps"], burn_in: int) -> Bool[Tensor, "batch steps"]:
    """Say after which steps of a run the memory is what it was while acting, or nearly so."""
    steps = torch.arange(first.shape[1])
    return (steps >= min(burn_in, len(steps) - 1)) | (first.cumsum(dim=1) > 0)


def _at_steps(
    q: Float[Tensor, "agents batch steps actions"],
) -> Float[Tensor, "batch steps agents actions"]:
    return q.permute(1, 2, 0, 3)


class AgentNetwork(nn.Module):
    """Q-values of each agent from its own inputs, with a memory of earlier ones or without."""

    def __init__(
        self,
        n_networks: int,
        sizes: tuple[int, ...],
        *,
        recurrent: bool,
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        *encoder, n_actions = sizes
        units = encoder[-1]
        self.encoder = MLP(n_networks, tuple(encoder), generator, init, activate_last=True)
        self.gru = GRU(n_networks, units, units, generator, init) if recurrent else None
        self.head = Linear(n_networks, units, n_actions, generator, init)

    def remember(
        self,
        x: Float[Tensor, "agents rows n_in"],
        memory: Float[Tensor, "agents rows units"] | None,
    ) -> Float[Tensor, "agents rows units"]:
        """Return what the head sees after one more input: the memory, if there is one."""
        encoded = self.encoder(x)
        if self.gru is None:
            return encoded
        return self.gru(encoded, torch.zeros_like(encoded) if memory is None else memory)

    def before(
        self, x: Float[Tensor, "agents rows steps n_in"], first: Bool[Tensor, "rows steps"]
    ) -> Float[Tensor, "agents rows steps actions"]:
        """Compute the Q-values of sequences of inputs."""
        features = self._sequence(x, first)
        return self.head(features.flatten(1, 2)).unflatten(1, features.shape[1:3])

    def after(
        self,
        x: Float[Tensor, "agents rows steps n_in"],
        next_x: Float[Tensor, "agents rows steps n_in"],
        first: Bool[Tensor, "rows steps"],
    ) -> Float[Tensor, "agents rows steps actions"]:
        """Compute the Q-values of the inputs that follow each step, also at an episode's end.

        What follows inside an episode is the sequence's next step, and remembered there already.
        """
        if self.gru is None:
            return self.before(next_x, first)
        memory, ends = self._sequence(x, first), first.roll(-1, dims=1)
        ends[:, -1] = True
        features = memory.roll(-1, dims=2)
        features[:, ends] = self.remember(next_x[:, ends], memory[:, ends])
        return self.head(features.flatten(1, 2)).unflatten(1, x.shape[1:3])

    def _sequence(
        self, x: Float[Tensor, "agents rows steps n_in"], first: Bool[Tensor, "rows steps"]
    ) -> Float[Tensor, "agents rows steps units"]:
        encoded = self.encoder(x.flatten(1, 2)).unflatten(1, x.shape[1:3])
        return encoded if self.gru is None else self.gru.unroll(encoded, first)


class Sum(nn.Module):
    """VDN: Q_tot = sum_i Q_i."""

    def forward(
        self, q: Float[Tensor, "rows agents"], state: Float[Tensor, "rows n_state"]
    ) -> Float[Tensor, "rows"]:
        """Add up the values; the state plays no part."""
        return q.sum(dim=1)


class MonotonicMixer(nn.Module):
    """QMIX: two layers whose weights are positive and made from the state by hypernetworks.

    ``Q_tot = |w2(s)| . elu(|W1(s)| q + b1(s)) + V(s)``. The bias b1 is linear in the state, V has
    one hidden layer, as in the authors' code.
    """

    def __init__(
        self,
        n_agents: int,
        n_state: int,
        embed: int,
        hypernet_hidden: tuple[int, ...],
        generator: torch.Generator,
        init: Init,
    ) -> None:
        super().__init__()
        sizes = (n_state, *hypernet_hidden)
        self.weight_1 = MLP(1, (*sizes, n_agents * embed), generator, init)
        self.bias_1 = Linear(1, n_state, embed, generator, init)
        self.weight_2 = MLP(1, (*sizes, embed), generator, init)
        self.value = MLP(1, (n_state, embed, 1), generator, init)

    def forward(
        self, q: Float[Tensor, "rows agents"], state: Float[Tensor, "rows n_state"]
    ) -> Float[Tensor, "rows"]:
        """Mix the values of all agents into the team's."""
        s = state.unsqueeze(0)
        weight_1 = self.weight_1(s).squeeze(0).abs().view(*q.shape, -1)  # [rows, agents, embed]
        hidden = F.elu((q.unsqueeze(1) @ weight_1).squeeze(1) + self.bias_1(s).squeeze(0))
        return (hidden * self.weight_2(s).squeeze(0).abs()).sum(dim=1) + self.value(s)[0, :, 0]


class TeamNetwork(nn.Module):
    """The agents and what mixes them: trained together, followed by one target together."""

    def __init__(self, agents: AgentNetwork, mixer: nn.Module) -> None:
        super().__init__()
        self.agents, self.mixer = agents, mixer

    def total(
        self, q: Float[Tensor, "batch steps agents"], obs: Float[Tensor, "batch steps agents _"]
    ) -> Float[Tensor, "batch steps"]:
        """Mix values at states that are what all agents observe."""
        return self.mixer(q.flatten(0, 1), obs.flatten(2).flatten(0, 1)).view(q.shape[:2])
