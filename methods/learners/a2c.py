"""Advantage actor-critic of recurrent agents: what NeurComm, IA2C and ConseNet learn by.

Source: Chu et al., 2020, and their code (deeprl_network). Per agent i::

    h_i, c_i = LSTM(relu(MLP(input_i)), (h_i, c_i))       pi_i = softmax(W_a h_i)
    V_i      = W_v [h_i, one-hot actions of i's neighbors]

As in the source, V_i knows what neighbors do at the same step: a baseline that depends on actions
others chose, from observations that agent i may not have, which biases the gradient slightly.

Once per segment, one RMSprop step on::

    sum_i mean_t( -log pi_i(a_i) (R_i - V_i) - e H(pi_i) + v/2 (R_i - V_i)^2 )

with the gradient clipped over all agents jointly, as in the source: the one figure that would have
to be agreed on by everybody. R_i are n-step returns of spatially discounted rewards,
``r_i = sum_j alpha^d_ij r_j`` over the graph at the time of the decision. Gradients flow through
time, and through messages, from the end of a segment to its beginning and not beyond.

The faults of that code are not repeated: an LSTM advances once per environment step, in ``act``
and nowhere else, and learning repeats just these steps from the memory of the segment's beginning;
an observation at a segment's boundary enters it once; a time limit is not an end state; whatever
is remembered of an episode, other agents' messages included, is forgotten when the next begins.
Segments may span episodes, so that every update rests on equally many steps; theirs end with the
episode. RMSprop is torch's, whose offset stands outside the root and whose average starts at 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from methods.base import FLOAT_BYTES, Method, Rngs, State, load_optimizer
from methods.learners.replay import transition_bytes
from methods.learners.rewards import hop_distances, spatial
from methods.learners.rollout import Rollout, Segment, n_step_returns
from methods.nn.attention import neighborhood
from methods.nn.nets import MLP, Init, Linear, agents_first, n_weights
from methods.nn.policy import entropy, greedy, log_probabilities, sample, sample_with, taken
from methods.nn.recurrent import LSTM, Memory
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import Scale, Share, SomeWidths, Steps, StepSize, Weight

SQUARE_DECAY, SQUARE_OFFSET = 0.99, 1e-5  # RMSprop, in every configuration of Chu et al.


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorCriticConfig:
    """Hyperparameters of every such method; values and sources are in ``methods/hparams``.

    Attributes:
        hidden: Width of each layer of the encoder; the last is also the LSTM's [units].
        init: Distribution of the initial weights.
        learning_rate: Step size of RMSprop.
        discount: Discount factor gamma, per environment step.
        rollout: Length of a segment, hence between two updates [steps].
        entropy_weight: Weight e of the policy's entropy.
        value_weight: Weight v of the critic's loss.
        max_gradient_norm: Longest joint gradient.
        reward_scale: Factor on rewards inside the learner; metrics are never scaled.
        alpha: Spatial discount: weight of a reward per hop of distance; 1 is the global sum.
        normalize: Whether weights of rewards add up to 1 for each agent.
        greedy: How the policy acts without exploration: its likeliest action, or a sample.
    """

    hidden: SomeWidths
    init: Init
    learning_rate: StepSize
    discount: Share
    rollout: Steps
    entropy_weight: Weight
    value_weight: Weight
    max_gradient_norm: Scale
    reward_scale: Scale
    alpha: Share
    normalize: bool
    greedy: Literal["mode", "sample"]


class Held(NamedTuple):
    """What acting carries from step to step."""

    memory: Memory
    policy: Float[Tensor, "1 agents actions"]


class RecurrentA2C(Method):
    """Advantage actor-critic of all agents, once per segment."""

    def __init__(
        self, spec: Spec, config: ActorCriticConfig, rngs: Rngs, network: "ActorCritic"
    ) -> None:
        self._spec, self._config, self._rngs = spec, config, rngs
        self._obs_scale = torch.from_numpy(spec.obs_scale)
        self._network = network
        self._optimizer = torch.optim.RMSprop(
            network.parameters(),
            lr=config.learning_rate,
            alpha=SQUARE_DECAY,
            eps=SQUARE_OFFSET,
            foreach=True,
        )
        n = spec.n_agents
        uniform = torch.full((1, n, spec.n_actions), 1 / spec.n_actions)
        self._blank = Held(network.blank(), uniform)
        self._before = self._after = self._blank  # the step last acted on
        height, _, units = self._blank.memory.hidden.shape
        self._rollout = Rollout(
            config.rollout,
            spec,
            {"hidden": (height, units), "cell": (height, units), "policy": (n, spec.n_actions)},
        )
        self._last_slots: tuple[Tensor, Tensor] | None = None
        self._last_graph: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Count a segment with everything on its way back through time, and the weights."""
        c, n, k, units = config, spec.n_agents, spec.n_neighbors, config.hidden[-1]
        heard = spec.n_features + units + spec.n_actions
        weights = n_weights(n, (spec.n_features + k * heard, *c.hidden)) + 12 * n * units**2
        listed = n * n * k  # slots, one-hot
        step = n * (spec.n_features + k * heard + sum(c.hidden) + 20 * units) + listed
        rows = 3 * c.rollout * transition_bytes(spec)
        return rows + FLOAT_BYTES * (4 * weights + 2 * c.rollout * step)

    @torch.no_grad()
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return the logits of the next decision."""
        return self._decided(ts, self._held(ts))[1][0].numpy()

    @torch.no_grad()
    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Sample from the policies; without exploration as ``greedy`` says. Memories advance."""
        self._before = self._held(ts)
        memory, logits = self._decided(ts, self._before)
        allowed = torch.from_numpy(ts.action_mask).unsqueeze(0)
        self._after = Held(memory, log_probabilities(logits, allowed).exp())
        if not explore and self._config.greedy == "mode":
            return greedy(logits[0].numpy(), ts.action_mask)
        return sample(logits[0].numpy(), ts.action_mask, rng)

    def _held(self, ts: Timestep) -> Held:
        return self._blank if ts.first else self._after

    def _decided(
        self, ts: Timestep, held: Held
    ) -> tuple[Memory, Float[Tensor, "1 agents actions"]]:
        obs = torch.from_numpy(ts.obs).unsqueeze(0)
        seen = self._seen(obs, torch.from_numpy(ts.neighbors).unsqueeze(0), held.policy)
        memory = self._network.advance(self._network.driven(seen), held.memory, seen.slots)
        return memory, self._network.logits(memory.hidden)

    def _seen(
        self,
        obs: Tensor,
        neighbors: Int64[Tensor, "graphs agents slots"],
        policy: Float[Tensor, "rows agents actions"],
    ) -> "Seen":
        return Seen(obs * self._obs_scale, self._slots(neighbors), policy)

    def _slots(
        self, neighbors: Int64[Tensor, "graphs agents slots"]
    ) -> Float[Tensor, "graphs agents slots agents"]:
        """Return the graphs of neighbor slots; those asked for again and again are made once."""
        if self._last_slots is None or not torch.equal(self._last_slots[0], neighbors):
            self._last_slots = (neighbors.clone(), neighborhood(neighbors).one_hot())
        return self._last_slots[1]

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Store the step; learn when the segment is full."""
        before = self._before
        self._rollout.add(
            ts,
            actions,
            replace(next_ts, reward=self._reward(ts.graph, next_ts.reward)),
            hidden=before.memory.hidden[:, 0],
            cell=before.memory.cell[:, 0],
            policy=before.policy[0],
        )
        return self._update(self._rollout.take()) if self._rollout.full else {}

    def _reward(
        self, graph: Bool[np.ndarray, "agents agents"], reward: Float32[np.ndarray, "agents"]
    ) -> Float32[np.ndarray, "agents"]:
        c, scaled = self._config, np.float32(self._config.reward_scale) * reward
        if c.alpha == 0:
            return scaled
        if self._last_graph is None or not np.array_equal(self._last_graph[0], graph):
            self._last_graph = (graph, hop_distances(graph))
        return spatial(scaled, self._last_graph[1], c.alpha, normalize=c.normalize)

    def _update(self, segment: Segment) -> Mapping[str, float]:
        c, network = self._config, self._network
        seen = self._seen(segment.seen["obs"], segment.seen["neighbors"], segment.extra["policy"])
        hidden, at_ends = self._unroll(seen, segment)
        log_probs = log_probabilities(network.logits(hidden), segment.seen["action_mask"])
        value = network.value(hidden, seen.slots, segment.action, self._spec.n_actions)
        tails = self._next_value(segment, at_ends, log_probs.detach()[segment.ends].exp())
        error = n_step_returns(segment.reward, tails, segment, c.discount) - value
        policy_loss = -(taken(log_probs, segment.action) * error.detach()).mean(0).sum()
        value_loss = c.value_weight / 2 * error.square().mean(0).sum()
        spread = entropy(log_probs).mean(0).sum()
        loss = policy_loss + value_loss - c.entropy_weight * spread
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), c.max_gradient_norm)
        self._optimizer.step()
        n = self._spec.n_agents
        return {
            "policy_loss": policy_loss.item() / n,
            "value_loss": value_loss.item() / n,
            "entropy": spread.item() / n,
        }

    def _unroll(
        self, seen: "Seen", segment: Segment
    ) -> tuple[Float[Tensor, "memories steps units"], Memory]:
        """Repeat a segment; return hidden states after each step, and memories after its ends."""
        hidden, cell = segment.extra["hidden"][0], segment.extra["cell"][0]
        start = Memory(hidden.unsqueeze(1), cell.unsqueeze(1))
        memories = self._network.unroll(seen, start, segment.first)
        at_ends = zip(*(memories[t] for t in segment.ends.tolist()), strict=True)
        together = [torch.cat(parts, dim=1).detach() for parts in at_ends]
        return torch.cat([memory.hidden for memory in memories], dim=1), Memory(*together)

    @torch.no_grad()
    def _next_value(
        self, segment: Segment, memory: Memory, policy: Float[Tensor, "ends agents actions"]
    ) -> Float[Tensor, "ends agents"]:
        """Value what was seen after each end; what neighbors do there is sampled."""
        network, after = self._network, segment.after
        seen = self._seen(after["obs"], after["neighbors"], policy)
        hidden = network.advance(network.driven(seen), memory, seen.slots).hidden
        log_probs = log_probabilities(network.logits(hidden), after["action_mask"])
        action = sample_with(log_probs, self._rngs.learn)
        return network.value(hidden, seen.slots, action, self._spec.n_actions)

    def state_dict(self) -> State:
        """Return network, optimizer, the segment begun and streams; no episode is under way."""
        return {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rollout": self._rollout.state_dict(),
            "rngs": self._rngs.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self._network.load_state_dict(state["network"])
        load_optimizer(self._optimizer, state["optimizer"])
        self._rollout.load_state_dict(state["rollout"])
        self._rngs.load_state_dict(state["rngs"])

    @property
    def n_parameters(self) -> int:
        """Size of the network."""
        return sum(p.numel() for p in self._network.parameters())

    @property
    def learning_floats(self) -> float:
        """Floats per edge and step that critics and returns need.

        That is an action and, with spatially discounted rewards, everybody's reward: rewards are
        passed on from neighbor to neighbor.
        """
        return 1.0 + (self._spec.n_agents if self._config.alpha > 0 else 0.0)


class Seen(NamedTuple):
    """What a batch of joint decisions is based on, memories apart.

    Attributes:
        obs: Scaled observations.
        slots: Which agent stands in each neighbor slot, one-hot; zero where a slot is empty. One
            graph if it never changes.
        policy: Everybody's policy of the step before, uniform at the beginning of an episode.
    """

    obs: Float[Tensor, "rows agents features"]
    slots: Float[Tensor, "graphs agents slots agents"]
    policy: Float[Tensor, "rows agents actions"]

    def slots_of(self, row: int) -> Float[Tensor, "1 agents slots agents"]:
        """Return the graph of one row."""
        return self.slots if len(self.slots) == 1 else self.slots[row : row + 1]


class ActorCritic(nn.Module):
    """An encoder, an LSTM and two heads per agent.

    Args:
        spec: Sizes of the scenario.
        hidden: Width of each layer of the encoder; the last is also the LSTM's [units].
        generator: Source of the initial weights.
        init: Distribution of the initial weights.
        stack: Height of the stack: the number of agents, or 1 for shared parameters; twice the
            number of agents gives critics, the second half, an encoder and LSTM of their own.
        listens: Whether the input has the neighbors' observations beside the own.
    """

    def __init__(
        self,
        spec: Spec,
        hidden: tuple[int, ...],
        generator: torch.Generator,
        init: Init,
        *,
        stack: int,
        listens: bool,
    ) -> None:
        super().__init__()
        n, k, units = spec.n_agents, spec.n_neighbors, hidden[-1]
        self._n_agents, self._listens, self._separate = n, listens, stack == 2 * n
        heads = min(stack, n)
        n_in = spec.n_features * (1 + k) if listens else spec.n_features
        self.encoder = MLP(stack, (n_in, *hidden), generator, init, activate_last=True)
        self.lstm = LSTM(stack, units, units, generator, init)
        self.actor = Linear(heads, units, spec.n_actions, generator, init)
        self.critic = Linear(heads, units + k * spec.n_actions, 1, generator, init)

    def driven(self, seen: Seen) -> Float[Tensor, "memories rows gates"]:
        """Compute what the LSTM's gates take from its inputs."""
        x = agents_first(seen.obs)
        if self._listens:
            x = torch.cat([x, from_neighbors(seen.obs, seen.slots)], dim=2)
        if self._separate:
            x = torch.cat([x, x])
        return self.lstm.from_input(self.encoder(x))

    def advance(
        self,
        driven: Float[Tensor, "memories rows gates"],
        memory: Memory,
        slots: Float[Tensor, "graphs agents slots agents"],
    ) -> Memory:
        """Make one time step."""
        return self.lstm.advance(driven, memory)

    def unroll(self, seen: Seen, memory: Memory, first: Bool[Tensor, "rows"]) -> list[Memory]:
        """Make one time step per row, from ``memory`` on; return the memories after each."""
        memories, driven = [], self.driven(seen).split(1, dim=1)
        for t, begins in enumerate(first.tolist()):
            memory = self.blank() if begins else memory
            memory = self.advance(driven[t], memory, seen.slots_of(t))
            memories.append(memory)
        return memories

    def blank(self) -> Memory:
        """Return the memories with which an episode begins."""
        return self.lstm.blank(2 * self._n_agents if self._separate else self._n_agents)

    def logits(
        self, hidden: Float[Tensor, "memories rows units"]
    ) -> Float[Tensor, "rows agents actions"]:
        """Compute the policies' logits."""
        return self.actor(hidden[: self._n_agents]).transpose(0, 1)

    def value(
        self,
        hidden: Float[Tensor, "memories rows units"],
        slots: Float[Tensor, "graphs agents slots agents"],
        action: Int64[Tensor, "rows agents"],
        n_actions: int,
    ) -> Float[Tensor, "rows agents"]:
        """Compute each agent's value, given what its neighbors do."""
        others = from_neighbors(F.one_hot(action, n_actions).float(), slots)
        return self.critic(torch.cat([hidden[-self._n_agents :], others], dim=2)).squeeze(2).T


def from_neighbors(
    x: Float[Tensor, "rows agents units"], slots: Float[Tensor, "graphs agents slots agents"]
) -> Float[Tensor, "agents rows received"]:
    """Collect what stands in each agent's neighbor slots, side by side; zeros in empty ones."""
    graphs, agents, k, _ = slots.shape
    received = slots.reshape(graphs, agents * k, agents) @ x
    return received.view(len(x), agents, k * x.shape[2]).transpose(0, 1)
