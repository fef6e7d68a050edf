"""PPO learns Catch through VNC: pixels in, keys out, in real time, on two cores.

    python train_ppo.py [--seed 0] [--minutes 18] [--out curve.json] [--short]

Sixteen games run at 30 frames a second while they are played and while the network learns. The
curve is the score of greedy episodes, played now and then; learning ends when nearly all balls are
caught, or when its time is over. The result is that of 112 further episodes; as many are played at
random before.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

import envserver
from envserver.adapters.sb3 import SB3VecEnv

ENVS, FPS = 16, 30
ENOUGH, LOOKS = 0.95, 3
"""Of the balls, at so many looks in a row: learning is over."""


class Eyes(BaseFeaturesExtractor):  # type: ignore[misc]
    """An eighth of the work of SB3's network for Atari; one picture tells all, none are stacked."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, 128)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 16, 8, 4),
            torch.nn.ReLU(),
            torch.nn.Conv2d(16, 16, 4, 2),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(16 * 9 * 9, 128),
            torch.nn.ReLU(),
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        seen: torch.Tensor = self.layers(pictures)
        return seen


def play(model: PPO, rounds: int, balls: int, choose: Any) -> float:
    """The share of balls that are caught in `rounds` episodes of each environment."""
    caught, ended = np.zeros(ENVS), np.zeros(ENVS, int)
    pictures = model.env.reset()
    while ended.min() < rounds:
        pictures, rewards, ends, _ = model.env.step(choose(pictures))
        caught += rewards * (ended < rounds)
        ended += ends
    return float(caught.sum()) / (rounds * ENVS * balls)


class Curve(BaseCallback):  # type: ignore[misc]
    """Looks at the score every few rollouts, and ends the learning in time."""

    def __init__(self, every: int, balls: int, minutes: float) -> None:
        super().__init__()
        self.every, self.balls, self.until_s = every, balls, time.monotonic() + 60 * minutes
        self.began_s, self.rollouts = time.monotonic(), 0
        self.points: list[dict[str, float]] = []

    def greedy(self, pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
        actions: NDArray[np.int64] = self.model.predict(pictures, deterministic=True)[0]
        return actions

    def _on_rollout_start(self) -> None:
        if self.rollouts % self.every == 0:
            minutes = (time.monotonic() - self.began_s) / 60
            score = play(self.model, 1, self.balls, self.greedy)
            point = {"steps": self.num_timesteps, "minutes": round(minutes, 2), "score": score}
            self.points.append(point)
            print("{steps:7} steps, {minutes:5.1f} minutes: {score:.0%} caught".format(**point))
        self.rollouts += 1
        # The games went on while the network learned: what they brought is nobody's merit.
        fresh = self.training_env.step(np.zeros(ENVS, int))
        self.model._last_obs, self.model._last_episode_starts = fresh[0], fresh[2]

    def _on_step(self) -> bool:
        enough = [point["score"] >= ENOUGH for point in self.points[-LOOKS:]]
        return enough != [True] * LOOKS and time.monotonic() < self.until_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=18.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--short", action="store_true", help="a few seconds, to see that it runs")
    options = parser.parse_args()
    balls, rounds, minutes = (2, 1, 0.02) if options.short else (10, 7, options.minutes)
    torch.set_num_threads(1)  # the other core is for the games
    envs = SB3VecEnv(
        envserver.make_vec(
            "gym-core.Catch-v0",
            ENVS,
            env_kwargs={"balls": balls},
            provider="process",
            fps=FPS,
            screen="native",
            color="gray",
            keep_dim=True,
            autoreset_mode="same_step",
        )
    )
    model = PPO(
        "CnnPolicy",
        envs,
        n_steps=64,
        batch_size=256,
        n_epochs=4,
        learning_rate=7e-4,
        gamma=0.97,
        gae_lambda=0.95,
        ent_coef=0.01,
        policy_kwargs={"features_extractor_class": Eyes},
        seed=options.seed,
        device="cpu",
    )
    dice = np.random.default_rng(options.seed)
    by_chance = play(model, rounds, balls, lambda _: dice.integers(3, size=ENVS))
    curve = Curve(every=4, balls=balls, minutes=minutes)
    model.learn(10**9, curve)
    minutes = (time.monotonic() - curve.began_s) / 60
    learned = play(model, rounds, balls, curve.greedy)
    found = {"seed": options.seed, "steps": model.num_timesteps, "minutes": round(minutes, 2)}
    last = {"steps": found["steps"], "minutes": found["minutes"], "score": learned}
    found |= {"random": by_chance, "learned": learned, "episodes": rounds * ENVS}
    if options.out:
        curve_too = {**found, "curve": [*curve.points, last]}
        options.out.write_text(json.dumps(curve_too, indent=1) + "\n")
    envs.close()
    print("seed {seed}: {steps} steps in {minutes:.1f} minutes".format(**found))
    print(f"caught in {rounds * ENVS} episodes: {by_chance:.1%} at random, {learned:.1%} learned")


if __name__ == "__main__":
    main()
