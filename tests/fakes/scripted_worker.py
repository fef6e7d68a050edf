"""A session whose workers are threads that do as they are told, over the real shared memory.

Each worker follows the contract of ARCHITECTURE.md ("Episodes") in the plainest way; what goes
wrong is planned: `plan("done")` ends the episode at the next step, and so on. `VectorEnvContract`
holds for this fake and for the real workers. A picture is one byte everywhere.
"""

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from envserver.spec import SessionSpec
from shm.control import ControlPlane
from shm.layout import CONTROL_DTYPE, ENTRY_DTYPE, RECORD_DTYPE, RowState
from shm.segment import Segment
from shm.writer import Writer
from workers.entries import Due, EntryKind, Fault, Flag, Phase

HEIGHT, WIDTH = 4, 8
WAIT_S = 10.0


def picture(episode: int, step: int) -> int:
    """The byte that every pixel has `step` steps after the episode's first picture."""
    return (episode * 16 + step) % 251 + 1


class ScriptedWorker(threading.Thread):
    """One environment's worker.

    Plans, each for one step of a running episode: "step", "done", "truncate", "lost" (the remote's
    connection), "die" (before answering), "die claimed", "stick" (claim and stop), "skip" (answer
    only when `release` is called).
    """

    def __init__(
        self, session: "ScriptedSession", env: int, generation: int, *, slow_resets: bool = False
    ) -> None:
        super().__init__(daemon=True)
        self.session, self.env, self.generation = session, env, generation
        self.writer = Writer(session.segment_fd, env)
        self.control = np.frombuffer(self.writer.control(), CONTROL_DTYPE)
        self.plans: deque[str] = deque()
        self.taken: list[Any] = []
        self.resets: list[int] = []
        self.slow_resets = slow_resets
        self.episode = session.last_episodes[env]
        self.reward = 0.0
        self.steps = 0
        self.first_row = True
        self.phase = int(Phase.ENDED)
        session.all_workers.append(self)
        self.pending: Any = None
        self.skipping = False
        self._skipped = threading.Event()
        self.terminal: tuple[int, bool, bool, int] | None = None
        self.stopped = threading.Event()
        self.wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._jobs: deque[Any] = deque()
        if generation > 1 and session.autoreset != "disabled":
            self.begin_reset()

    # What tests say

    def plan(self, *plans: str) -> None:
        self.plans.extend(plans)

    def release(self) -> None:
        """Answer the step that is skipped, once it is."""
        assert self._skipped.wait(WAIT_S), "no step was skipped"
        self._skipped.clear()
        self._tell(self._unskip)

    def finish_reset(self) -> None:
        """Let the episode begin that a slow reset holds back."""
        self._tell(self.begin_episode)

    def stop(self) -> None:
        self.stopped.set()
        os.eventfd_write(self.wake, 1)

    def _tell(self, job: Any) -> None:
        self._jobs.append(job)
        os.eventfd_write(self.wake, 1)

    # The worker

    def run(self) -> None:
        doorbell = self.session.doorbells[self.env]
        poll = select.poll()
        for fd in (doorbell, self.wake):
            poll.register(fd, select.POLLIN)
        while not self.stopped.is_set():
            for fd, _ in poll.poll(1000):
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(fd)
            while self._jobs:
                self._jobs.popleft()()
            self._forget_abandoned()
            self._take_entries()
            self._publish_state()

    def begin_reset(self) -> None:
        self.phase = int(Phase.RESETTING)
        if not self.slow_resets:
            self.begin_episode()

    def begin_episode(self) -> None:
        self.episode += 1
        self.steps = 0
        self.first_row = True
        self.phase = int(Phase.RUNNING)
        self._publish_state()
        if self.pending is not None:
            self._answer()

    def _publish_state(self) -> None:
        self.control["phase"] = self.phase
        self.control["episode"] = self.session.last_episodes[self.env] = self.episode
        self.control["heartbeat_ns"] = time.monotonic_ns()

    def _take_entries(self) -> None:
        while self.pending is None and not self.stopped.is_set():
            raw = self.writer.peek()
            if raw is None:
                return
            entry = np.frombuffer(raw, ENTRY_DTYPE)[0]
            self.writer.take()
            self.taken.append(entry)
            kind = int(entry["kind"])
            if kind == EntryKind.RESET:
                self.resets.append(int(entry["step"]))
                self.terminal = None
                self.begin_reset()
            elif kind in (EntryKind.STEP, EntryKind.HOLD):
                self.pending = entry
                self._answer()

    def _forget_abandoned(self) -> None:
        """A row that was taken back between episodes is not waited for: entries behind it are."""
        if self.pending is not None and not self.skipping:
            step = int(self.pending["step"])
            state = int(np.frombuffer(self.writer.record(step), RECORD_DTYPE)["state"][0])
            if state != step << 2 | RowState.EMPTY:
                self.pending = None

    def _unskip(self) -> None:
        self.skipping = False
        if self.pending is not None:
            self._answer()

    def _answer(self) -> None:
        step = int(self.pending["step"])
        running = self.phase == Phase.RUNNING
        if self.skipping:
            return
        if self.pending["kind"] == EntryKind.HOLD:
            self._publish(step, resetting=not running)
        elif not running:
            if self.phase == Phase.ENDED or self.session.mask:
                self._publish(step, resetting=True)
        elif self.first_row:
            self._publish_first(step)
        else:
            if self.pending["due"] == Due.AT:
                self.stopped.wait(max(int(self.pending["due_ns"]) - time.monotonic_ns(), 0) / 1e9)
            self._step(step, self.plans.popleft() if self.plans else "step")

    def _publish_first(self, step: int) -> None:
        if self.terminal is None:
            self.first_row = not self._publish(step)
        else:
            self.first_row = False
            self._publish_terminal(step)

    def _step(self, step: int, plan: str) -> None:
        if plan == "skip":
            self.skipping = True
            self._skipped.set()
        elif plan.startswith("die"):
            if plan == "die claimed":
                self.writer.claim(step)
            self.stopped.set()
            self.session.bury(self)
        elif plan == "stick":
            self.writer.claim(step)
            self.stopped.set()
        elif plan == "lost":
            self.reward = 0.0
            self._end(step, terminated=False, fault=int(Fault.CONNECTION_LOST))
        elif plan in ("done", "truncate"):
            self.steps += 1
            self.reward += 10.0
            self._end(step, terminated=plan == "done", fault=0)
        elif self.steps + 1 == self.session.episode_steps:
            self._step(step, "truncate")
        else:
            self.steps += 1
            self.reward += 1.0
            self._publish(step)

    def _end(self, step: int, *, terminated: bool, fault: int) -> None:
        if self.session.autoreset == "same_step":
            np.frombuffer(self.writer.spare(), np.uint8)[:] = picture(self.episode, self.steps)
            self.terminal = (self.episode, terminated, not terminated, fault)
            self.begin_reset()
            if self.session.mask and self.phase != Phase.RUNNING:
                self._publish_terminal(step)
            return
        self._publish(step, terminated=terminated, truncated=not terminated, fault=fault)
        if self.session.autoreset == "disabled":
            self.phase = int(Phase.ENDED)
        else:
            self.begin_reset()

    def _publish_terminal(self, step: int) -> None:
        assert self.terminal is not None
        episode, terminated, truncated, fault = self.terminal
        self.terminal = None
        self._publish(
            step,
            flags=int(Flag.HAS_FINAL),
            final_episode=episode,
            final_reward=self.reward,
            terminated=terminated,
            truncated=truncated,
            fault=fault,
        )

    def _publish(self, step: int, **numbers: Any) -> bool:
        numbers["action"] = int(self.pending["value"])
        self.pending = None
        if not self.writer.claim(step):
            return False  # given up: what was to be told is told with the next row
        pixels = np.frombuffer(self.writer.pixels(step), np.uint8)
        pixels[:] = picture(self.episode, self.steps)
        record = np.frombuffer(self.writer.record(step), RECORD_DTYPE)
        for name in RECORD_DTYPE.names or ():
            if name not in ("state", "info", "final_info"):
                record[name] = numbers.get(name, 0)
        record["reward"] = self.reward
        self.reward = 0.0
        record["episode"] = self.episode
        record["generation"] = self.generation
        info = self.session.infos.get((self.env, self.episode, self.steps))
        if info is not None:
            packed = msgpack.packb(info)
            record["info_bytes"] = len(packed)
            record["info"][0, : len(packed)] = np.frombuffer(packed, np.uint8)
        self._publish_state()
        self.writer.finish(step)
        self.writer.arrive()
        return True


