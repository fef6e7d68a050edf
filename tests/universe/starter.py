"""A script of the usual shape of Universe's starter agents: run by test_scripts.py.

Pictures are cut out and made small, actions are sets of keys, a filter logs diagnostics, and a
thread drives the environment in rollouts while the main thread takes them.
"""

import queue
import sys
import threading

import go_vncdriver
import gym
import numpy as np
import universe
from gym.spaces.box import Box
from universe import pyprofile, vectorized
from universe import spaces as vnc_spaces
from universe.spaces.vnc_event import keycode
from universe.wrappers import (
    BlockingReset,
    EpisodeID,
    GymCoreAction,
    Logger,
    Unvectorize,
    Vision,
)
from universe.wrappers.experimental import SafeActionSpace

universe.configure_logging()
gym.undo_logger_setup()
STEPS = "wrapper_config.TimeLimit.max_episode_steps"
assert go_vncdriver.VNCSession


class Crop(vectorized.ObservationWrapper):
    def __init__(self, env, top, left, height, width):
        super().__init__(env)
        self.top, self.left, self.height, self.width = top, left, height, width
        self.observation_space = Box(0, 255, shape=(height, width, 3))

    def _observation(self, observation_n):
        return [
            None if each is None else each[self.top :][: self.height, self.left :][:, : self.width]
            for each in observation_n
        ]


class Rescale(vectorized.ObservationWrapper):
    def __init__(self, env=None):
        super().__init__(env)
        self.observation_space = Box(0, 255, [32, 32, 1])

    def _observation(self, observation_n):
        return [self.small(each) for each in observation_n]

    def small(self, picture):
        rows = np.linspace(0, picture.shape[0] - 1, 32).astype(int)
        columns = np.linspace(0, picture.shape[1] - 1, 32).astype(int)
        return picture[rows][:, columns].mean(2, keepdims=True).astype(np.float32) / 255


class Keys(vectorized.ActionWrapper):
    def __init__(self, env, keys):
        super().__init__(env)
        self.table = [
            [vnc_spaces.KeyEvent.by_name(key, down=key == held) for key in keys]
            for held in ["", *keys]
        ]
        self.codes = [keycode(key) for key in keys]
        self.action_space = gym.spaces.Discrete(len(self.table))

    def _action(self, action_n):
        return [self.table[int(action)] for action in action_n]


class Diagnostics(vectorized.Filter):
    def __init__(self, interval=7):
        super().__init__()
        self.interval, self.steps, self.updates, self.reward = interval, 0, 0, 0.0

    def _after_reset(self, observation):
        self.reward = 0.0
        return observation

    def _after_step(self, observation, reward, done, info):
        self.steps += 1
        self.updates += info.get("stats.vnc.updates.n") or 0
        self.reward += reward
        said = {}
        if self.steps % self.interval == 0:
            lag = info.get("stats.gauges.diagnostics.lag.observation")
            if lag is not None:
                said["lag"] = lag[0]
            for name in ("n", "bytes", "rectangles", "pixels"):
                count = info.get(f"stats.vnc.updates.{name}")
                if count is not None:
                    said[name] = count
            said["episode"] = info.get("vectorized.episode_id", 0)
            said["updates"] = self.updates
        if done:
            said["reward"] = self.reward
        return observation, reward, done, said


def make_flash(env_id, client_id, remotes):
    env = BlockingReset(Logger(Vision(gym.make(env_id))))
    size = universe.runtime_spec("flashgames").server_registry[env_id]
    env = Rescale(Crop(env, 84, 18, size["height"], size["width"]))
    env = Keys(env, ["left", "right", "up", "down", "x"])
    env = Unvectorize(vectorized.VectorizeFilter(EpisodeID(env), Diagnostics))
    env.configure(
        fps=5.0,
        remotes=remotes,
        start_timeout=15 * 60,
        client_id=client_id,
        vnc_driver="go",
        vnc_kwargs={
            "encoding": "tight",
            "compress_level": 0,
            "fine_quality_level": 50,
            "subsample_level": 3,
        },
    )
    return env


def make_atari(env_id, client_id, remotes):
    env = GymCoreAction(BlockingReset(Logger(Vision(gym.make(env_id)))))
    env = EpisodeID(Rescale(Crop(env, 34, 0, 160, 160)))
    env = Unvectorize(vectorized.VectorizeFilter(env, Diagnostics, interval=5))
    fps = env.metadata["video.frames_per_second"]
    env.configure(remotes=remotes, start_timeout=15 * 60, fps=fps, client_id=client_id)
    return env


def rollouts(env, steps):
    observation, length = env.reset(), 0
    while True:
        rollout = []
        for _ in range(steps):
            with pyprofile.push("env.step"):
                observation, reward, done, info = env.step(np.int64(length % env.action_space.n))
            rollout.append((observation, reward, done, info))
            length += 1
            limit = env.spec.tags.get(STEPS)
            if done or length >= limit:
                if length >= limit or not env.metadata.get("semantics.autoreset"):
                    observation = env.reset()
                length = 0
        yield rollout


def main(env_id, client_id):
    tags = gym.spec(env_id).tags
    make = make_flash if tags.get("flashgames", False) else make_atari
    assert make is make_flash or (tags.get("atari", False) and tags.get("vnc", False))
    env = make(env_id, client_id, "1")
    assert gym.spec(env_id).timestep_limit == env.spec.tags[STEPS]
    taken = queue.Queue(5)

    def drive():
        provider = rollouts(env, 10)
        for _ in range(2):
            taken.put(next(provider), timeout=60)

    runner = threading.Thread(target=drive, daemon=True)
    runner.start()
    pictures, infos = [], {}
    for _ in range(2):
        for observation, reward, done, info in taken.get(timeout=60):
            assert observation.shape == env.observation_space.shape
            assert isinstance(reward + 0.0, float)
            assert isinstance(done, bool)
            pictures.append(observation)
            infos.update(info)
    runner.join()
    env.close()
    floats = {name: float(value) for name, value in infos.items()}
    print(env_id, "mean", float(np.mean(pictures)), "said", *sorted(floats))
    assert SafeActionSpace(gym.make(env_id)).action_space.n > 1


main(*sys.argv[1:])
