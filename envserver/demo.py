"""Step environments with random actions for a while, and measure what a trainer gets.

A tick is *on time* if `recv` returned within 4 ms of its due time, no row is late, and every row
includes all updates that its server sent 20 ms or more before the due time. That is judged by the
server's stamps. A row's record has the stamp of its newest update only: where the next row brings
several, a tick counts only if its own stamp is recent enough to settle it.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envserver.cpu import TreeClock
from workers.messages import WorkerConfig

if TYPE_CHECKING:
    from envserver.spec import SessionSpec
    from envserver.vector_env import VectorEnv

RETURN_WITHIN_NS = 4_000_000
UPDATE_SETTLED_NS = 20_000_000


class Measurement:
    """What is noted at each tick, and the figures made of it.

    Args:
        num_envs: Rows of a batch.
        fps: Ticks a second.
    """

    def __init__(self, num_envs: int, fps: float) -> None:
        self.num_envs = num_envs
        self.period_ns = 1e9 / fps
        self.step_ms: list[float] = []
        self.faults = 0
        self._due_ns: list[int] = []
        self._returned_in_time: list[bool] = []
        self._server_ns: list[NDArray[np.int64]] = []
        self._updates: list[NDArray[np.int64]] = []
        self._age_ms: list[NDArray[np.float64]] = []

    def tick(
        self, records: NDArray[np.void], faults: int, started_ns: int, returned_ns: int
    ) -> None:
        """Note one step.

        Args:
            records: Of every environment.
            faults: How many episodes it lost.
            started_ns: CLOCK_MONOTONIC before `send`.
            returned_ns: And after `recv`.
        """
        due_ns = int(records["due_ns"].max())
        stamps = records["server_ns"].astype(np.int64)
        self.step_ms.append((returned_ns - started_ns) / 1e6)
        self.faults += faults
        self._due_ns.append(due_ns)
        in_time = returned_ns - due_ns <= RETURN_WITHIN_NS and not records["late"].any()
        self._returned_in_time.append(bool(in_time))
        self._server_ns.append(stamps)
        self._updates.append(records["updates"].astype(np.int64))
        self._age_ms.append((returned_ns - stamps[stamps > 0]) / 1e6)

    def ticks_on_time(
        self, excused: Callable[[NDArray[np.int64]], NDArray[np.bool_]] | None = None
    ) -> float:
        """The share of the clock's ticks that were on time; a tick that was skipped was not.

        Args:
            excused: Says of each tick's time, CLOCK_MONOTONIC in ns, whether it does not count.
        """
        if len(self._due_ns) < 2:
            return 0.0
        stamps, updates = np.array(self._server_ns), np.array(self._updates)
        settled_ns = np.array(self._due_ns)[:-1, None] - UPDATE_SETTLED_NS
        came = np.diff(updates, axis=0)
        # A server that stamps nothing cannot be judged by its stamps.
        complete = (stamps[:-1] == 0) | (stamps[:-1] >= settled_ns) | (came == 0)
        complete |= (came == 1) & (stamps[1:] > settled_ns)
        on_time = np.array(self._returned_in_time)[:-1] & complete.all(axis=1)
        due_ns = np.array(self._due_ns)
        places = np.round((due_ns - due_ns[0]) / self.period_ns).astype(np.int64)
        ticks = np.zeros(max(int(places[-1]), len(on_time)), np.bool_)
        ticks[places[:-1]] = on_time
        if excused is not None:
            times_ns = due_ns[0] + (np.arange(len(ticks)) * self.period_ns).astype(np.int64)
            ticks = ticks[~excused(times_ns)]
        return float(ticks.mean()) if len(ticks) else 0.0

    def updates_per_env_s(self) -> float:
        """Updates a second that came from the environment that sent the fewest.

        A server sends one when its picture changed. Two may come between two ticks, so that the
        trainer sees fewer pictures: `seen_per_env_s`.
        """
        return self._fewest_a_second(lambda came: came)

    def seen_per_env_s(self) -> float:
        """Rows a second that showed something new, of the environment that had the fewest."""
        return self._fewest_a_second(lambda came: came > 0)

    def _fewest_a_second(self, count: Callable[[NDArray[np.int64]], NDArray[Any]]) -> float:
        if len(self._due_ns) < 2:
            return 0.0
        updates = np.array(self._updates)
        counted = count(updates[1:] - updates[:-1]).sum(axis=0)
        return float(counted.min()) / ((self._due_ns[-1] - self._due_ns[0]) / 1e9)

    def frame_age_ms(self) -> dict[str, float] | None:
        return percentiles(np.concatenate(self._age_ms)) if self._age_ms else None


def percentiles(values: "NDArray[np.float64] | list[float]") -> dict[str, float] | None:
    """p50 and p99, None of nothing."""
    if not len(values):
        return None
    low, high = np.percentile(values, [50, 99])
    return {"p50": round(float(low), 3), "p99": round(float(high), 3)}


@dataclasses.dataclass
class Demo:
    """The figures of a run, and its last batch with a label for each environment."""

    figures: dict[str, Any]
    seen_per_env_s: float
    observations: NDArray[np.uint8]
    labels: list[str]


def run_demo(
    envs: "VectorEnv",
    spec: "SessionSpec",
    seconds: float,
    clock: TreeClock,
    progress: Callable[[float], None],
) -> Demo:
    """Reset `envs` and step them with random actions.

    Args:
        envs: A real-time vector environment.
        spec: What its session was opened with, `fps` among it.
        seconds: For how long.
        clock: The processor time of its remotes and workers.
        progress: Called after each step with the seconds that have passed.
    """
    assert spec.fps is not None
    envs.action_space.seed(0)
    envs.reset(seed=0)
    measurement = Measurement(envs.num_envs, spec.fps)
    scores = np.zeros(envs.num_envs)
    clock.start()
    began_ns = started_ns = time.monotonic_ns()
    while True:
        envs.send(envs.action_space.sample())
        batch = envs.recv()
        returned_ns = time.monotonic_ns()
        faults = int(np.count_nonzero(batch.infos.get("_fault", False)))
        measurement.tick(batch.records, faults, started_ns, returned_ns)
        scores = np.where(batch.terminated | batch.truncated, 0.0, scores + batch.rewards)
        started_ns = returned_ns
        progress((returned_ns - began_ns) / 1e9)
        if returned_ns - began_ns >= seconds * 1e9:
            break
    figures = {
        "num_envs": envs.num_envs,
        "fps": spec.fps,
        "width": spec.width,
        "height": spec.height,
        "encoding": spec.vnc_kwargs.get("encoding", WorkerConfig.encoding),
        "updates_per_env_s": round(measurement.updates_per_env_s(), 2),
        "ticks_on_time": round(measurement.ticks_on_time(), 4),
        "step_ms": percentiles(measurement.step_ms),
        "frame_age_ms": measurement.frame_age_ms(),
        "cpu_per_env": round(clock.cores() / envs.num_envs, 4),
        "faults": measurement.faults,
    }
    labels = [f"environment {env}, score {score:g}" for env, score in enumerate(scores)]
    return Demo(figures, measurement.seen_per_env_s(), batch.observations.copy(), labels)