class ScriptedSession:
    """A session of scripted workers.

    Attributes:
        workers: The newest worker of each environment.
        others: What `describe_env` says about an environment, where not `describe`.
        infos: (env, episode, steps) -> what the remote says there.
        episode_steps: Where every episode is truncated, 0: nowhere.
        restarts: Whether a worker that ended is replaced at once.
        killed: (env, generation) of each `kill_worker`.
        sent_resets: (id, per_env) of each `send_reset`.
    """

    def __init__(
        self, num_envs: int = 2, *, autoreset: str = "next_step", mask: bool = False, slots: int = 4
    ) -> None:
        self.num_envs, self.autoreset, self.mask = num_envs, autoreset, mask
        self._segment = Segment.create(num_envs, HEIGHT, WIDTH, 3, slots, 64)
        self.segment_fd = self._segment.fd
        self.doorbells = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(num_envs)]
        self.names = [f"scripted remote {env}" for env in range(num_envs)]
        self.rewarders = [True] * num_envs
        self.describe: dict[str, Any] = {"keysyms": [[], [0x20], [0xFF51]]}
        self.others: dict[str, dict[str, Any]] = {}
        size: dict[str, Any] = {"height": HEIGHT, "width": WIDTH}
        self.spec = SessionSpec(runtime="gym-core", env_id="first", num_envs=num_envs, **size)
        self.infos: dict[tuple[int, int, int], dict[str, Any]] = {}
        self.large_infos: dict[tuple[int, int], bytes] = {}
        self.restarts = True
        self.slow_restarts = False
        self.alive = True
        self.episode_steps = 0
        self.closed = 0
        self.killed: list[tuple[int, int]] = []
        self.sent_resets: list[tuple[int, dict[int, dict[str, Any]]]] = []
        self.control = ControlPlane(self.segment_fd)
        self.last_episodes = [0] * num_envs
        self.workers: list[ScriptedWorker] = []
        self.all_workers: list[ScriptedWorker] = []
        self._burials: list[threading.Thread] = []
        for env in range(num_envs):
            self.workers.append(ScriptedWorker(self, env, self.control.begin(env)))
            self.control.set_pid(env, os.getpid())
            self.workers[env].start()

    def bury(self, worker: ScriptedWorker) -> None:
        """What the broker does, in a thread of its own, when it sees that a worker ended."""
        self._burials.append(threading.Thread(target=self.worker_ended, args=(worker,)))
        self._burials[-1].start()

    def worker_ended(self, worker: ScriptedWorker, fault: int = int(Fault.WORKER_DIED)) -> None:
        """Wait for a worker's end, announce it, and start another."""
        worker.stop()
        worker.join(WAIT_S)
        self.control.ended(worker.env, fault)
        if self.restarts:
            self.restart(worker.env)

    def restart(self, env: int) -> None:
        generation = self.control.begin(env)
        worker = ScriptedWorker(self, env, generation, slow_resets=self.slow_restarts)
        worker.start()
        self.workers[env] = worker

    # What the vector environment calls

    def send_reset(self, reset_id: int, per_env: Mapping[int, Mapping[str, Any]]) -> None:
        self.sent_resets.append((reset_id, {env: dict(told) for env, told in per_env.items()}))

    def kill_worker(self, env: int, generation: int) -> None:
        self.killed.append((env, generation))
        self.worker_ended(self.workers[env], int(Fault.WORKER_SILENT))

    def fault_report(self, env: int) -> dict[str, Any]:
        return {
            "code": 0,
            "cause": f"scripted fault of {env}",
            "signal": None,
            "log": ["last line"],
        }

    def describe_env(self, env_id: str) -> dict[str, Any]:
        return self.others.get(env_id, self.describe)

    def large_info(self, env: int, step: int) -> bytes:
        return self.large_infos[env, step]

    def close(self, *, keep: bool = False) -> None:
        self.closed += 1
        for burial in self._burials:
            burial.join(WAIT_S)
        for worker in self.workers:
            worker.stop()
        for worker in self.workers:
            worker.join(WAIT_S)
        if self.closed == 1:
            for descriptor in (*self.doorbells, *(worker.wake for worker in self.all_workers)):
                os.close(descriptor)
            self.control.close()
            self._segment.close()
