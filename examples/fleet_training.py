"""PPO of Stable-Baselines3 learns from eight games that nothing waits for: in real time.

python fleet_training.py [STEPS]
"""

import sys
import time
from typing import Any

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecFrameStack, VecMonitor

import envserver
from envserver.adapters.sb3 import SB3VecEnv

REMOTES, FPS = 8, 15


class Fleet(SB3VecEnv):
    """Counts for how long the learner waited."""

    waited_s = 0.0

    def step_wait(self) -> Any:
        began_s = time.perf_counter()
        stepped = super().step_wait()
        self.waited_s += time.perf_counter() - began_s
        return stepped


steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
fleet = Fleet(
    envserver.make_vec(
        "gym-core.CartPole-v1",
        num_envs=REMOTES,
        autoreset_mode="same_step",
        fps=FPS,
        screen=(640, 480),
        size=(84, 84),
        color="gray",
        keep_dim=True,
    )
)
stacked = VecFrameStack(VecMonitor(fleet), n_stack=4)
model = PPO("CnnPolicy", stacked, n_steps=32, batch_size=128, n_epochs=2, device="cpu")
began_s = time.perf_counter()
model.learn(steps)
took_s = time.perf_counter() - began_s
ticks = model.num_timesteps // REMOTES
print(
    f"{model.num_timesteps} steps of {REMOTES} remotes in {took_s:.1f} s, "
    f"{fleet.waited_s / took_s:.0%} of it waiting for envserver "
    f"({ticks} ticks at {FPS} a second are {ticks / FPS / took_s:.0%})"
)
stacked.close()
