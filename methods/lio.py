"""LIO: learning to incentivize others.

Source: Yang et al., 2020 (Algorithm 1), and the authors' code. Beside its policy pi_i, agent i has
an incentive function r_eta_i: what it gives to each neighbor for what that neighbor did. Policies
learn from their own reward and all they are given; eta_i ascends the environment return of i alone,
through the learning of those it pays. Updates come in pairs of rollouts:

    play tau with theta;    theta'_j = theta_j + beta sum_t grad log pi_j(a_t) G_j,t(tau; eta)
    play tau' with theta';  eta_i ascends sum_{j != i, s} log pi_{theta'_j(eta)}(a'_s) G_i,s(tau')

and theta <- theta'. The gradient reaches eta through theta' alone and is exact:
d theta'_j / d G_j,t is differentiated through the inner step, once per giver, and dG_j,t / d eta_i
follows because returns are linear in what is given.

Both rollouts are environment steps of training like any other.

Departures from the source, each with its reason:

1. Agents give to their current neighbors only, where the source has them give to all: with twenty
   agents or more nobody can learn whom to pay ("cannot be distinguished", paper 001).
2. By default one network per giver, r_eta(o_i, o_j, a_j), serves all of its edges, so that it does
   not matter in which slot a neighbor stands. ``incentive = "positional"`` is the source's: one
   output per slot from o_i and all neighbors' actions.
3. Both rollouts act by the mixture (1 - epsilon) pi + epsilon uniform, and both updates take the
   logarithm of that mixture; the authors' code leaves it out of the second.
4. The cost is a term of eta's objective with a coefficient, not discounted, so that late steps of
   long episodes are not free; the authors' code also has a variant with its own optimizer.
5. Long episodes are cut into rollouts, with returns bootstrapped from a critic that has two
   outputs: the environment's rewards, which eta ascends, and what is received. The authors'
   actor-critic variant has one-step errors, which bear no trace of later incentives.
6. Policies may be shared; then all agents make one inner step together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64, Shaped
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812

from methods.base import FLOAT_BYTES, Communication, Method, Rngs, State, at_most, load_optimizer
from methods.learners.replay import transition_bytes
from methods.learners.rollout import Rollout, Segment
from methods.nn.nets import MLP, Init, Parameters, agents_first, n_networks, n_weights
from methods.nn.policy import entropy, greedy, sample, taken
from scenarios.base import Actions, Spec, Timestep
from scenarios.ranges import Scale, Share, Steps, StepSize, Weight, Widths


@dataclass(frozen=True, slots=True, kw_only=True)
class LIOConfig:
    """Hyperparameters; values and sources are in ``methods/hparams/lio.toml``.

    Attributes:
        parameters: One network of each kind for all agents, or one per agent.
        hidden: Width of each hidden layer of policies and critics [units].
        incentive_hidden: Width of each hidden layer of incentive functions [units].
        init: Distribution of the initial weights.
        incentive: One function for all ``edge``s of an agent, or ``positional`` outputs.
        r_max: Largest incentive per step, given by one agent to one other [scaled reward].
        cost: Weight of what an agent gives in its incentive function's objective.
        learning_rate: Step size of the inner step, beta: gradient ascent on the sum over time.
        incentive_learning_rate: Step size of Adam for the incentive functions.
        critic_learning_rate: Step size of Adam for the critics.
        advantage: Weigh actions by their ``return``, ended by truncation too, as REINFORCE does;
            or bootstrap from a ``critic`` and subtract its value.
        entropy: Weight of the policy's entropy in the inner step.
        discount: Discount factor gamma, per environment step.
        reward_scale: Factor on rewards inside the learner; metrics are never scaled.
        epsilon: Share of uniform play in the mixture in the first training episode.
        epsilon_min: Least share.
        epsilon_episodes: Episodes over which it falls linearly.
        rollout: Steps after which a rollout is complete [steps].
        whole_episodes: Whether a rollout then goes on to the end of the episode.
        evaluation: Without exploration, play the likeliest action (``mode``) or ``sample``.
    """

    parameters: Parameters
    hidden: Widths
    incentive_hidden: Widths
    init: Init
    incentive: Literal["edge", "positional"]
    r_max: Weight
    cost: Weight
    learning_rate: StepSize
    incentive_learning_rate: StepSize
    critic_learning_rate: StepSize
    advantage: Literal["return", "critic"]
    entropy: Weight
    discount: Share
    reward_scale: Scale
    epsilon: Share
    epsilon_min: Share
    epsilon_episodes: Steps
    rollout: Steps
    whole_episodes: bool
    evaluation: Literal["mode", "sample"]

    def __post_init__(self) -> None:
        """Refuse values that do not go together."""
        at_most(self, "epsilon_min", "epsilon")


Weights = dict[str, Tensor]


class LIO(Method):
    """Policy gradient on rewards that neighbors learn to top up."""

    Config = LIOConfig
    title: ClassVar[str] = "LIO"
    description: ClassVar[str] = "policy gradient; agents learn what to pay neighbors for"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "own, with incentives"
    hops = 0

    def __init__(self, spec: Spec, config: LIOConfig, rngs: Rngs) -> None:
        self._spec, self._config, self._rngs = spec, config, rngs
        self._obs_scale = torch.from_numpy(spec.obs_scale)
        stack, n_in = n_networks(config.parameters, spec.n_agents), spec.n_features
        self._policy = MLP(stack, (n_in, *config.hidden, spec.n_actions), rngs.init, config.init)
        if config.incentive == "edge":
            ends = (2 * n_in + spec.n_actions, 1)
        else:
            ends = (n_in + spec.n_neighbors * spec.n_actions, spec.n_neighbors)
        self._incentive = MLP(
            stack, (ends[0], *config.incentive_hidden, ends[1]), rngs.init, config.init
        )
        self._critic = MLP(stack, (n_in, *config.hidden, 2), rngs.init, config.init)
        self._incentive_optimizer = torch.optim.Adam(
            self._incentive.parameters(), lr=config.incentive_learning_rate, fused=True
        )
        self._critic_optimizer = torch.optim.Adam(
            self._critic.parameters(), lr=config.critic_learning_rate, fused=True
        )
        self._rollout = Rollout(self._longest(spec, config), spec)
        self._first: State = {}  # tau, while tau' is played
        self._before: Weights = {}  # theta, while the policy holds theta'
        self._episodes = 0
        self._epsilon = config.epsilon  # of the current pair of rollouts

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Count two rollouts, and what givers make of everybody's policy at every step."""
        c, n, longest = config, spec.n_agents, cls._longest(spec, config)
        widths = (spec.n_features, *c.hidden, spec.n_actions)
        given = (2 * spec.n_features + spec.n_actions, *c.incentive_hidden, 1)
        weights = 2 * n_weights(1, widths) + n_weights(1, given)
        givers = n * n * 3 * (sum(widths[1:]) + 2)  # per step: every giver's gradient of everybody
        edges = n * spec.n_neighbors * 3 * sum(given)
        floats = longest * (givers + edges + 4 * n * sum(widths) + 4 * longest)
        stack = n_networks(c.parameters, n)
        rows = 6 * longest * transition_bytes(spec)
        return rows + FLOAT_BYTES * (5 * stack * weights + floats)

    @staticmethod
    def _longest(spec: Spec, config: LIOConfig) -> int:
        return config.rollout + spec.max_steps * config.whole_episodes

    @torch.no_grad()
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return the policies' logits."""
        obs = self._scaled(torch.from_numpy(ts.obs).unsqueeze(0))
        return self._policy(agents_first(obs)).squeeze(1).numpy()

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Sample from the mixture while exploring; else from the policy, or play its mode."""
        logits, allowed = self.scores(ts), ts.action_mask
        if not explore:
            draw = self._config.evaluation == "sample"
            return sample(logits, allowed, rng) if draw else greedy(logits, allowed)
        chosen = sample(logits, allowed, rng)
        anything = sample(np.zeros_like(logits), allowed, rng)
        return np.where(rng.random(len(chosen)) < self._epsilon, anything, chosen)

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Extend the rollout; learn when it is complete."""
        self._rollout.add(ts, actions, next_ts)
        self._episodes += next_ts.last
        c = self._config
        if len(self._rollout) < c.rollout or (c.whole_episodes and not next_ts.last):
            return {}
        if not self._first:
            self._first = self._rollout.state_dict()
            return self._learn_from_first(self._rollout.take())
        second = self._rollout.take()
        self._rollout.load_state_dict(self._first)
        self._first = {}
        return self._learn_from_second(self._rollout.take(), second)

    def _learn_from_first(self, first: Segment) -> Mapping[str, float]:
        """Move the policies by the inner step: theta becomes theta'."""
        self._before = {k: v.detach().clone() for k, v in self._policy.named_parameters()}
        with torch.no_grad():
            given = self.given(first)
            advantage = self.advantage(first, received(given, neighbors_of(first)))
        after = self.inner_step(self._before, first, advantage)
        with torch.no_grad():
            for name, weight in self._policy.named_parameters():
                weight.copy_(after[name])
        edges = (neighbors_of(first) >= 0).sum().clamp(min=1)
        return {"incentive": (given.sum() / edges).item()}

    def _learn_from_second(self, first: Segment, second: Segment) -> Mapping[str, float]:
        """Move the incentive functions, and the critics by both rollouts; begin a new pair."""
        c = self._config
        loss = self.incentive_loss(self._before, first, second)
        self._incentive_optimizer.zero_grad()
        loss.backward(inputs=list(self._incentive.parameters()))
        self._incentive_optimizer.step()
        metrics = {"incentive_loss": loss.item()}
        if c.advantage == "critic":
            value_loss = self.critic_loss(first) + self.critic_loss(second)
            self._critic_optimizer.zero_grad()
            value_loss.backward()
            self._critic_optimizer.step()
            metrics["value_loss"] = value_loss.item()
        fallen = min(self._episodes / c.epsilon_episodes, 1.0)
        self._epsilon = c.epsilon + (c.epsilon_min - c.epsilon) * fallen
        self._before = {}
        return metrics

    def incentive_loss(self, before: Weights, first: Segment, second: Segment) -> Float[Tensor, ""]:
        """Return what eta descends: cost, less the worth of what is given to who gives it.

        Args:
            before: The policies' parameters theta, from before the inner step.
            first: Rollout tau, played with theta.
            second: Rollout tau', played with theta'.
        """
        c, given = self._config, self.given(first)
        neighbors = neighbors_of(first)
        advantage = self.advantage(first, received(given.detach(), neighbors))
        with torch.no_grad():
            benefit = self.advantage(second, None)
        worth = self.worth(before, first, second, advantage, benefit)
        worth = worth.gather(2, neighbors.clamp(min=0))
        return ((c.cost - worth) * given).sum()

    def worth(
        self,
        before: Weights,
        first: Segment,
        second: Segment,
        advantage: Float[Tensor, "steps agents"],
        benefit: Float[Tensor, "later agents"],
    ) -> Float[Tensor, "steps agents agents"]:
        """Differentiate each giver's objective by what each agent receives, at each step.

        Giver i's objective is ``sum_{j != i} sum_s log pi_{theta'_j}(a'_j,s) benefit_i,s``.
        """
        advantage = advantage.detach().requires_grad_()
        after = self.inner_step(before, first, advantage)
        log_prob = self.log_prob(after, second)
        not_self = 1 - torch.eye(log_prob.shape[1], dtype=benefit.dtype)
        one_per_giver = benefit.T.unsqueeze(2) * not_self.unsqueeze(1)  # [givers, later, agents]
        (influence,) = torch.autograd.grad(
            log_prob, advantage, (one_per_giver,), is_grads_batched=True
        )
        return (discounting(first, self._config.discount).T @ influence).transpose(0, 1)

    def inner_step(
        self, weights: Weights, segment: Segment, advantage: Float[Tensor, "steps agents"]
    ) -> Weights:
        """Return theta + beta grad sum_t (log pi(a_t) advantage_t + entropy), differentiable."""
        c = self._config
        weights = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        log_pi = self._log_policy(weights, segment)
        chosen = taken(log_pi, segment.action)
        objective = (chosen * advantage + c.entropy * entropy(log_pi)).sum()
        gradient = torch.autograd.grad(
            objective, list(weights.values()), create_graph=advantage.requires_grad
        )
        return {
            name: weight + c.learning_rate * g
            for (name, weight), g in zip(weights.items(), gradient, strict=True)
        }

    def log_prob(self, weights: Weights, segment: Segment) -> Float[Tensor, "steps agents"]:
        """Return the logarithm of the chance of each action that was taken."""
        return taken(self._log_policy(weights, segment), segment.action)

    def _log_policy(
        self, weights: Weights, segment: Segment
    ) -> Float[Tensor, "steps agents actions"]:
        obs = agents_first(self._scaled(segment.seen["obs"]))
        logits = functional_call(self._policy, weights, (obs,)).transpose(0, 1)
        return log_mixture(logits, segment.seen["action_mask"], self._epsilon)

    def given(self, segment: Segment) -> Float[Tensor, "steps agents slots"]:
        """Return what each agent gives to the neighbor in each slot."""
        neighbors, obs = neighbors_of(segment), self._scaled(segment.seen["obs"])
        who, present = neighbors.clamp(min=0), neighbors >= 0
        at = torch.arange(len(who)).view(-1, 1, 1)
        did = F.one_hot(segment.action, self._spec.n_actions)[at, who] * present.unsqueeze(3)
        if self._config.incentive == "edge":
            own = obs.unsqueeze(2).expand(-1, -1, who.shape[2], -1)
            seen = torch.cat([own, obs[at, who], did], dim=3)
        else:
            seen = torch.cat([obs, did.flatten(2)], dim=2)
        rows = seen.transpose(0, 1).flatten(1, -2)
        out = self._incentive(rows).view(who.shape[1], len(who), -1).transpose(0, 1)
        return self._config.r_max * torch.sigmoid(out) * present

    def advantage(
        self, segment: Segment, incentives: Float[Tensor, "steps agents"] | None
    ) -> Float[Tensor, "steps agents"]:
        """Return the returns of what the environment, or also neighbors, paid, less the value."""
        reward = self._config.reward_scale * segment.reward
        if incentives is not None:
            reward = reward + incentives
        d = discounting(segment, self._config.discount)
        if self._config.advantage == "return":
            return d @ reward
        both = slice(0, 1 if incentives is None else 2)
        reward = reward + self._tail(segment)[..., both].sum(2)
        return d @ reward - self._value(segment.seen["obs"])[..., both].sum(2).detach()

    def critic_loss(self, segment: Segment) -> Float[Tensor, ""]:
        """Compare both of the critics' outputs with the returns of a rollout."""
        with torch.no_grad():
            incentives = received(self.given(segment), neighbors_of(segment))
            reward = torch.stack([self._config.reward_scale * segment.reward, incentives], 2)
            reward = reward + self._tail(segment)
            target = discounting(segment, self._config.discount) @ reward.flatten(1)
        return F.mse_loss(self._value(segment.seen["obs"]), target.view(reward.shape))

    @torch.no_grad()
    def _tail(self, segment: Segment) -> Float[Tensor, "steps agents 2"]:
        """Return the discounted value of what follows, where a rollout or an episode stops."""
        tail = segment.reward.new_zeros(*segment.reward.shape, 2)
        value = segment.continues.view(-1, 1, 1) * self._value(segment.after["obs"])
        tail[segment.ends] = (self._config.discount * value).to(tail.dtype)
        return tail

    def _value(
        self, obs: Shaped[Tensor, "steps agents features"]
    ) -> Float[Tensor, "steps agents 2"]:
        return self._critic(agents_first(self._scaled(obs))).transpose(0, 1)

    def _scaled(
        self, obs: Shaped[Tensor, "steps agents features"]
    ) -> Float[Tensor, "steps agents features"]:
        return obs * self._obs_scale

    def state_dict(self) -> State:
        """Return networks, optimizers, streams, counters and the rollouts under way."""
        return {
            "policy": self._policy.state_dict(),
            "incentive": self._incentive.state_dict(),
            "critic": self._critic.state_dict(),
            "incentive_optimizer": self._incentive_optimizer.state_dict(),
            "critic_optimizer": self._critic_optimizer.state_dict(),
            "rollout": self._rollout.state_dict(),
            "first": self._first,
            "before": self._before,
            "rngs": self._rngs.state_dict(),
            "episodes": self._episodes,
            "epsilon": self._epsilon,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict``."""
        self._policy.load_state_dict(state["policy"])
        self._incentive.load_state_dict(state["incentive"])
        self._critic.load_state_dict(state["critic"])
        load_optimizer(self._incentive_optimizer, state["incentive_optimizer"])
        load_optimizer(self._critic_optimizer, state["critic_optimizer"])
        self._rollout.load_state_dict(state["rollout"])
        self._first, self._before = state["first"], state["before"]
        self._rngs.load_state_dict(state["rngs"])
        self._episodes, self._epsilon = state["episodes"], state["epsilon"]

    @property
    def n_parameters(self) -> int:
        """Size of policies, incentive functions and, where they learn, critics."""
        with_critic = [self._critic] if self._config.advantage == "critic" else []
        networks = [self._policy, self._incentive, *with_critic]
        return sum(p.numel() for network in networks for p in network.parameters())

    @property
    def communication(self) -> Communication:
        """Nothing while acting.

        While learning, an incentive, the action it is for and, for the edge function, the
        observation; every other step the giver's return, and back its worth by the recipient.
        """
        seen = self._spec.n_features if self._config.incentive == "edge" else 0
        return Communication(execution=0.0, training=3.0 + seen)


def neighbors_of(segment: Segment) -> Int64[Tensor, "steps agents slots"]:
    """Return the neighbors at each step, also where they never change."""
    return segment.seen["neighbors"].expand(len(segment.reward), -1, -1)


def received(
    given: Float[Tensor, "steps agents slots"], neighbors: Int64[Tensor, "steps agents slots"]
) -> Float[Tensor, "steps agents"]:
    """Add up what each agent is given."""
    none = torch.zeros(given.shape[:2], dtype=given.dtype)
    return none.scatter_add(1, neighbors.clamp(min=0).flatten(1), given.flatten(1))


def discounting(segment: Segment, discount: float) -> Float[Tensor, "steps steps"]:
    """Return the matrix that turns rewards into returns: gamma^(l - t) within an episode."""
    episode, t = segment.first.cumsum(0), torch.arange(len(segment.first))
    later = t - t.unsqueeze(1)  # [t, l] is l - t
    counts = (later >= 0) & (episode == episode.unsqueeze(1))
    return discount ** later.clamp(min=0).to(segment.reward.dtype) * counts


def log_mixture(
    logits: Float[Tensor, "steps agents actions"],
    allowed: Bool[Tensor, "steps agents actions"],
    epsilon: float,
) -> Float[Tensor, "steps agents actions"]:
    """Return log((1 - epsilon) pi + epsilon uniform); finite also where nothing is allowed."""
    pi = logits.masked_fill(~allowed, -torch.inf).softmax(2)
    uniform = allowed / allowed.sum(2, keepdim=True)
    return ((1 - epsilon) * pi + epsilon * uniform).clamp(min=1e-30).log()
