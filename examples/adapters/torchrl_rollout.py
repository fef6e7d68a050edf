"""A rollout of TorchRL on the pixels of two games: `python torchrl_rollout.py [STEPS]`."""

import sys

from torchrl.envs import Compose, ToTensorImage, TransformedEnv

import envserver
from envserver.adapters.torchrl import TorchRLEnv

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
envs = envserver.make_vec(
    "gym-core.CartPole-v1",
    num_envs=2,
    autoreset_mode="disabled",
    clock="step",
    screen=(640, 480),
    size=(84, 84),
)
env = TransformedEnv(TorchRLEnv(envs), Compose(ToTensorImage()))
env.set_seed(0)
rollout = env.rollout(steps, break_when_any_done=False)
pixels, done = rollout["pixels"], rollout["next", "done"]
print(f"{tuple(pixels.shape)} {pixels.dtype}, {int(done.sum())} episodes over")
env.close()
