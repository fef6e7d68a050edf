"""One environment of a session: its remote and its worker, kept running.

Theory of operation: one task an environment (`_run`) does everything in order. It starts the
remote and, beside that, when its turn comes, the worker's interpreter; configures the worker once
the remote's address is known; waits until worker or remote ends; tells the segment; and begins
again after a back-off, as the next generation. The worker is always waited for before anything else
is told or started. An environment that was never ready does not begin again for ever: what failed
then answers the trainer's `wait_ready`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envserver.broker.faults import FaultReport, start_failure
from envserver.broker.in_use import RemoteInUse
from envserver.broker.large_infos import LargeInfos
from envserver.broker.pool import RemotePool
from envserver.broker.questions import Questions
from envserver.broker.resets import Resets
from envserver.broker.turns import Turn
from envserver.broker.worker import WorkerProcess
from envserver.errors import EnvServerError, RemoteError
from envserver.remotes.base import Remote
from envserver.spec import SessionSpec
from shm.control import ControlPlane
from workers import messages
from workers.entries import Fault

logger = logging.getLogger(__name__)

BACK_OFF_S = 0.1
MAX_BACK_OFF_S = 10.0
STABLE_S = 30.0
"""A worker that ran so long begins with the shortest back-off again."""
STATISTICS = ("phase", "episode", "updates", "update_bytes", "rectangles", "late_ticks", "queued")
STARTS = 3
"""Workers that may end before the first picture until the session's start has failed."""
CLOSE_TIMEOUT_S = 1.0
REMOTE_END_S = 0.15
"""A lost connection is the first sign of a remote's end, which is noticed within this time."""
CONNECTION_FAULTS = (Fault.CONNECTION_LOST, Fault.REWARDER_LOST)
START_GRACE_S = 5.0
"""What a worker gets beyond its start time-out, at whose end it says itself why it failed."""


