"""An agent written for OpenAI Universe: run it by `python -m envserver.universe` and its path.

It sees 42x42 grey pictures, holds keys over steps, and logs what it earns. Nothing in it knows of
envserver.

    python -m envserver.universe examples/universe_agent.py --env flashgames.NeonRace-v0 --steps 600
"""

import argparse
import logging

import gym
import numpy as np
import universe
from gym.spaces.box import Box
from universe import spaces as vnc_spaces
from universe import vectorized
from universe.wrappers import (
    BlockingReset,
    EpisodeID,
    GymCoreAction,
    Logger,
    Unvectorize,
    Vectorize,
    Vision,
)

universe.configure_logging(path=False)
logger = logging.getLogger("universe")


class Small(vectorized.ObservationWrapper):
    """Pictures of 42x42, grey, from 0 to 1."""

    def __init__(self, env, top, left, height, width):
        super().__init__(env)
        self.observation_space = Box(0.0, 1.0, [42, 42, 1])
        self.rows = np.linspace(top, top + height - 1, 42).astype(int)
        self.columns = np.linspace(left, left + width - 1, 42).astype(int)

    def _observation(self, observation_n):
        return [None if each is None else self.small(each) for each in observation_n]

    def small(self, picture):
        grey = picture[self.rows][:, self.columns].mean(axis=2, keepdims=True)
        return grey.astype(np.float32) / 255.0


class FixedKeys(vectorized.ActionWrapper):
    """Actions are numbers, each the set of keys that it holds."""

    def __init__(self, env, combinations):
        super().__init__(env)
        self.names = sorted({name for names in combinations for name in names})
        self.combinations = combinations
        self.action_space = gym.spaces.Discrete(len(combinations))

    def _action(self, action_n):
        return [
            [
                vnc_spaces.KeyEvent.by_name(name, down=name in self.combinations[int(action)])
                for name in self.names
            ]
            for action in action_n
        ]


def make(env_id, remotes, fps, client_id):
    """The environment of an id as the agent wants it."""
    spec = gym.spec(env_id)
    if not spec.tags.get("vnc", False):
        return Vectorize(gym.make(env_id))
    env = BlockingReset(Logger(Vision(gym.make(env_id))))
    if spec.tags.get("flashgames", False):
        size = universe.runtime_spec("flashgames").server_registry[env_id]
        env = Small(env, 84, 18, size["height"], size["width"])
        env = FixedKeys(env, [["left", "up"], ["right", "up"], ["up"]])
    else:
        env = GymCoreAction(Small(env, 34, 0, 160, 160))
    env = Unvectorize(EpisodeID(env))
    logger.info("frames a second: %s", env.metadata.get("video.frames_per_second"))
    env.configure(
        remotes=remotes,
        fps=fps,
        start_timeout=15 * 60,
        client_id=client_id,
        vnc_driver="go",
        vnc_kwargs={"encoding": "tight", "compress_level": 0, "fine_quality_level": 50},
    )
    return env


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="flashgames.DuskDrive-v0")
    parser.add_argument("--remotes", default="1")
    parser.add_argument("--client-id", default="me")
    parser.add_argument("--fps", type=float, default=12)
    parser.add_argument("--steps", type=int, default=600)
    arguments = parser.parse_args()
    env = make(arguments.env, arguments.remotes, arguments.fps, arguments.client_id)
    random = np.random.default_rng(0)
    total, episodes = 0.0, 0
    observation = env.reset()
    for _ in range(arguments.steps):
        assert observation.shape == (42, 42, 1)
        action = random.integers(env.action_space.n)
        observation, reward, done, info = env.step(action)
        total += reward
        episodes += done
        if done and not env.metadata.get("semantics.autoreset"):
            observation = env.reset()
    print(f"{arguments.steps} steps, reward {total:g}, {episodes} episodes done")
    print("episode", info["vectorized.episode_id"])
    env.close()


if __name__ == "__main__":
    main()
