"""All checks by name; one with variants stands here once for each."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from harness.checks import acting, learning, scenario
from harness.checks.base import Build
from harness.checks.subject import Subject

SCENARIO_CHECKS: Mapping[str, Callable[[Build], None]] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            scenario.it_is_a_scenario_and_describes_itself,
            scenario.the_bound_is_better_than_the_floor,
            scenario.timesteps_keep_the_contract,
            scenario.nothing_is_earned_by_a_reset,
            scenario.slots_and_graph_say_the_same_and_each_agent_is_its_own_neighbor,
            scenario.what_was_handed_out_never_changes,
            scenario.a_reader_who_scribbles_on_a_timestep_changes_nothing,
            scenario.it_draws_from_its_stream_if_and_only_if_it_says_so,
            scenario.every_figure_is_known_and_finite,
            scenario.reference_policies_play_allowed_actions,
            scenario.a_forbidden_action_is_refused,
            scenario.a_step_after_the_end_is_refused,
        )
    }
    | {
        f"same_seed_same_episode_also_after_another_one, seed {seed}": partial(
            scenario.same_seed_same_episode_also_after_another_one, seed=seed
        )
        for seed in range(3)
    }
    | {
        f"an_action_out_of_range_is_refused, {side}": partial(
            scenario.an_action_out_of_range_is_refused, side=side
        )
        for side in ("below", "above")
    }
)

METHOD_CHECKS: Mapping[str, Callable[[Subject], None]] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            learning.it_describes_itself,
            learning.it_says_what_it_costs,
            acting.scores_are_finite_one_per_agent_and_action,
            acting.scores_are_pure,
            acting.traces_have_one_row_per_agent,
            acting.exploration_draws_from_the_stream_it_is_given,
            learning.it_learns,
            learning.its_figures_are_finite,
            learning.same_seed_same_run,
            learning.every_seed_is_a_sample_of_its_own,
            learning.evaluation_leaves_training_alone,
        )
    }
    | {
        f"it_plays_allowed_actions, {how}": partial(
            acting.it_plays_allowed_actions, explore=how == "exploring"
        )
        for how in ("exploring", "greedy")
    }
    | {
        f"{check.__name__}, {graph} graph": partial(check, graph=graph)
        for check in (
            acting.nobody_knows_more_than_hops_allow,
            acting.with_shared_parameters_agents_are_exchangeable,
            learning.save_and_load_continue_bit_for_bit,
        )
        for graph in ("path", "drawn")
    }
)
