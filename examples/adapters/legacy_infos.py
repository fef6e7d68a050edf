"""A loop as CleanRL's scripts have it, at random: `python legacy_infos.py [STEPS]`."""

import sys

import envserver
from envserver.adapters.legacy import LegacyVectorEnv

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
envs = LegacyVectorEnv(
    envserver.make_vec(
        "gym-core.CartPole-v1",
        num_envs=2,
        autoreset_mode="same_step",
        clock="step",
        screen=(640, 480),
        size=(84, 84),
    )
)
observations, _ = envs.reset(seed=0)
for step in range(steps):
    observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
    for info in infos.get("final_info", []):
        if info and "episode" in info:
            r, length = info["episode"]["r"].item(), info["episode"]["l"].item()
            print(f"step {step}: an episode of {length} steps, {r:g} points")
envs.close()
