"""Wrappers about time: blocking, throttling, limits, measuring."""

import json
import time
from pathlib import Path
from typing import Any

from envserver.due import Ticks
from envserver.universe import vectorized
from envserver.universe.configuring import FPS
from envserver.universe.error import Error
from envserver.universe.logs import logger

MAX_SUBSTEP_S = 0.016
MAX_EPISODE_S = 20 * 60.0


def lost(info: dict[str, Any]) -> bool:
    """Whether an environment's remote will not come back."""
    return "error" in info and bool(info.get("env_status.disconnected"))


class BlockingReset(vectorized.Wrapper):
    """Observations are never None: `reset` and `step` wait for environments that reset.

    Rewards of the others add up meanwhile; what they earn after an end of their own comes with the
    next step. Who waits for a remote that is lost for good would wait for ever: it stays None.
    """

    _merged: vectorized.Merged | None = None

    def _reset(self) -> Any:
        self._merged = None
        observation_n = list(self.env.reset())
        alive = [True] * len(observation_n)
        while any(each is None and up for each, up in zip(observation_n, alive, strict=True)):
            observation_n, _, _, info = self.env.step([[] for _ in observation_n])
            alive = [not lost(own) for own in info["n"]]
        return observation_n

    def _step(self, action: Any) -> Any:
        if self._merged is None:
            self._merged = vectorized.Merged(len(action))
        result = self.env.step(action)
        self._merged.add(result)
        while any(
            each is None and not lost(own)
            for each, own in zip(result[0], result[3]["n"], strict=True)
        ):
            result = self.env.step([[] for _ in result[0]])
            self._merged.add(result)
        return self._merged.take()


class Throttle(vectorized.Wrapper):
    """At most `fps` steps a second: acts at once, then looks on until the tick.

    What the environment does in between is merged; `configure(fps=...)` is for this wrapper, and
    what it wraps goes at its own 60.

    Args:
        fps: Steps a second; "default": the environment's own.
    """

    def __init__(self, env: Any, fps: float | str | None = "default") -> None:
        super().__init__(env)
        self._merged: vectorized.Merged | None = None
        self._set(fps)

    def _configure(self, *args: Any, **kwargs: Any) -> None:
        if "fps" in kwargs:  # None switches it off
            self._set(kwargs.pop("fps"))
        self.env.configure(*args, **kwargs)

    def _set(self, fps: Any) -> None:
        rate = self.metadata.get("video.frames_per_second", FPS) if fps == "default" else fps
        try:
            self._ticks = Ticks(float(rate)) if rate is not None else None
        except (TypeError, ValueError) as error:
            raise Error(str(error)) from error

    def _reset(self) -> Any:
        self._merged = None
        return self.env.reset()

    def _step(self, action: Any) -> Any:
        if self._ticks is None:
            return self.env.step(action)
        if self._merged is None:
            self._merged = vectorized.Merged(len(action))
        due_ns = self._ticks.due_ns(time.monotonic_ns())
        self._merged.add(self.env.step(action))
        while (left_s := (due_ns - time.monotonic_ns()) / 1e9) > 0:
            if left_s <= MAX_SUBSTEP_S:
                time.sleep(left_s)
                break
            self._merged.add(self.env.step([[] for _ in action]))
        return self._merged.take()


class Timer(vectorized.Wrapper):
    """Says how long a step took: `info["stats.timers.step"]`, in seconds."""

    def _step(self, action: Any) -> Any:
        began_s = time.monotonic()
        observation_n, reward_n, done_n, info = self.env.step(action)
        info["stats.timers.step"] = time.monotonic() - began_s
        return observation_n, reward_n, done_n, info


class Logger(vectorized.Wrapper):
    """Logs every few seconds how fast it goes.

    Args:
        print_frequency: Seconds between two lines; None: none.
    """

    def __init__(self, env: Any, print_frequency: float | None = 5) -> None:
        super().__init__(env)
        self.print_frequency = print_frequency
        self._began_s = time.monotonic()
        self._steps = 0
        self._rewards, self._messages, self._updates = 0.0, 0, 0

    def _step(self, action: Any) -> Any:
        result = self.env.step(action)
        _, reward_n, _, info = result
        self._steps += 1
        self._rewards += sum(reward_n)
        self._messages += sum(own.get("stats.reward.count", 0) for own in info["n"])
        self._updates += sum(own.get("stats.vnc.updates.n", 0) for own in info["n"])
        now_s = time.monotonic()
        if self.print_frequency is not None and now_s - self._began_s >= self.print_frequency:
            self._say(now_s - self._began_s, info["n"])
            self._began_s, self._steps = now_s, 0
            self._rewards, self._messages, self._updates = 0.0, 0, 0
        return result

    def _say(self, passed_s: float, infos: list[dict[str, Any]]) -> None:
        lags = [own.get("stats.gauges.diagnostics.lag.observation") for own in infos]
        known = [lag[1] for lag in lags if lag is not None]
        lag = f"{max(known) * 1000:.0f} ms" if known else "unknown"
        logger.info(
            "fps=%.1f reward_ps=%.2f rewards=%d vnc_updates_ps=%.1f observation_lag=%s",
            self._steps / passed_s,
            self._rewards / passed_s,
            self._messages,
            self._updates / passed_s,
            lag,
        )


