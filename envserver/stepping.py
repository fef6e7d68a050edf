"""The trainer's side of a step: ask, wait, and take back the rows that will not come.

Theory of operation. `ask` opens the rows of a step, puts events and a STEP (or HOLD, or RESET and
STEP) into each queue and notes until when each row is awaited. `complete` sleeps until the rows are
there; at a deadline, or when the broker announces the end or the start of a worker, `_settle` looks
at each row that is missing:

    CLAIMED, its worker gone             seized; the episode is lost
    CLAIMED 50 ms after the deadline      its worker is killed; the episode is lost
    EMPTY, episode running, worker gone   taken back; the episode is lost
    EMPTY, episode running, deadline      taken back: late
    EMPTY, between episodes               "wait": until `reset_timeout_s`; "mask": the deadline

A row taken back is a copy of the environment's newest one. A worker that starts anew skips what was
queued before, so a row that is still awaited is asked for again. With SAME_STEP and "wait" the row
of a lost episode is awaited too: it will show the next episode, and `finals` keeps the last frame.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envserver.actions import ActionCodec, Encoded
from envserver.due import DueFields
from envserver.episodes import Episodes
from envserver.errors import BrokerUnavailable
from shm.layout import ENTRY_DTYPE, RowState
from shm.ring import Ring
from workers.entries import EntryKind, Fault, Phase

STEP, HOLD, RESET = int(EntryKind.STEP), int(EntryKind.HOLD), int(EntryKind.RESET)
BETWEEN = frozenset({int(Phase.STARTING), int(Phase.RESETTING), int(Phase.FAULTY)})
CLAIM_GRACE_NS = 50_000_000
NOT_ASKED = -1


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


class Stepper:
    """The steps of one session.

    Attributes:
        step: The newest step asked for, from 1; 0 before the first.
        asked: int64 (num_envs,): the step that each environment was asked for last and that was not
            collected, -1 where none is under way.
        lost: Environments lost while a row of the next episode is awaited, with the `Fault`.
        finals: Their last frames.
        whole: The step that all environments are asked for together, None where they differ.
        newest: int64 (num_envs,): the step that each environment answered last, 0 before the first.
    """

    def __init__(
        self,
        ring: Ring,
        session: SessionPort,
        codec: ActionCodec,
        episodes: Episodes,
        rules: Rules,
    ) -> None:
        self.ring = ring
        self.session = session
        self.codec = codec
        self.episodes = episodes
        self.rules = rules
        n = ring.num_envs
        self.step = 0
        self.asked = np.full(n, NOT_ASKED, dtype=np.int64)
        self.newest = np.zeros(n, dtype=np.int64)
        self.lost: dict[int, int] = {}
        self.finals: dict[int, NDArray[np.uint8]] = {}
        self._controls = ring.controls()
        self._everyone = np.arange(n, dtype=np.int32)
        self._entries = np.zeros(n, dtype=ENTRY_DTYPE)
        self._no_events = np.zeros(0, dtype=ENTRY_DTYPE)
        self._nobody = np.zeros(0, dtype=np.int32)
        self._late_ns = np.zeros(n, dtype=np.int64)
        self._away_ns = np.zeros(n, dtype=np.int64)
        self._generation = np.zeros(n, dtype=np.uint32)
        self._asked_entries = np.zeros(n, dtype=ENTRY_DTYPE)
        self.whole: int | None = None
        self._look_ns = 0
        self._claimed_ns: dict[int, int] = {}
        self._resets: dict[int, Mapping[str, Any]] = {}
        self._reset_id = 0
        self._held: frozenset[int] = frozenset()

    def ask_step(
        self,
        encoded: Sequence[Encoded],
        envs: NDArray[np.int32] | None,
        due: DueFields,
        late_ns: int,
    ) -> None:
        """Ask for one step of `envs` (None: all, which is faster).

        Args:
            encoded: Each environment's events; dropped where no episode runs.
            envs: Which environments.
            due: When the rows are due.
            late_ns: From when on a row that is missing is late.
        """
        running = self.episodes.running
        places = range(len(encoded)) if envs is None else envs.tolist()
        sent = [(env, action) for env, action in zip(places, encoded, strict=True) if running[env]]
        flat: list[tuple[int, ...]] = [
            (env, *event) for env, action in sent for event in action.events
        ]
        entries = self._fill_entries(len(encoded), due)
        entries["value"] = [action.action for action in encoded]
        self._held = frozenset()
        away_ns = time.monotonic_ns() + self.rules.reset_timeout_ns
        dropped = self._ask(envs, entries, flat, late_ns, away_ns)
        if dropped is None:
            for env, action in sent:
                self.codec.sent(env, action)
        else:
            for env, action in sent:
                if not dropped[env]:
                    self.codec.sent(env, action)

    def ask_reset(
        self,
        reset: Mapping[int, Mapping[str, Any]],
        due: DueFields,
        until_ns: int,
        *,
        again: bool = False,
    ) -> None:
        """Ask for new episodes, and for the rows that show their beginning.

        Args:
            reset: Environment -> seed and options; the others publish their picture again.
            due: When the rows are due.
            until_ns: How long a new episode is awaited.
            again: The reset was asked for before; only look at the picture again.
        """
        n = self.ring.num_envs
        now_ns = time.monotonic_ns()
        late_ns = now_ns + self.rules.step_timeout_ns
        entries = self._fill_entries(n, due)
        held = [env for env in range(n) if env not in reset]
        entries["kind"][held] = HOLD
        self._held = frozenset(held)
        if not again:
            self._reset_id += 1
            self.session.send_reset(self._reset_id, reset)
            self._resets = dict(reset)
            self._reset_entries(list(reset))
        self._ask(None, entries, [], late_ns, until_ns)

    def complete(self, wanted: int, until_ns: int | None = None) -> bool:
        """Wait until `wanted` rows are there; False: `until_ns` (CLOCK_MONOTONIC) came first.

        Raises:
            BrokerUnavailable: the daemon died, and a row is missing.
            KeyboardInterrupt, ...: what a signal handler raises; `complete` may be called again.
        """
        whole = self.whole
        steps = self.asked if whole is None else whole
        look_ns = self._look_ns if whole is not None else int(self._late_ns[self.asked >= 0].min())
        while True:
            limit_ns = look_ns if until_ns is None else min(look_ns, until_ns)
            done = self.ring.wait(steps, wanted, limit_ns, on_wake=True)
            if done >= wanted:
                return True
            now_ns = time.monotonic_ns()
            look_ns = self._settle(now_ns)
            if until_ns is not None and now_ns >= until_ns:
                return self.ring.wait(steps, wanted, 0) >= wanted

    def done(self) -> NDArray[np.int32]:
        """Which of the environments asked have their rows, in order."""
        states = self._states()
        found: NDArray[np.int32] = np.flatnonzero(states == RowState.DONE).astype(np.int32)
        return found

    def collect(self, envs: NDArray[np.int32] | None) -> None:
        """Note that the rows of `envs` (None: all) were taken."""
        select: Any = slice(None) if envs is None else envs
        self.newest[select] = self.asked[select]
        self.asked[select] = NOT_ASKED
        self.whole = None

    def drop(self) -> None:
        """Give up what is under way without having looked at it."""
        self.asked[:] = NOT_ASKED
        self.whole = None
        self.end_reset()

    def forget_losses(self, envs: NDArray[np.int32] | None) -> None:
        """Note that the losses of `envs` (None: all) were reported."""
        if self.lost or self.finals:
            for env in self._everyone[slice(None) if envs is None else envs].tolist():
                self.lost.pop(env, None)
                self.finals.pop(env, None)

    def end_reset(self) -> None:
        """Note that a reset is over, answered or not."""
        self._resets = {}

    @property
    def pending(self) -> int:
        """For how many environments a step is under way."""
        return int((self.asked >= 0).sum())

    # Asking

    def _fill_entries(self, count: int, due: DueFields) -> NDArray[Any]:
        entries = self._entries[:count]
        entries["kind"] = STEP
        entries["step"] = self.step + 1
        entries["due"] = due.due
        entries["due_ns"] = due.due_ns
        entries["quiet_ns"] = due.quiet_ns
        entries["x"] = due.x
        entries["y"] = due.y
        entries["width"] = due.width
        entries["height"] = due.height
        entries["value"] = 0
        return entries

    def _ask(
        self,
        envs: NDArray[np.int32] | None,
        entries: NDArray[Any],
        flat: list[tuple[int, ...]],
        late_ns: int,
        away_ns: int,
    ) -> NDArray[np.bool_] | None:
        """Open the rows and fill the queues; returns who got nothing, None for nobody."""
        whose = self._everyone if envs is None else envs
        select: Any = slice(None) if envs is None else envs
        step = self.step + 1
        self.ring.open_step(step, envs)
        self.step = step
        self.asked[select] = step
        self.whole = step if envs is None else None
        self._look_ns = late_ns
        self._late_ns[select] = late_ns
        self._away_ns[select] = away_ns
        self._asked_entries[select] = entries
        generation = self._controls["generation"]
        self._generation[select] = generation[select]
        gone = self.episodes.running & (
            (generation != self.episodes.generation) | (self._controls["broker_alive"] == 0)
        )
        if self._resets:
            gone[list(self._resets)] = False
        anyone_gone = bool(gone.any())
        if anyone_gone:
            # Whoever answered now would show another episode: `_settle` takes these rows back.
            keep = ~gone[whose]
            self._generation[whose[~keep]] = self.episodes.generation[whose[~keep]]
            self._late_ns[whose[~keep]] = self._look_ns = 0
            entries, whose = entries[keep].copy(), np.ascontiguousarray(whose[keep])
            flat = [event for event in flat if not gone[event[0]]]
        events, event_envs = self._events(flat)
        dropped = self.ring.send(step, entries, whose, events, event_envs)
        if not anyone_gone and not dropped.any():
            return None
        gone[whose[dropped]] = True
        missed: NDArray[np.bool_] = gone
        return missed

    def _events(self, flat: list[tuple[int, ...]]) -> tuple[NDArray[Any], NDArray[np.int32]]:
        if not flat:
            return self._no_events, self._nobody
        columns = np.array(flat, dtype=np.int64)
        events = np.zeros(len(flat), dtype=ENTRY_DTYPE)
        for place, name in enumerate(("kind", "offset_us", "argument", "value", "x", "y"), 1):
            events[name] = columns[:, place]
        events["step"] = self.step
        return events, columns[:, 0].astype(np.int32)

    def _reset_entries(self, envs: list[int]) -> None:
        entry = np.zeros(1, dtype=ENTRY_DTYPE)
        entry["kind"] = RESET
        entry["step"] = self._reset_id
        for env in envs:
            self.ring.put(env, entry)
            self.codec.forget(env)

    # Waiting

    def _states(self) -> NDArray[np.uint8]:
        """Each environment's row state; 255 where nothing is asked."""
        if self.whole is not None:
            return self.ring.row_states(self.whole)
        states = np.full(self.ring.num_envs, 255, dtype=np.uint8)
        for step in np.unique(self.asked[self.asked >= 0]).tolist():
            these = self.asked == step
            states[these] = self.ring.row_states(step)[these]
        return states

    def _settle(self, now_ns: int) -> int:
        """Take back the rows that will not come; returns when to look again."""
        states = self._states()
        look_ns = now_ns + self.rules.reset_timeout_ns
        missing = np.flatnonzero((states == RowState.EMPTY) | (states == RowState.CLAIMED))
        if missing.size and not self.session.alive:
            raise BrokerUnavailable(
                f"the daemon ended while {missing.size} environments were stepping: "
                "make the environment again"
            )
        for env in missing.tolist():
            if states[env] == RowState.CLAIMED:
                again_ns = self._settle_claimed(env, now_ns)
            elif env in self._held:
                again_ns = self._settle_held(env, now_ns)
            elif env in self._resets or env in self.lost or not self.episodes.running[env]:
                again_ns = self._settle_between(env, now_ns)
            else:
                again_ns = self._settle_running(env, now_ns)
            look_ns = min(look_ns, again_ns)
        return look_ns

    def _gone(self, env: int) -> bool:
        control = self._controls[env]
        return not control["broker_alive"] or control["generation"] != self._generation[env]

    def _settle_claimed(self, env: int, now_ns: int) -> int:
        since_ns = self._claimed_ns.setdefault(env, now_ns)
        kill_ns = max(int(self._late_ns[env]), since_ns) + CLAIM_GRACE_NS
        silent = False
        if not self._gone(env):
            if now_ns < kill_ns:
                return kill_ns
            self.session.kill_worker(env, int(self._controls["generation"][env]))
            silent = True
        self._claimed_ns.pop(env, None)
        if self.ring.seize(int(self.asked[env]), env):
            return self._lose(env, int(Fault.WORKER_SILENT) if silent else 0, seized=True)
        return now_ns + CLAIM_GRACE_NS

    def _settle_held(self, env: int, now_ns: int) -> int:
        if not self._gone(env) and now_ns < self._late_ns[env]:
            return int(self._late_ns[env])
        return self._take_back(env)

    def _settle_running(self, env: int, now_ns: int) -> int:
        if self._gone(env):
            return self._lose(env, 0, seized=False)
        late_ns, away_ns = int(self._late_ns[env]), int(self._away_ns[env])
        if now_ns < late_ns:
            return late_ns
        if self.rules.wait and int(self._controls["phase"][env]) in BETWEEN:
            return away_ns if now_ns < away_ns else self._take_back(env, resetting=True)
        return self._take_back(env)

    def _settle_between(self, env: int, now_ns: int) -> int:
        control = self._controls[env]
        alive, generation = bool(control["broker_alive"]), int(control["generation"])
        waits = self.rules.wait or env in self._resets
        limit_ns = int(self._away_ns[env]) if waits else int(self._late_ns[env])
        if now_ns >= limit_ns or not (alive or waits):
            fault = int(Fault.RESET_FAILED) if env in self._resets else 0
            return self._take_back(env, resetting=True, fault=fault)
        if alive and generation != self._generation[env]:
            self._ask_again(env, generation)
        return limit_ns

    def _ask_again(self, env: int, generation: int) -> None:
        """A new worker took over and skips what was queued before."""
        self._generation[env] = generation
        if env in self._resets:
            self.session.send_reset(self._reset_id, {env: self._resets[env]})
            self._reset_entries([env])
        self.ring.put(env, self._asked_entries[env : env + 1])

    def _lose(self, env: int, fault: int, *, seized: bool) -> int:
        """The episode is lost with its worker, unless none ran: then only the row is."""
        control = self._controls[env]
        fault = fault or int(control["broker_fault"]) or int(Fault.WORKER_DIED)
        self.codec.forget(env)
        step = int(self.asked[env])
        awaited = env in self._resets or env in self.lost or not self.episodes.running[env]
        keeps_waiting = self.rules.wait and (awaited or self.rules.same_step)
        if env in self._held or not (keeps_waiting or env in self._resets):
            lost = not awaited and env not in self._held
            return self._take_back(
                env, seized=seized, resetting=not lost, fault=fault if lost else 0
            )
        if not awaited:
            self.lost[env] = fault
            self.finals[env] = self.ring.pixels(int(self.newest[env]))[env].copy()
        if seized:
            self.ring.fill_abandoned(step, env, resetting=True)
            self.ring.open_step(step, np.array([env], dtype=np.int32))
        # The grace of a running episode is over; from here on the next one is awaited.
        return self._settle_between(env, time.monotonic_ns())

    def _take_back(
        self, env: int, *, resetting: bool | None = None, fault: int = 0, seized: bool = False
    ) -> int:
        step = int(self.asked[env])
        if seized or self.ring.abandon(step, env):
            self.ring.fill_abandoned(
                step, env, fault=fault, truncated=bool(fault) and not resetting, resetting=resetting
            )
        return time.monotonic_ns() + self.rules.reset_timeout_ns
