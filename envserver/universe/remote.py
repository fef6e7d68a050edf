"""One remote as the Universe API sees it: a session and a vector environment of its own.

Each remote is alone so that none can hold up or end another. Theory of operation:

    STARTING --first picture--> RESETTING --a valid row--> RUNNING
                                    ^------ done, fault, reset ---'
    any of them --it did not start, or the daemon ended--> DEAD, which reports done once

`poll` looks whether a remote that starts got ready and never waits; `send` asks for a step,
`receive` takes it. An episode is counted here, from 1: remotes count anew when they restart.
"""

import dataclasses
import enum
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envserver.due import DueTime
from envserver.errors import EnvServerError, ResetFailed
from envserver.infos import RESERVED
from envserver.universe.compiling import Events, clipped, translated
from envserver.universe.logs import logger
from envserver.universe.placing import Placement, placement
from envserver.vector_env import VectorEnv
from shm.control import ControlPlane
from shm.errors import ShmError

POLL_S = 0.05


class State(enum.Enum):
    """Where a remote is."""

    STARTING = "starting"
    RESETTING = "resetting"
    RUNNING = "running"
    DEAD = "dead"


class RemoteSession(Protocol):
    """What a remote wants of `envserver.session.Session`."""

    segment_fd: int

    def status(self) -> dict[str, Any]: ...
    def wait_ready(self, timeout_s: float) -> None: ...
    def close(self) -> None: ...


@dataclasses.dataclass
class Answer:
    """One remote's part of a step."""

    observation: dict[str, Any] | None
    reward: float
    done: bool
    info: dict[str, Any]


