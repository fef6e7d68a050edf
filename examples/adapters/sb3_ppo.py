"""PPO of Stable-Baselines3 on the pixels of two games: `python sb3_ppo.py [STEPS]`."""

import sys

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecFrameStack, VecMonitor

import envserver
from envserver.adapters.sb3 import SB3VecEnv

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 512
envs = envserver.make_vec(
    "gym-core.CartPole-v1",
    num_envs=2,
    autoreset_mode="same_step",
    clock="step",
    screen=(640, 480),
    size=(84, 84),
    color="gray",
    keep_dim=True,
)
stacked = VecFrameStack(VecMonitor(SB3VecEnv(envs)), n_stack=4)
model = PPO("CnnPolicy", stacked, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu")
model.learn(steps)
episodes = [episode["r"] for episode in model.ep_info_buffer]
print(f"{model.num_timesteps} steps, {len(episodes)} episodes, {sum(episodes):g} points")
stacked.close()
