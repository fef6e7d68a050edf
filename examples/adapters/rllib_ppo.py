"""RLlib's PPO on the pixels of two games, while `envserver serve` runs: `rllib_ppo.py [TIMES]`."""

import sys

import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.tune.registry import register_env

from envserver.adapters.rllib import create

register_env("envserver", create)
ray.init(address="local", num_cpus=1, include_dashboard=False, _node_ip_address="127.0.0.1")
game = {"name": "gym-core.CartPole-v1", "clock": "step", "screen": (640, 480), "size": (64, 64)}
config = (
    PPOConfig()
    .environment("envserver", env_config=game)
    .env_runners(
        num_env_runners=0,
        num_envs_per_env_runner=2,
        gym_env_vectorize_mode="vector_entry_point",
    )
    .training(train_batch_size=64, minibatch_size=64, num_epochs=1)
)
algorithm = config.build_algo()
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
    result = algorithm.train()
trained = result["learners"]["default_policy"]["num_module_steps_trained_lifetime"]
print(f"{result['num_env_steps_sampled_lifetime']:g} steps sampled, trained with {trained:g}")
algorithm.stop()
ray.shutdown()
