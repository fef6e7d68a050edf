"""Gymnasium's tests/vector: by which of our tests each is stated for remotes, or why not.

Left out are its files on `make`, spaces, observation modes and shared memory: of functions that it
makes its own classes with.
"""

CONTRACT = "tests/envserver/test_vector_env_contract.py::"
EQUAL = f"{CONTRACT}test_step_clock_equals_gymnasium_number_by_number"
FUNCTIONS = "no: environments of Python functions"
ITS_OWN = "no: a detail of Gymnasium's own class"
OTHER_SPACES = "no: observations are pictures, always"

SUITE = {
    "test_autoreset_mode.py": {
        "test_autoreset_next_step": "test_autoreset_next_step",
        "test_autoreset_within_step": "test_autoreset_within_step",
        "test_autoreset_disabled": "test_autoreset_disabled",
        "test_autoreset_metadata": "test_autoreset_metadata",
        "test_make_vec_autoreset": "test_make_vec_autoreset",
        "test_same_step_final_obs": "test_autoreset_within_step",
    },
    "test_vector_env.py": {
        "test_vector_env_equal": EQUAL,
        "test_vector_obs_action_spaces": "test_spaces",
        "test_final_obs_info": "test_infos_of_resets_come_with_them",
        "test_random_seeding_basics": "test_seeds",
        "test_random_seeds_set_at_retrieval": "no: remotes that get no seed choose their own",
        "test_partial_reset": "test_partial_reset",
        "test_partial_reset_failure": "test_partial_reset_failure",
    },
    "test_vector_env_info.py": {
        "test_vector_env_info": "test_autoreset_within_step",
        "test_vector_env_info_concurrent_termination": "test_ends_together",
    },
    "test_sync_vector_env.py": {
        "test_create_sync_vector_env": "test_spaces",
        "test_reset_sync_vector_env": "test_spaces",
        "test_step_sync_vector_env": "test_a_step",
        "test_render_sync_vector": "test_render",
        "test_call_sync_vector_env": "test_call",
        "test_set_attr_sync_vector_env": "test_attributes_are_the_vector_environments_own",
        "test_check_spaces_sync_vector_env": FUNCTIONS,
        "test_custom_space_sync_vector_env": OTHER_SPACES,
        "test_sync_vector_env_seed": "test_actions_are_sampled_alike",
        "test_sync_vector_determinism": EQUAL,
    },
    "test_async_vector_env.py": {
        "test_create_async_vector_env": "test_spaces",
        "test_metadata_async_vector_env": "test_autoreset_metadata",
        "test_reset_async_vector_env": "test_spaces",
        "test_render_async_vector": "test_render",
        "test_step_async_vector_env": "test_a_step",
        "test_call_async_vector_env": "test_call",
        "test_set_attr_async_vector_env": "test_attributes_are_the_vector_environments_own",
        "test_copy_async_vector_env": "no: nothing is copied; `Batch.copy` does it",
        "test_no_copy_async_vector_env": "test_observations_are_views",
        "test_reset_timeout_async_vector_env": "tests/envserver/test_hanging_remotes.py",
        "test_step_timeout_async_vector_env": "test_step_timeout",
        "test_reset_out_of_order_async_vector_env": "test_out_of_order",
        "test_step_out_of_order_async_vector_env": "test_out_of_order",
        "test_already_closed_async_vector_env": "test_already_closed",
        "test_check_spaces_async_vector_env": FUNCTIONS,
        "test_custom_space_async_vector_env": OTHER_SPACES,
        "test_custom_space_async_vector_env_shared_memory": OTHER_SPACES,
        "test_float16_async_vector_env_shared_memory": OTHER_SPACES,
        "test_async_vector_subenv_error": "test_one_that_fails_is_truncated",
        "test_max_concurrency_async_vector_env": ITS_OWN,
        "test_max_concurrency_one_async_vector_env": ITS_OWN,
        "test_non_integer_max_concurrency_async_vector_env": ITS_OWN,
        "test_invalid_max_concurrency_async_vector_env": ITS_OWN,
        "test_incompatible_custom_worker": ITS_OWN,
        "test_custom_worker_with_semaphore": ITS_OWN,
        "test_max_concurrency_greater_than_num_envs": ITS_OWN,
        "test_max_concurrency_releases_before_pipe_send": ITS_OWN,
    },
    "test_vector_wrapper.py": {
        "test_vector_env_wrapper_inheritance": "test_wrappers",
        "test_vector_env_wrapper_attributes": "test_wrappers",
        "test_vector_env_metadata": "test_wrappers",
    },
}