class TimeLimit(vectorized.Wrapper):
    """Ends an episode that takes too long; only its own environment begins anew, if it does.

    Args:
        max_episode_seconds: None: 20 minutes, where `max_episode_steps` is None too.
        max_episode_steps: None: no limit.
    """

    def __init__(
        self,
        env: Any,
        max_episode_seconds: float | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        super().__init__(env)
        if max_episode_seconds is None and max_episode_steps is None:
            max_episode_seconds = MAX_EPISODE_S
        for name, value in (
            ("max_episode_seconds", max_episode_seconds),
            ("max_episode_steps", max_episode_steps),
        ):
            if value is not None and not value > 0:
                raise Error(f"{name} is {value!r}, expected more than 0")
        self._max_s, self._max_steps = max_episode_seconds, max_episode_steps
        self._began_s: list[float | None] = []
        self._steps: list[int] = []

    def _reset(self) -> Any:
        observation_n = self.env.reset()
        self._began_s, self._steps = [None] * len(observation_n), [0] * len(observation_n)
        return observation_n

    def _step(self, action: Any) -> Any:
        observation_n, reward_n, done_n, info = self.env.step(action)
        if not self._began_s:
            self._began_s, self._steps = [None] * len(observation_n), [0] * len(observation_n)
        now_s = time.monotonic()
        over = []
        for i, observation in enumerate(observation_n):
            if done_n[i]:
                self._began_s[i], self._steps[i] = None, 0
            elif observation is not None:
                began_s = self._began_s[i]
                self._began_s[i] = now_s if began_s is None else began_s
                self._steps[i] += 1
                if self._is_over(now_s - (now_s if began_s is None else began_s), self._steps[i]):
                    over.append(i)
        if over:
            autoreset = self.metadata.get("semantics.autoreset")
            if autoreset:
                self._restart(over)
            for i in over:
                if autoreset:
                    observation_n[i] = None
                done_n[i] = info["n"][i]["time_limit"] = True
                self._began_s[i], self._steps[i] = None, 0
        return observation_n, reward_n, done_n, info

    def _is_over(self, passed_s: float, steps: int) -> bool:
        return (self._max_s is not None and passed_s >= self._max_s) or (
            self._max_steps is not None and steps >= self._max_steps
        )

    def _restart(self, envs: list[int]) -> None:
        restart = getattr(self.env.unwrapped, "restart", None)
        if restart is not None:
            restart(envs)
        elif self.n == 1:
            self.env.reset()
        else:
            raise Error(f"{self.env.unwrapped} cannot restart one environment alone")


class Monitor(TimeLimit):
    """A `TimeLimit` that writes the episodes of environment 0 to `directory`/episodes.jsonl.

    Each line has the reward `r`, the steps `l`, and the seconds `t` since the beginning.

    Args:
        directory: Made where it is not there.
        ignored: What gym's has besides: force, resume, video_callable, ... There are no videos.
    """

    def __init__(
        self,
        env: Any,
        directory: str,
        max_episode_seconds: float | None = None,
        max_episode_steps: int | None = None,
        **ignored: Any,
    ) -> None:
        super().__init__(env, max_episode_seconds, max_episode_steps)
        Path(directory).mkdir(parents=True, exist_ok=True)
        self.path = Path(directory) / "episodes.jsonl"
        self._first_s = time.monotonic()
        self._reward, self._length = 0.0, 0

    def _step(self, action: Any) -> Any:
        result = super()._step(action)
        self._reward += result[1][0]
        self._length += result[0][0] is not None or result[2][0]
        if result[2][0]:
            passed_s = round(time.monotonic() - self._first_s, 3)
            with self.path.open("a") as file:
                line = {"r": self._reward, "l": self._length, "t": passed_s}
                file.write(json.dumps(line) + "\n")
            self._reward, self._length = 0.0, 0
        return result
