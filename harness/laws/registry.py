"""The laws by name; a law with variants stands there once for each."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from harness.laws import Build, acting_laws, action_laws, learning_laws, scenario_laws
from harness.laws.subject import Subject

SCENARIO_LAWS: Mapping[str, Callable[[Build], None]] = MappingProxyType(
    {
        law.__name__: law
        for law in (
            scenario_laws.it_is_a_scenario_and_describes_itself,
            scenario_laws.the_bound_is_better_than_the_floor,
            scenario_laws.timesteps_keep_the_contract,
            scenario_laws.nothing_is_earned_by_a_reset,
            scenario_laws.slots_and_graph_say_the_same_and_each_agent_is_its_own_neighbor,
            scenario_laws.what_was_handed_out_never_changes,
            scenario_laws.a_reader_who_scribbles_on_a_timestep_changes_nothing,
            scenario_laws.it_draws_from_its_stream_if_and_only_if_it_says_so,
            scenario_laws.every_figure_is_known_and_finite,
            action_laws.reference_policies_play_allowed_actions,
            action_laws.a_forbidden_action_is_refused,
            action_laws.a_step_after_the_end_is_refused,
        )
    }
    | {
        f"same_seed_same_episode_also_after_another_one, seed {seed}": partial(
            scenario_laws.same_seed_same_episode_also_after_another_one, seed=seed
        )
        for seed in range(3)
    }
    | {
        f"an_action_out_of_range_is_refused, {side}": partial(
            action_laws.an_action_out_of_range_is_refused, side=side
        )
        for side in ("below", "above")
    }
)

METHOD_LAWS: Mapping[str, Callable[[Subject], None]] = MappingProxyType(
    {
        law.__name__: law
        for law in (
            learning_laws.it_describes_itself,
            learning_laws.it_says_what_it_costs,
            acting_laws.scores_are_finite_one_per_agent_and_action,
            acting_laws.scores_are_pure,
            acting_laws.traces_have_one_row_per_agent,
            acting_laws.exploration_draws_from_the_stream_it_is_given,
            learning_laws.it_learns,
            learning_laws.its_figures_are_finite_and_some_are_reported,
            learning_laws.same_seed_same_run,
            learning_laws.every_seed_is_a_sample_of_its_own,
            learning_laws.evaluation_leaves_training_alone,
        )
    }
    | {
        f"it_plays_allowed_actions, {how}": partial(
            acting_laws.it_plays_allowed_actions, explore=how == "exploring"
        )
        for how in ("exploring", "greedy")
    }
    | {
        f"{law.__name__}, {graph} graph": partial(law, graph=graph)
        for law in (
            acting_laws.nobody_knows_more_than_hops_allow,
            acting_laws.with_shared_parameters_agents_are_exchangeable,
            learning_laws.save_and_load_continue_bit_for_bit,
        )
        for graph in ("path", "drawn")
    }
)
