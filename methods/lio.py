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
4. The cost is a term of eta's objective with a coefficient, discounted over the rollout; the
   authors' code also has a variant with an optimizer of its own.
5. Long episodes are cut into rollouts, with returns bootstrapped from a critic that has two
   outputs: the environment's rewards, which eta ascends, and what is received. The authors'
   actor-critic variant has one-step errors, which bear no trace of later incentives.
6. Policies may be shared; then all agents make one inner step together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812

from methods.base import Communication, Method, Rngs, State
from methods.nets import MLP, Init, Parameters, agents_first, n_networks
from scenarios.base import Actions, Spec, Timestep


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
        rollout_steps: Steps after which a rollout is complete [steps].
        whole_episodes: Whether a rollout then goes on to the end of the episode.
        evaluation: Without exploration, play the likeliest action (``mode``) or ``sample``.
    """

    parameters: Parameters
    hidden: tuple[int, ...]
    incentive_hidden: tuple[int, ...]
    init: Init
    incentive: Literal["edge", "positional"]
    r_max: float
    cost: float
    learning_rate: float
    incentive_learning_rate: float
    critic_learning_rate: float
    advantage: Literal["return", "critic"]
    entropy: float
    discount: float
    reward_scale: float
    epsilon: float
    epsilon_min: float
    epsilon_episodes: int
    rollout_steps: int
    whole_episodes: bool
    evaluation: Literal["mode", "sample"]


class Rollout(NamedTuple):
    """Consecutive steps of all agents, the episodes in them one after the other.

    Attributes:
        obs: Scaled observations.
        next_obs: The same, one step later.
        neighbors: Indices of the neighbors, -1 in empty slots.
        allowed: Which actions were.
        action: Actions taken.
        reward: Scaled environment rewards.
        step: Steps into the episode.
        ended: 1 after a terminated step, 2 after a truncated one, else 0.
    """

    obs: Float[Tensor, "steps agents features"]
    next_obs: Float[Tensor, "steps agents features"]
    neighbors: Int64[Tensor, "steps agents slots"]
    allowed: Bool[Tensor, "steps agents actions"]
    action: Int64[Tensor, "steps agents"]
    reward: Float[Tensor, "steps agents"]
    step: Int64[Tensor, "steps"]
    ended: Int64[Tensor, "steps"]


Weights = dict[str, Tensor]


class LIO(Method):
    """Policy gradient on rewards that neighbors learn to top up."""

    Config = LIOConfig
    title: ClassVar[str] = "LIO"
    description: ClassVar[str] = "policy gradient; agents learn what to pay neighbors for"
    version: ClassVar[str] = "1"
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
        self._growing: list[Rollout] = []  # of one step each
        self._first: Rollout | None = None  # tau, while tau' is played
        self._before: Weights = {}  # theta, while the policy holds theta'
        self._episodes = 0
        self._epsilon = config.epsilon  # of the current pair of rollouts

    @torch.no_grad()
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return the policies' logits."""
        obs = torch.from_numpy(ts.obs).unsqueeze(0) * self._obs_scale
        return self._policy(agents_first(obs)).squeeze(1).numpy()

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Sample from the mixture while exploring; else from the policy, or play its mode."""
        logits = self.scores(ts)
        if explore or self._config.evaluation == "sample":
            logits = logits + rng.gumbel(size=logits.shape)  # the largest is a sample of softmax
        chosen = np.where(ts.action_mask, logits, -np.inf).argmax(axis=1)
        if not explore:
            return chosen
        anything = np.where(ts.action_mask, rng.random(logits.shape), -1.0).argmax(axis=1)
        return np.where(rng.random(len(chosen)) < self._epsilon, anything, chosen)

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Extend the rollout; learn when it is complete."""
        self._growing.append(self._one_step(ts, actions, next_ts))
        self._episodes += next_ts.last
        c = self._config
        complete = len(self._growing) >= c.rollout_steps
        if not complete or (c.whole_episodes and not next_ts.last):
            return {}
        rollout, self._growing = joined(self._growing), []
        if self._first is None:
            return self._learn_from_first(rollout)
        return self._learn_from_second(self._first, rollout)

    def _one_step(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Rollout:
        columns = (
            torch.from_numpy(ts.obs) * self._obs_scale,
            torch.from_numpy(next_ts.obs) * self._obs_scale,
            torch.from_numpy(ts.neighbors),
            torch.from_numpy(ts.action_mask),
            torch.from_numpy(actions),
            torch.from_numpy(next_ts.reward) * self._config.reward_scale,
            torch.tensor(ts.step),
            torch.tensor(1 if next_ts.terminated else 2 if next_ts.truncated else 0),
        )
        return Rollout(*(column.unsqueeze(0) for column in columns))

    def _learn_from_first(self, first: Rollout) -> Mapping[str, float]:
        """Move the policies by the inner step: theta becomes theta'."""
        self._first = first
        self._before = {k: v.detach().clone() for k, v in self._policy.named_parameters()}
        with torch.no_grad():
            given = self.given(first)
            advantage = self.advantage(first, received(given, first.neighbors))
        after = self.inner_step(self._before, first, advantage)
        with torch.no_grad():
            for name, weight in self._policy.named_parameters():
                weight.copy_(after[name])
        edges = (first.neighbors >= 0).sum().clamp(min=1)
        return {"incentive": (given.sum() / edges).item()}

    def _learn_from_second(self, first: Rollout, second: Rollout) -> Mapping[str, float]:
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
        self._first, self._before = None, {}
        return metrics

    def incentive_loss(self, before: Weights, first: Rollout, second: Rollout) -> Float[Tensor, ""]:
        """Return what eta descends: cost, less the worth of what is given to who gives it.

        Args:
            before: The policies' parameters theta, from before the inner step.
            first: Rollout tau, played with theta.
            second: Rollout tau', played with theta'.
        """
        c, given = self._config, self.given(first)
        advantage = self.advantage(first, received(given.detach(), first.neighbors))
        with torch.no_grad():
            benefit = self.advantage(second, None)
        worth = self.worth(before, first, second, advantage, benefit)
        worth = worth.gather(2, first.neighbors.clamp(min=0))
        paid = given * c.discount ** first.step.view(-1, 1, 1)
        return c.cost * paid.sum() - (worth * given).sum()

    def worth(
        self,
        before: Weights,
        first: Rollout,
        second: Rollout,
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
        self, weights: Weights, rollout: Rollout, advantage: Float[Tensor, "steps agents"]
    ) -> Weights:
        """Return theta + beta grad sum_t (log pi(a_t) advantage_t + entropy), differentiable."""
        c = self._config
        weights = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        log_pi = self._log_policy(weights, rollout)
        taken = log_pi.gather(2, rollout.action.unsqueeze(2)).squeeze(2)
        entropy = -(log_pi.exp() * log_pi).sum()
        objective = (taken * advantage).sum() + c.entropy * entropy
        gradient = torch.autograd.grad(
            objective, list(weights.values()), create_graph=advantage.requires_grad
        )
        return {
            name: weight + c.learning_rate * g
            for (name, weight), g in zip(weights.items(), gradient, strict=True)
        }

    def given(self, rollout: Rollout) -> Float[Tensor, "steps agents slots"]:
        """Return what each agent gives to the neighbor in each slot."""
        who = rollout.neighbors.clamp(min=0)
        present = rollout.neighbors >= 0
        at = torch.arange(len(who)).view(-1, 1, 1)
        did = F.one_hot(rollout.action, self._spec.n_actions)[at, who] * present.unsqueeze(3)
        if self._config.incentive == "edge":
            own = rollout.obs.unsqueeze(2).expand(-1, -1, who.shape[2], -1)
            seen = torch.cat([own, rollout.obs[at, who], did], dim=3)
        else:
            seen = torch.cat([rollout.obs, did.flatten(2)], dim=2)
        rows = seen.transpose(0, 1).flatten(1, -2)
        out = self._incentive(rows).view(who.shape[1], len(who), -1).transpose(0, 1)
        return self._config.r_max * torch.sigmoid(out) * present

    def advantage(
        self, rollout: Rollout, incentives: Float[Tensor, "steps agents"] | None
    ) -> Float[Tensor, "steps agents"]:
        """Return the returns of what the environment, or also neighbors, paid, less the value."""
        both = slice(0, 1) if incentives is None else slice(0, 2)
        reward = rollout.reward if incentives is None else rollout.reward + incentives
        d = discounting(rollout, self._config.discount)
        if self._config.advantage == "return":
            return d @ reward
        tail = self._tail(rollout)[..., both].sum(2)
        return d @ (reward + tail) - self._value(rollout.obs)[..., both].sum(2)

    def critic_loss(self, rollout: Rollout) -> Float[Tensor, ""]:
        """Compare both of the critics' outputs with the returns of a rollout."""
        with torch.no_grad():
            incentives = received(self.given(rollout), rollout.neighbors)
            reward = torch.stack([rollout.reward, incentives], dim=2) + self._tail(rollout)
            target = discounting(rollout, self._config.discount) @ reward.flatten(1)
        return F.mse_loss(self._value(rollout.obs), target.view(reward.shape))

    def _tail(self, rollout: Rollout) -> Float[Tensor, "steps agents 2"]:
        """Return the discounted value of going on, where a rollout stops but the game does not."""
        cut = rollout.ended == 2
        cut[-1] |= rollout.ended[-1] == 0
        tail = rollout.reward.new_zeros(*rollout.reward.shape, 2)
        with torch.no_grad():
            tail[cut] = self._config.discount * self._value(rollout.next_obs[cut])
        return tail

    def _value(
        self, obs: Float[Tensor, "steps agents features"]
    ) -> Float[Tensor, "steps agents 2"]:
        return self._critic(agents_first(obs)).transpose(0, 1)

    def log_prob(self, weights: Weights, rollout: Rollout) -> Float[Tensor, "steps agents"]:
        """Return the logarithm of the chance of each action that was taken."""
        log_pi = self._log_policy(weights, rollout)
        return log_pi.gather(2, rollout.action.unsqueeze(2)).squeeze(2)

    def _log_policy(
        self, weights: Weights, rollout: Rollout
    ) -> Float[Tensor, "steps agents actions"]:
        logits = functional_call(self._policy, weights, (agents_first(rollout.obs),))
        return log_mixture(logits.transpose(0, 1), rollout.allowed, self._epsilon)

    def state_dict(self) -> State:
        """Return networks, optimizers, streams, counters and the rollouts under way."""
        return {
            "policy": self._policy.state_dict(),
            "incentive": self._incentive.state_dict(),
            "critic": self._critic.state_dict(),
            "incentive_optimizer": self._incentive_optimizer.state_dict(),
            "critic_optimizer": self._critic_optimizer.state_dict(),
            "growing": joined(self._growing)._asdict() if self._growing else {},
            "first": self._first._asdict() if self._first else {},
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
        self._incentive_optimizer.load_state_dict(state["incentive_optimizer"])
        self._critic_optimizer.load_state_dict(state["critic_optimizer"])
        self._growing = split(Rollout(**state["growing"])) if state["growing"] else []
        self._first = Rollout(**state["first"]) if state["first"] else None
        self._before = state["before"]
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


def joined(steps: list[Rollout]) -> Rollout:
    """Put pieces of a rollout together."""
    return Rollout(*map(torch.cat, zip(*steps, strict=True)))


def split(rollout: Rollout) -> list[Rollout]:
    """Take a rollout apart into its steps."""
    return [Rollout(*step) for step in zip(*(column.split(1) for column in rollout), strict=True)]


def received(
    given: Float[Tensor, "steps agents slots"], neighbors: Int64[Tensor, "steps agents slots"]
) -> Float[Tensor, "steps agents"]:
    """Add up what each agent is given."""
    none = torch.zeros(given.shape[:2], dtype=given.dtype)
    return none.scatter_add(1, neighbors.clamp(min=0).flatten(1), given.flatten(1))


def discounting(rollout: Rollout, discount: float) -> Float[Tensor, "steps steps"]:
    """Return the matrix that turns rewards into returns: gamma^(l - t) within an episode."""
    over = (rollout.ended > 0).long()
    episode = over.cumsum(0) - over
    t = torch.arange(len(over))
    later = t - t.unsqueeze(1)  # [t, l] is l - t
    counts = (later >= 0) & (episode == episode.unsqueeze(1))
    return discount ** later.clamp(min=0).to(rollout.reward.dtype) * counts


def log_mixture(
    logits: Float[Tensor, "steps agents actions"],
    allowed: Bool[Tensor, "steps agents actions"],
    epsilon: float,
) -> Float[Tensor, "steps agents actions"]:
    """Return log((1 - epsilon) pi + epsilon uniform); finite also where nothing is allowed."""
    pi = logits.masked_fill(~allowed, -torch.inf).softmax(2)
    uniform = allowed / allowed.sum(2, keepdim=True)
    return ((1 - epsilon) * pi + epsilon * uniform).clamp(min=1e-30).log()
