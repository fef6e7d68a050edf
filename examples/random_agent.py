"""A random agent on eight Atari games, 60 frames a second each: `python random_agent.py [STEPS]`.

The games run in processes of their own behind VNC servers; the observations are shared memory.
"""

import sys

import numpy as np

import envserver

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 600
envs = envserver.make_vec("gym-core.Breakout-v0", num_envs=8, fps=60)
observations, infos = envs.reset(seed=0)
returns, late = np.zeros(envs.num_envs), 0
for _ in range(steps):
    observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
    returns += rewards
    late += int(infos["late"].sum())
    for env in np.flatnonzero(terminated | truncated):
        print(f"environment {env}: episode over, {returns[env]:g} points")
        returns[env] = 0
print(f"{steps} steps of {observations.shape}; {late} rows late, {envs.missed_ticks} ticks missed")
envs.close()
