"""What becomes of a row that is not there when it should be.

    CLAIMED, its worker gone              seized; the episode is lost
    CLAIMED 1 s after the deadline        its worker is killed; the episode is lost
    EMPTY, episode running, worker gone   taken back; the episode is lost
    EMPTY, episode running, deadline      taken back: late
    EMPTY, between episodes               "wait": until `reset_timeout_s`; "mask": the deadline

A row taken back is a copy of the environment's newest one. A worker that starts anew skips what was
queued before, so a row that is still awaited is asked for again. With SAME_STEP and "wait" the row
of a lost episode is awaited too: it will show the next episode, and `finals` keeps the last frame.
"""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from envserver.actions import ActionCodec
from envserver.asked import Asked
from envserver.episodes import Episodes
from envserver.errors import BrokerUnavailable
from shm.layout import ENTRY_DTYPE, RowState
from shm.ring import Ring
from workers.entries import EntryKind, Fault, Phase

RESET = int(EntryKind.RESET)
BETWEEN = frozenset({int(Phase.STARTING), int(Phase.RESETTING), int(Phase.FAULTY)})
CLAIM_GRACE_NS = 1_000_000_000
"""Where many share few processors a writer is preempted for long; at most step_timeout_s."""


class SessionPort(Protocol):
    """What stepping wants of a session; `envserver.session.Session` is one."""

    @property
    def alive(self) -> bool: ...
    def kill_worker(self, env: int, generation: int) -> None: ...
    def send_reset(self, reset_id: int, per_env: Mapping[int, Mapping[str, Any]]) -> None: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """How rows are awaited; times in nanoseconds."""

    wait: bool
    """while_resetting="wait"."""
    same_step: bool
    step_timeout_ns: int
    reset_timeout_ns: int


