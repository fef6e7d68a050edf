"""The trainer's side of a session: its memory and doorbells, and what it asks the daemon for.

A session is used by the process that opened it; threads may share it. In a fork every call raises
`ForkedSession`, and closing or collecting it there does nothing.
"""

import contextlib
import os
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from envserver.channel import Channel
from envserver.errors import BrokerUnavailable, SessionClosed, StartError
from envserver.spec import SessionSpec
from workers.clipboard import checked_text
from workers.pointer import PointerShape

REQUEST_TIMEOUT_S = 10.0
STATUS_SLICE_S = 0.5
CLOSE_TIMEOUT_S = 10.0
DESCRIBE_TIMEOUT_S = 60.0
REPORT_GRACE_S = 3.0
NOT_BEGUN = ("preparing", "queued")
"""States of a worker, while any has which no time-out of the start runs."""


class Session:
    """n workers and one segment, leased from a daemon. Made by `Client.open_session`."""

    spec: SessionSpec
    num_envs: int
    name: str
    """What `envserver status` calls it."""
    token: str
    segment_fd: int
    doorbells: list[int]
    """One eventfd an environment; a restarted worker has the same."""
    describe: dict[str, Any]
    """The runtime on its environment (num_actions, keys, ...); filled by `wait_ready`."""
    names: list[str]
    """Of the remotes; without passwords."""
    reopened: bool
    """Whether the remotes had been kept for the spec's `client_id`."""
    rewarders: list[bool]
    """Whether each remote has one; True until `wait_ready` knows."""

    def __init__(
        self,
        channel: Channel,
        spec: SessionSpec,
        opened: Mapping[str, Any],
        descriptors: list[int],
        owned: Callable[[], None] | None = None,
    ) -> None:
        self._channel = channel
        self.spec = spec
        self.num_envs = int(opened["num_envs"])
        self.name = str(opened["name"])
        self.token = str(opened["token"])
        self.names = [str(name) for name in opened["names"]]
        self.reopened = bool(opened.get("reopened"))
        self.rewarders = [True] * self.num_envs
        self.describe = {}
        self.segment_fd, *self.doorbells = descriptors
        self._closed = False
        self._ending = {"keep": spec.client_id is not None}
        self._release = weakref.finalize(
            self, _release, os.getpid(), channel, self.token, descriptors, owned, self._ending
        )

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def alive(self) -> bool:
        """Whether the daemon still runs; cheap enough for every step that was late."""
        return not self._closed and self._channel.alive

    def status(self, revision: int = -1, timeout_s: float = 0.0) -> dict[str, Any]:
        """How far the session is; waits up to `timeout_s` for something newer than `revision`.

        Returns:
            revision, ready (a number of workers), failed (a text or None), names, rewarders,
            describe, and workers: for each env, name, state, waiting_for, generation, pid.
        """
        params = {"revision": revision, "timeout_s": timeout_s}
        found: dict[str, Any] = self._ask("session_status", params, REQUEST_TIMEOUT_S + timeout_s)
        return found

    def wait_ready(
        self,
        timeout_s: float | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Wait until every worker shows its first picture.

        Args:
            timeout_s: seconds, from when images are there and every worker had its turn to start;
                None: the spec's `start_timeout_s`, and time for who is late to say why.
            progress: called with each new `status`.

        Raises:
            StartError: one failed, or took too long; the message names it and what to do.
        """
        limit_s = self.spec.start_timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s + (REPORT_GRACE_S if timeout_s is None else 0.0)
        revision = -1
        while True:
            left_s = deadline - time.monotonic()
            status = self.status(revision, max(0.0, min(left_s, STATUS_SLICE_S)))
            if status["revision"] != revision and progress is not None:
                progress(status)
            revision = status["revision"]
            if status["failed"] is not None:
                raise StartError(status["failed"])
            if status["ready"] == self.num_envs:
                self.names = [str(name) for name in status["names"]]
                self.rewarders = [bool(each) for each in status["rewarders"]]
                self.describe = dict(status["describe"])
                return
            if any(worker["state"] in NOT_BEGUN for worker in status["workers"]):
                deadline = time.monotonic() + limit_s + REPORT_GRACE_S
            elif left_s <= 0:
                raise StartError(_late_start(status, limit_s))

    def send_reset(self, reset_id: int, per_env: Mapping[int, Mapping[str, Any]]) -> None:
        """Bring seed, options and env_id of a reset to the workers, before its queue entries.

        Args:
            reset_id: the `step` of the RESET entries.
            per_env: for each env that is reset, a map with any of seed, options, env_id.
        """
        for env in per_env:
            self._check_env(env)
        listed = [[int(env), dict(fields)] for env, fields in per_env.items()]
        self._ask("reset", {"reset_id": int(reset_id), "per_env": listed})

    def fault_report(self, env: int) -> dict[str, Any]:
        """Why an environment is or was faulty.

        Returns:
            code (workers.entries.Fault), fault (its name), cause (a text), name (of the remote),
            generation, exit_code, signal (None where there was none), log (the last lines).
        """
        found: dict[str, Any] = self._ask("fault_report", {"env": self._check_env(env)})
        return found

    def kill_worker(self, env: int, generation: int) -> None:
        """End a worker that holds a row; returns once that generation's process was waited for."""
        self._ask("kill_worker", {"env": self._check_env(env), "generation": int(generation)})

    def large_info(self, env: int, step: int) -> bytes:
        """The msgpack info of a record with the flag INFO_ELSEWHERE.

        Raises:
            RequestFailed: the daemon no longer has it.
        """
        found = self._ask("large_info", {"env": self._check_env(env), "step": int(step)})
        data: bytes = found["data"]
        return data

    def attach(self, env: int) -> dict[str, Any]:
        """Where a viewer reaches the remote.

        Returns:
            {"name": ..., "vnc": {host, port, password} or None, "rewarder": the same or None}.
        """
        found: dict[str, Any] = self._ask("attach", {"env": self._check_env(env)})
        return found

    def clipboard(self, env: int, after_ns: int = -1, max_s: float = 0.0) -> tuple[str, int]:
        """The text that a program on a desktop copied last; "" where none was seen.

        Args:
            after_ns: CLOCK_MONOTONIC; one that was copied later is waited for.
            max_s: how long, at most 10 s.

        Returns:
            The text, and when it came: CLOCK_MONOTONIC in nanoseconds, 0 where there is none.

        Raises:
            RemoteError: there is no connection now, or the text is longer than 1 MiB.
        """
        params = {"env": self._check_env(env), "after_ns": int(after_ns), "max_s": float(max_s)}
        found = self._ask("clipboard", params, REQUEST_TIMEOUT_S + max_s)
        return str(found["text"]), int(found["copied_ns"])

    def set_clipboard(self, env: int, text: str) -> None:
        """Make a text what is pasted on a desktop; events that are sent later find it there.

        Raises:
            ValueError: it has more than 1 MiB of UTF-8, a zero, half of a character, or one that
                the VNC server's clipboard cannot hold.
            RemoteError: there is no connection now.
        """
        self._ask("set_clipboard", {"env": self._check_env(env), "text": checked_text(text)})

    def pointer(self, env: int) -> PointerShape | None:
        """What the pointer looks like on a desktop; None where its VNC server has not said it.

        One of 0x0 does not show. Its pixels are B, G, R, A, row by row; A is 0 or 255.

        Raises:
            RemoteError: there is no connection now.
        """
        shape = self._ask("pointer", {"env": self._check_env(env)})["shape"]
        return None if shape is None else PointerShape(*shape)

    def logs(self, env: int, *, remote: bool = False, lines: int = 200) -> list[str]:
        """The last lines of a worker's log.

        Args:
            remote: of its remote's programs instead, such as its container.

        Raises:
            RequestFailed: the remote's programs are not the daemon's.
        """
        params = {"env": self._check_env(env), "remote": remote, "lines": int(lines)}
        found = self._ask("logs", params)
        logs = found["remote"] if remote else [found]
        return [str(line) for log in logs for line in log["lines"]]

    def describe_env(self, env_id: str) -> dict[str, Any]:
        """What the runtime says about another of its environments; {} where it says nothing.

        Raises:
            RemoteError: there is no such environment.
        """
        found: dict[str, Any] = self._ask("describe", {"env_id": env_id}, DESCRIBE_TIMEOUT_S)
        return found

    def close(self, *, keep: bool = False) -> None:
        """Give workers, remotes and memory back. A second call, or one in a fork, does nothing.

        Args:
            keep: The daemon keeps the remotes for the spec's `client_id`, as it does when the
                trainer ends without closing.

        Raises:
            ValueError: there is no client_id to keep them for; nothing was closed.
        """
        if keep and self.spec.client_id is None:
            raise ValueError("keep is True, but the session has no client_id to keep remotes for")
        self._closed = True
        self._ending["keep"] = keep
        self._release()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self, method: str, params: dict[str, Any], timeout_s: float = REQUEST_TIMEOUT_S
    ) -> Any:
        self._channel.check_process()
        if self._closed:
            raise SessionClosed(f"session {self.name} is closed: open another")
        return self._channel.request(method, {"token": self.token, **params}, timeout_s)

    def _check_env(self, env: int) -> int:
        if not 0 <= env < self.num_envs:
            raise ValueError(f"env is {env}, expected 0 to {self.num_envs - 1}")
        return int(env)


def _late_start(status: Mapping[str, Any], limit_s: float) -> str:
    waiting = [worker for worker in status["workers"] if worker["state"] != "ready"]
    shown = "; ".join(f"{worker['name']}: {worker['waiting_for']}" for worker in waiting[:4])
    more = f"; and {len(waiting) - 4} more" if len(waiting) > 4 else ""
    log = [line for worker in waiting[:1] for line in worker.get("log", [])]
    tail = "".join(f"\n    {line}" for line in log)
    return (
        f"{status['ready']} of {len(status['workers'])} remotes were ready after {limit_s:g} s "
        f"({shown}{more}): raise start_timeout_s, or see 'envserver logs'{tail}"
    )


def _release(
    pid: int,
    channel: Channel,
    token: str,
    descriptors: list[int],
    owned: Callable[[], None] | None,
    ending: Mapping[str, bool],
) -> None:
    if os.getpid() != pid:
        return
    try:
        # Without a daemon there is nothing to give back.
        with contextlib.suppress(BrokerUnavailable, SessionClosed):
            channel.request("close_session", {"token": token, **ending}, CLOSE_TIMEOUT_S)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
        if owned is not None:
            owned()
