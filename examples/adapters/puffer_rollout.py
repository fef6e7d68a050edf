"""What PuffeRL does to collect a batch, at random: `python puffer_rollout.py [STEPS]`."""

import sys

import numpy as np

import envserver
from envserver.adapters.puffer import PufferVecEnv

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
vecenv = PufferVecEnv(
    envserver.make_vec(
        "gym-core.CartPole-v1",
        num_envs=2,
        autoreset_mode="same_step",
        clock="step",
        screen=(640, 480),
        size=(84, 84),
    )
)
rows = np.zeros((vecenv.num_agents, steps, 84, 84, 3), np.uint8)
returns = []
vecenv.async_reset(seed=0)
for step in range(steps):
    observations, rewards, ends, limits, infos, agents, masks = vecenv.recv()
    rows[agents, step] = observations
    returns += [info["episode_return"] for info in infos]
    vecenv.send(vecenv.action_space.sample())
print(f"{rows.shape} {rows.dtype}, {len(returns)} episodes over, {np.mean(returns):g} points each")
vecenv.close()