class Settler:
    """Looks at the rows that are missing, and takes back those that will not come."""

    def __init__(
        self,
        ring: Ring,
        session: SessionPort,
        codec: ActionCodec,
        episodes: Episodes,
        asked: Asked,
        rules: Rules,
    ) -> None:
        self._ring = ring
        self._session = session
        self.codec = codec
        self._episodes = episodes
        self._asked = asked
        self._rules = rules
        self._controls = ring.controls()
        self._claimed_ns: dict[int, tuple[int, int]] = {}
        self._claim_grace_ns = min(CLAIM_GRACE_NS, rules.step_timeout_ns)
        self._reset_id = 0

    def start_reset(self, resets: Mapping[int, Mapping[str, Any]]) -> None:
        """Tell the workers what to reset to, and put the RESET entries."""
        self._reset_id += 1
        self._asked.resets = dict(resets)
        self._send_reset(resets)

    def settle(self, now_ns: int) -> int:
        """Take back the rows that will not come; returns when to look again.

        Raises:
            BrokerUnavailable: the daemon died, and a row is missing.
        """
        asked = self._asked
        states = asked.states(self._ring)
        look_ns = now_ns + self._rules.reset_timeout_ns
        missing = np.flatnonzero((states == RowState.EMPTY) | (states == RowState.CLAIMED))
        if missing.size and not self._session.alive:
            raise BrokerUnavailable(
                f"the daemon ended while {missing.size} environments were stepping: "
                "make the environment again"
            )
        for env in missing.tolist():
            if states[env] == RowState.CLAIMED:
                again_ns = self._settle_claimed(env, now_ns)
            elif env in asked.held:
                again_ns = self._settle_held(env, now_ns)
            elif env in asked.resets or env in asked.lost or not self._episodes.running[env]:
                again_ns = self._settle_between(env, now_ns)
            else:
                again_ns = self._settle_running(env, now_ns)
            look_ns = min(look_ns, again_ns)
        return look_ns

    def _gone(self, env: int) -> bool:
        control = self._controls[env]
        return not control["broker_alive"] or control["generation"] != self._asked.generation[env]

    def _settle_claimed(self, env: int, now_ns: int) -> int:
        step = int(self._asked.steps[env])
        claimed_step, since_ns = self._claimed_ns.get(env, (step, now_ns))
        if claimed_step != step:
            since_ns = now_ns
        self._claimed_ns[env] = step, since_ns
        fault = 0
        if not self._gone(env):
            kill_ns = max(int(self._asked.late_ns[env]), since_ns) + self._claim_grace_ns
            if now_ns < kill_ns:
                return kill_ns
            self._session.kill_worker(env, int(self._controls["generation"][env]))
            fault = int(Fault.WORKER_SILENT)
        if self._ring.seize(step, env):
            return self._lose(env, fault, seized=True)
        return now_ns + self._claim_grace_ns

    def _settle_held(self, env: int, now_ns: int) -> int:
        if not self._gone(env) and now_ns < self._asked.late_ns[env]:
            return int(self._asked.late_ns[env])
        return self._take_back(env)

    def _settle_running(self, env: int, now_ns: int) -> int:
        if self._gone(env):
            return self._lose(env, 0, seized=False)
        late_ns, away_ns = int(self._asked.late_ns[env]), int(self._asked.away_ns[env])
        if now_ns < late_ns:
            return late_ns
        if self._rules.wait and int(self._controls["phase"][env]) in BETWEEN:
            if now_ns < away_ns:
                return away_ns
            # Ended where no row said so: SAME_STEP waited for the next episode in vain.
            fault = int(self._controls["fault"][env]) or int(Fault.RESET_FAILED)
            return self._take_back(env, fault=fault)
        return self._take_back(env)

    def _settle_between(self, env: int, now_ns: int) -> int:
        control = self._controls[env]
        alive, generation = bool(control["broker_alive"]), int(control["generation"])
        waits = self._rules.wait or env in self._asked.resets
        limit_ns = int(self._asked.away_ns[env]) if waits else int(self._asked.late_ns[env])
        if now_ns >= limit_ns or not (alive or waits):
            fault = int(Fault.RESET_FAILED) if waits else 0
            return self._take_back(env, resetting=True, fault=fault)
        if alive and generation != self._asked.generation[env]:
            self._ask_again(env, generation)
        return limit_ns

    def _ask_again(self, env: int, generation: int) -> None:
        """A new worker took over and skips what was queued before."""
        self._asked.generation[env] = generation
        if env in self._asked.resets:
            self._send_reset({env: self._asked.resets[env]})
        self._ring.put(env, self._asked.entries[env : env + 1])

    def _send_reset(self, resets: Mapping[int, Mapping[str, Any]]) -> None:
        self._session.send_reset(self._reset_id, resets)
        entry = np.zeros(1, dtype=ENTRY_DTYPE)
        entry["kind"] = RESET
        entry["step"] = self._reset_id
        for env in resets:
            self._ring.put(env, entry)
            self.codec.forget(env)

    def _lose(self, env: int, fault: int, *, seized: bool) -> int:
        """The episode is lost with its worker, unless none ran: then only the row is."""
        asked = self._asked
        fault = fault or int(self._controls["broker_fault"][env]) or int(Fault.WORKER_DIED)
        self.codec.forget(env)
        between = env in asked.resets or env in asked.lost or not self._episodes.running[env]
        waits = self._rules.wait and (between or self._rules.same_step)
        if env in asked.held or not (waits or env in asked.resets):
            lost = not between and env not in asked.held
            return self._take_back(
                env, seized=seized, resetting=not lost, fault=fault if lost else 0
            )
        if not between:
            asked.lost[env] = fault
            asked.finals[env] = self._ring.pixels(int(asked.newest[env]))[env].copy()
        if seized:
            # The next worker is to answer the same step.
            step = int(asked.steps[env])
            self._ring.fill_abandoned(step, env, resetting=True)
            self._ring.open_step(step, np.array([env], dtype=np.int32))
        return self._settle_between(env, time.monotonic_ns())

    def _take_back(
        self, env: int, *, resetting: bool | None = None, fault: int = 0, seized: bool = False
    ) -> int:
        step = int(self._asked.steps[env])
        if not (seized or self._ring.abandon(step, env)):
            return time.monotonic_ns() + self._claim_grace_ns  # claimed meanwhile
        self._ring.fill_abandoned(
            step,
            env,
            due_ns=int(self._asked.entries["due_ns"][env]),
            action=int(self._asked.entries["value"][env]),
            fault=fault,
            truncated=bool(fault) and not resetting,
            resetting=resetting,
        )
        return time.monotonic_ns() + self._rules.reset_timeout_ns
