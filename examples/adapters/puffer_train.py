"""PufferLib's trainer on the pixels of two games: `python puffer_train.py [STEPS]`."""

import sys

from pufferlib.models import Default
from pufferlib.pufferl import PuffeRL, load_config

import envserver
from envserver.adapters.puffer import PufferVecEnv

# PufferLib reads what else is on the command line.
steps = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 1000
vecenv = PufferVecEnv(
    envserver.make_vec(
        "gym-core.CartPole-v1",
        num_envs=2,
        autoreset_mode="same_step",
        clock="step",
        screen=(640, 480),
        size=(64, 64),
    )
)
config = load_config("default")["train"]
config |= {"env": "cartpole", "device": "cpu", "optimizer": "adam", "total_timesteps": steps}
config |= {"bptt_horizon": 16, "minibatch_size": 32, "learning_rate": 1e-4}
trainer = PuffeRL(config, vecenv, Default(vecenv.driver_env))
while trainer.global_step < steps:
    trainer.evaluate()
    trainer.train()
print(f"{trainer.global_step} steps, {trainer.epoch} updates: {trainer.close()}")