class Remote:
    """One remote.

    Args:
        name: As errors call it.
        session: Open; its one remote starts.
        make_envs: Makes the vector environment once the remote is ready. Its `reset_timeout_s` is
            short: `reset` does not wait for the episode.
        size: Width and height of the screen.
        keys: The script's keysym -> the program's.
        corner: Where on the script's screen the program's picture begins; None: it is all of it.
    """

    def __init__(
        self,
        name: str,
        session: RemoteSession,
        make_envs: Callable[[Any], VectorEnv],
        *,
        size: tuple[int, int],
        keys: Mapping[int, int],
        corner: tuple[int, int] | None = None,
    ) -> None:
        self.name = name
        self.state = State.STARTING
        self.error: str | None = None
        self.episode = 1
        self.vision: NDArray[np.uint8] | None = None
        self._session = session
        self._make_envs = make_envs
        self._envs: VectorEnv | None = None
        self._size = size
        self._keys = keys
        self._corner = corner
        self._placement: Placement | None = None
        self._control: ControlPlane | None = None
        self._texts: list[str] = []
        self._pending = False
        self._was_masked = True
        self._told_death = False
        self._reset_asked = False
        self._fault_code = 0
        self._last: Mapping[str, int] = {}
        self._next_poll_s = 0.0

    @property
    def steps(self) -> bool:
        """Whether it takes part in a step."""
        return self._envs is not None and self.state is not State.DEAD

    def poll(self) -> None:
        """Look whether a remote that starts is ready, or failed."""
        if self.state is not State.STARTING or time.monotonic() < self._next_poll_s:
            return
        self._next_poll_s = time.monotonic() + POLL_S
        try:
            status = self._session.status()
            if status["failed"] is not None:
                self._die(str(status["failed"]))
            elif status["ready"]:
                self._session.wait_ready(1.0)
                self._envs = self._make_envs(self._session)
                self._control = ControlPlane(self._session.segment_fd)
                self._placement = placement(self._corner, self._session, self._size)
                self.state = State.RESETTING
                self._begin()
        except (EnvServerError, ShmError, OSError) as error:
            self._die(str(error))

    def reset(self) -> None:
        """Begin a new episode; nobody waits for it."""
        self._reset_asked = True
        if self.state in (State.STARTING, State.DEAD) or self._envs is None:
            return
        self.episode += 1
        self.state = State.RESETTING
        try:
            self._drain()
            self._begin()
        except (EnvServerError, ShmError) as error:
            self._die(str(error))

    def send(self, events: Events, due: DueTime | None) -> None:
        """Ask for a step."""
        assert self._envs is not None
        self._was_masked = self.state is not State.RUNNING
        try:
            self._drain()
            if self._placement is not None:
                events = self._placement.events(events)
            prepared = clipped(translated(events, self._keys), *self._size)
            self._envs.send([[] if self._was_masked else prepared], due)
            self._pending = True
        except (EnvServerError, ShmError) as error:
            self._die(str(error))

    def receive(self) -> Answer:
        """Take the step that was asked for, or say why there is none."""
        if not self._pending:
            return self._without_step()
        assert self._envs is not None
        try:
            batch = self._envs.recv()
            self._pending = False
            answer = self._answer(batch.infos, batch)
        except (EnvServerError, ShmError) as error:
            self._pending = False
            self._die(str(error))
            return self._without_step()
        return answer

    def close(self) -> None:
        """Give the remote back."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._envs is not None:
            self._envs.close()
        else:
            self._session.close()

    def _begin(self) -> None:
        assert self._envs is not None
        try:
            _, infos = self._envs.reset()
        except ResetFailed:
            return  # It is not there yet: rows say so until it is.
        self._take_texts(infos)

    def _drain(self) -> None:
        """Take what an interrupted step left behind."""
        if self._pending and self._envs is not None:
            self._envs.recv()
            self._pending = False

    def _die(self, why: str) -> None:
        self.error = f"{self.name}: {why}" if not why.startswith(self.name) else why
        self.state = State.DEAD
        self.vision = None
        self._pending = False
        logger.error("remote lost for good: %s", self.error)

    def _without_step(self) -> Answer:
        info = self._common_info()
        done = self.state is State.DEAD and not self._told_death
        if self.state is State.DEAD:
            self._told_death = True
            info["error"] = self.error
            info["env_status.disconnected"] = True
        if done:
            self.episode += 1
            self._complete(info)
        return Answer(None, 0.0, done, info)

    def _answer(self, infos: dict[str, Any], batch: Any) -> Answer:
        row = batch.records[0]
        done = bool(batch.terminated[0] or batch.truncated[0])
        fault = infos["fault"][0] if "fault" in infos else None
        info = self._remote_info(infos)
        self._take_texts(infos)
        observation = None
        if done:
            self.state = State.RESETTING
            self.episode += 1
            if fault is None:
                vision = self._picture(batch)
                info["final_observation"] = {"vision": vision, "text": self._texts}
            else:
                self.error = info["error"] = f"{self.name}: {fault['cause']}"
                logger.warning("episode lost: %s", self.error)
            self.vision, self._texts = None, []
        elif infos["valid"][0]:
            if self.state is State.RESETTING and self._reset_asked:
                info["env_status.reset.episode_id"] = str(self.episode)
                self._reset_asked = False
            self.state, self.error, self._fault_code = State.RUNNING, None, 0
            self.vision = self._picture(batch)
            texts, self._texts = self._texts, []
            observation = {"vision": self.vision, "text": texts}
        else:
            self._note_fault(int(row["fault"]))
            self.vision = None
            if self.error is not None:
                info["error"] = self.error
        info |= self._common_info() | self._numbers(row)
        if "rewarder" in infos and not infos["rewarder"][0]:
            info["env_status.disconnected"] = True
        if done:
            self._complete(info)
        if bool(infos["late"][0]):
            info["late"] = True
        return Answer(observation, float(batch.rewards[0]), done, info)

    def _picture(self, batch: Any) -> NDArray[np.uint8]:
        """The row as the script sees it, a copy of its own."""
        row: NDArray[np.uint8] = batch.observations[0]
        return row.copy() if self._placement is None else self._placement.picture(row)

    def _complete(self, info: dict[str, Any]) -> None:
        info["env_status.complete.env_state"] = "running"
        info["env_status.complete.episode_id"] = str(self.episode - 1)

    def _note_fault(self, code: int) -> None:
        """A reset that fails again and again says why, each cause once."""
        if code == self._fault_code:
            return
        self._fault_code = code
        if code and self._envs is not None:
            cause = self._envs.session.fault_report(0).get("cause")
            self.error = f"{self.name}: {cause}" if cause else self.name
            logger.warning("still resetting: %s", self.error)

    def _common_info(self) -> dict[str, Any]:
        running = self.state is State.RUNNING
        return {
            "env_status.env_state": "running" if running else "resetting",
            "env_status.episode_id": str(self.episode),
            "mask.masked.observation": not running,
            "mask.masked.action": self._was_masked,
        }

    def _numbers(self, row: Any) -> dict[str, Any]:
        now_ns, now_s = time.monotonic_ns(), time.time()
        found: dict[str, Any] = {"stats.reward.count": 0}
        assert self._control is not None
        control = self._control.state(0)
        seen = {
            "generation": control.generation,
            "n": control.updates,
            "rectangles": control.rectangles,
            "bytes": control.update_bytes,
            "reward_arrival_ns": int(row["reward_arrival_ns"]),
        }
        same = self._last.get("generation") == control.generation
        for name in ("n", "rectangles", "bytes"):
            found[f"stats.vnc.updates.{name}"] = seen[name] - self._last[name] if same else 0
        if row["pixel_ns"]:
            lag_s = (now_ns - int(row["pixel_ns"])) / 1e9
            found["stats.gauges.diagnostics.lag.observation"] = (lag_s, lag_s)
        arrival_ns = seen["reward_arrival_ns"]
        if arrival_ns and arrival_ns != self._last.get("reward_arrival_ns"):
            arrived_s = now_s - (now_ns - arrival_ns) / 1e9
            remote_s = int(row["reward_remote_ns"]) / 1e9
            found["stats.reward.count"] = 1
            found["reward_buffer.local_time"] = arrived_s
            found["reward_buffer.remote_time"] = remote_s
            found["stats.gauges.diagnostics.lag.reward"] = (now_s - remote_s,) * 2
        self._last = seen
        return found

    def _remote_info(self, infos: dict[str, Any]) -> dict[str, Any]:
        """What the remote itself said, without our columns."""
        told = {}
        for key, column in infos.items():
            if key.startswith("_") or key in OURS or not infos.get(f"_{key}", (False,))[0]:
                continue
            if isinstance(column, np.ndarray):
                value = column[0]
                told[key] = value.item() if isinstance(value, np.generic) else value
        if "observation" in told:
            told["rewarder.observation"] = (told.pop("observation"), str(self.episode))
        return told

    def _take_texts(self, infos: dict[str, Any]) -> None:
        if "text" in infos and infos["_text"][0]:
            said = infos["text"][0]
            self._texts += [said] if isinstance(said, str) else [str(each) for each in said]


OURS = RESERVED | {"text"}
"""Columns of `infos` that appear in another form, or not at all."""