class Environment:
    """Supervises one environment.

    Args:
        ask_turn: asks for a turn to start a worker.
        changed: called after each change of `state` or of what is waited for.
    """

    def __init__(
        self,
        env: int,
        spec: SessionSpec,
        pool: RemotePool,
        plane: ControlPlane,
        segment_fd: int,
        doorbell_fd: int,
        log: Path,
        owner: str,
        name: str,
        ask_turn: Callable[[], Turn],
        changed: Callable[[], None],
    ) -> None:
        self.env = env
        self._name = name
        self.log = log
        self.state = "starting"
        self.waiting_for = "its remote"
        self.failed: str | None = None
        self.generation = 0
        self.worker: WorkerProcess | None = None
        self.report = FaultReport()
        self.was_ready = False
        self.clock_offset_ns: tuple[int, int] | None = None
        """Bounds of what, added to the rewarder's wall clock, is CLOCK_MONOTONIC here."""
        self._spec = spec
        self._in_use = RemoteInUse(pool, env)
        self._plane = plane
        self._segment_fd = segment_fd
        self._doorbell_fd = doorbell_fd
        self._owner = owner
        self._ask_turn = ask_turn
        self._turn: Turn | None = None
        self._changed = changed
        self._env_id = spec.env_id
        self._configured = False
        self._resets = Resets(self._in_use, self._end)
        self.large_infos = LargeInfos(2 * spec.slots + 8)
        self._questions = Questions()
        self._told = asyncio.Event()
        self._end_cause: tuple[Fault, str] | None = None
        self._hopeless = False
        self._closing = False
        self._configured_at = 0.0
        self._ready_at = 0.0
        self._task = asyncio.create_task(self._run())

    @property
    def name(self) -> str:
        return self.remote.name if self.remote is not None else self._name

    @property
    def remote(self) -> Remote | None:
        return self._in_use.remote

    @property
    def describe(self) -> dict[str, Any]:
        return self._in_use.describe

    @property
    def has_rewarder(self) -> bool:
        """Whether its remote has one; True while nothing is known."""
        return self.remote is None or bool(self.remote.address.rewarder.port)

    def statistics(self) -> dict[str, int]:
        """The numbers of the control block (shm.control.ControlState)."""
        state = self._plane.state(self.env)._asdict()
        return {name: int(value) for name, value in state.items() if name in STATISTICS}

    def reset(self, reset_id: int, fields: dict[str, Any]) -> None:
        """Bring the options of a reset to the worker, or keep them for the next one."""
        # Before the first picture the remote is as fresh as one can be.
        fresh = bool(fields.get("fresh")) and self._configured
        self._resets.add(reset_id, fields, self._env_id, fresh)

    async def ask(self, what: str, max_s: float = 0.0, **fields: Any) -> dict[str, Any]:
        """Ask its worker about the desktop (`Questions.ask`)."""
        if self.worker is None or not self._configured:
            raise RemoteError(f"{self.name} does not run now: {self.waiting_for}")
        return await self._questions.ask(self.worker, self.name, what, max_s, fields)

    async def kill_worker(self, generation: int) -> None:
        """SIGKILL the worker of that generation, and return when its process was waited for."""
        worker = self.worker
        if worker is None or self.generation != generation:
            return
        self._end(Fault.WORKER_SILENT, "it held a row beyond the deadline and was killed")
        await worker.wait()
        await self._told.wait()

    def check_heartbeat(self, now_ns: int) -> None:
        """Kill a worker whose hot thread has been silent for too long, or that never got ready."""
        spec = self._spec
        if self.worker is None or self._end_cause is not None:
            return
        if self.state == "connecting":
            if time.monotonic() - self._configured_at > spec.start_timeout_s + START_GRACE_S:
                self._end(Fault.START_TIMEOUT, f"not ready after {spec.start_timeout_s:g} s")
            return
        if self.state != "ready":
            return
        silent_s = (now_ns - self._plane.state(self.env).heartbeat_ns) / 1e9
        since_ready_s = time.monotonic() - self._ready_at
        if min(silent_s, since_ready_s) > spec.step_timeout_s:
            self._end(Fault.WORKER_SILENT, f"no heartbeat for {silent_s:.1f} s; it was killed")

    def _note(self, fault: Fault, cause: str) -> None:
        """Keep what went wrong for `fault_report`."""
        self.report = FaultReport(fault, cause, self.generation)
        logger.warning("%s: %s: %s", self.name, fault.name, cause)

    async def fault_report(self) -> FaultReport:
        """What went wrong; a connection just lost waits for the remote's end, which explains it."""
        remote, lost = self.remote, self.report.fault in CONNECTION_FAULTS
        left_s = self.report.noted_at + REMOTE_END_S - time.monotonic()
        if lost and left_s > 0 and remote is not None and remote.logs and not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await remote.wait_ended()
            if not remote.alive and remote is self.remote:
                await self._told.wait()
        if self.state == "ready" and self.report.noted_at < self._resets.asked_at:
            late = f"{self._resets.awaits} did not come within {self._spec.reset_timeout_s:g} s"
            return FaultReport(Fault.RESET_FAILED, f"{self.name}: {late}", self.generation)
        return self.report

    async def close(self) -> None:
        """End the worker, which lets go of what it holds; the remote is the pool's to stop."""
        self._closing = True
        if self.worker is not None and self.state == "ready":
            self.worker.send(messages.pack("close"))
            await asyncio.wait((self._task,), timeout=CLOSE_TIMEOUT_S)
        self._task.cancel()
        # A remote that is being made is given up by who makes it: not before it is stopped.
        await asyncio.gather(asyncio.wait((self._task,)), self._resets.close())

    async def _run(self) -> None:
        try:
            await self._keep_running()
        except Exception as error:  # a mistake of ours must not look like a slow remote
            logger.exception("%s is given up", self.name)
            self._note(Fault.WORKER_DIED, f"the daemon failed: {error!r}")
        if not self._closing:
            self._set("failed", "nothing: it failed")
            self.failed = start_failure(self.name, self.report, self.log, self.remote)
            self._changed()

    async def _keep_running(self) -> None:
        """Live again and again; returns when it is closed, or never got ready."""
        back_off_s = BACK_OFF_S
        ended_early = 0
        while True:
            started_at = time.monotonic()
            await self._live()
            if self._closing:
                return
            if not self.was_ready:
                ended_early += 1
                if self._hopeless or ended_early == STARTS:
                    return
            if time.monotonic() - started_at > STABLE_S:
                back_off_s = BACK_OFF_S
            self._set("restarting", f"a restart: {self.report.cause}")
            await asyncio.sleep(back_off_s)
            back_off_s = min(2 * back_off_s, MAX_BACK_OFF_S)

    async def _live(self) -> None:
        """Run one generation from start to end."""
        self._configured = False
        self._end_cause = None
        self._turn = self._ask_turn()
        self._set_starting()
        taking = asyncio.create_task(self._take_remote())
        try:
            await asyncio.wait((self._turn.came, taking), return_when=asyncio.FIRST_COMPLETED)
            if self._end_cause is None:
                await self._turn.came
                self._start_worker(self._turn)
            if self.state == "queued":
                self._set_starting()
            if self.worker is not None and await taking:
                self._configure(self.worker)
                await self._wait_end(self.worker)
        finally:
            self._turn.give_back()
            taking.cancel()
            await self._clear_up()
            await asyncio.wait((taking,))

    async def _take_remote(self) -> bool:
        """Have a remote; False where none can be had."""
        try:
            await self._in_use.take(self._env_id)
        except (EnvServerError, OSError) as error:
            self._hopeless = True
            self._end(Fault.REMOTE_DIED, str(error))
            return False
        return True

    def _start_worker(self, turn: Turn) -> None:
        self._told.clear()
        self.generation = self._plane.begin(self.env)
        title = f"{self.name}, generation {self.generation}"
        try:
            self.worker = WorkerProcess(
                *(self._segment_fd, self._doorbell_fd, self.log, title, self._owner),
                *(self.has_rewarder, self._on_message, turn.give_back),
            )
        except OSError as error:
            self._end(Fault.WORKER_DIED, f"its worker cannot be started: {error}")
            self._plane.ended(self.env, int(Fault.WORKER_DIED))
        else:
            self._plane.set_pid(self.env, self.worker.pid)

    async def _clear_up(self) -> None:
        """Have the worker end, and tell how."""
        status = None
        if self.worker is not None:
            self.worker.kill()
            status = await asyncio.shield(self.worker.wait())
        self._note_end(status)
        if self.worker is not None:
            self.worker = None
            self._resets.go_to(None)
            self._questions.give_up()
            self._in_use.leave_others()
            self._plane.ended(self.env, int(self.report.fault))
        self._told.set()

    def _configure(self, worker: WorkerProcess) -> None:
        config = self._in_use.worker_config(
            self._spec, self.generation, self._env_id, self._resets.any
        )
        self._set("connecting", "the first picture")
        worker.send(messages.pack_configure(config))
        self._configured = True
        self._configured_at = time.monotonic()
        self._resets.go_to(worker)

    async def _wait_end(self, worker: WorkerProcess) -> None:
        cause = await self._in_use.wait_end(worker.wait(), lambda: self._end_cause is not None)
        if cause is not None:
            self._end(Fault.REMOTE_DIED, cause)

    def _end(self, fault: Fault, cause: str) -> None:
        """Kill the worker for a reason, by which its end will be called; the first one stays."""
        if self._end_cause is None:
            self._end_cause = (fault, cause)
        if self.worker is not None:
            self.worker.kill()

    def _note_end(self, status: int | None) -> None:
        if self._closing:
            return
        if self._end_cause is not None:
            self._note(*self._end_cause)
        elif status is not None:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            self._note(Fault.WORKER_DIED, f"its worker ended with {how}")
        if status is not None:
            self.report.note_exit(status, self.remote if self._configured else None)

    def _on_message(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind in ("started", "ready") and self._turn is not None:
            self._turn.give_back()
        if kind == "ready":
            self.was_ready = True
            self._ready_at = time.monotonic()
            self._in_use.leave_others()
            self._set("ready", "")
        elif kind in ("fault", "failed"):
            fault, cause = Fault(message["fault"]), str(message["message"])
            self._note(fault, cause)
            if kind == "failed":
                self._hopeless, self._end_cause = True, self._end_cause or (fault, cause)
                if self.was_ready:
                    self._replace_remote(cause)
            elif self.state != "ready":
                self._set(self.state, cause)
        elif kind == "info":
            self.large_infos.add(message["step"], message["data"])
        elif kind == "answer":
            self._questions.answered(message)
        elif kind == "awaits":
            self._resets.awaits = str(message["what"])
            if self.state == "connecting":
                self._set(self.state, self._resets.awaits)
        elif kind == "unreachable" and message["name"] == self.name:
            self._replace_remote(f"{self.name}: {message['message']}")
        elif kind == "switched":
            self._env_id = message["env_id"]
        elif kind == "clock":
            self.clock_offset_ns = (message["low_ns"], message["high_ns"])

    def _replace_remote(self, cause: str) -> None:
        """Take a remote that hangs for dead; one that is not ours is tried again and again."""
        if self.remote is not None and self.remote.logs:
            self.remote.end(f"{cause}; another takes its place", None, self.remote.log)
        else:
            self._note(self.report.fault, cause)

    def note_preparing(self, text: str) -> None:
        """Say what its remote waits for before it can start ("": nothing); no time-out runs."""
        if self.state not in ("queued", "starting", "preparing"):
            return
        if text:
            self._set("preparing", text)
        else:
            self._set_starting()

    def _set_starting(self) -> None:
        if self._turn is not None and not self._turn.came.done():
            self._set("queued", "its turn to start")
        else:
            self._set("starting", "its remote")

    def _set(self, state: str, waiting_for: str) -> None:
        self.state = state
        self.waiting_for = waiting_for
        self._changed()
