"""The trainer's side of a step: ask, and wait.

Theory of operation: `ask_step` opens the rows of a step, puts each environment's events and then
its STEP into its queue, and notes until when the row is awaited. `complete` sleeps until the rows
are there. At a deadline, or when the broker announces the end or the start of a worker,
`settling.py` looks at the rows that are missing. `ask_reset` does the same with RESET and STEP for
some environments and HOLD for the others.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError
from numpy.typing import NDArray

from envserver.actions import ActionCodec
from envserver.asked import Asked
from envserver.due import DueFields
from envserver.episodes import Episodes
from envserver.events import Encoded
from envserver.settling import Rules, SessionPort, Settler
from shm.errors import RingClosed
from shm.layout import ENTRY_DTYPE, RowState
from shm.ring import Ring
from workers.entries import Due, EntryFlag, EntryKind, Phase

STEP, HOLD = int(EntryKind.STEP), int(EntryKind.HOLD)
STARTING = int(Phase.STARTING)
AWAIT_EPISODE = int(EntryFlag.AWAIT_EPISODE)
NO_EVENTS: NDArray[Any] = np.empty(0, ENTRY_DTYPE)
NO_ENVS = np.empty(0, np.int32)


class Stepper:
    """The steps of one session.

    Attributes:
        asked: What is under way.
        episodes: What runs.
        codec: What is held down.
        plain: Looks whether anything happened at all.
    """

    def __init__(
        self,
        ring: Ring,
        session: SessionPort,
        codec: ActionCodec,
        episodes: Episodes,
        rules: Rules,
    ) -> None:
        n = ring.num_envs
        self.ring = ring
        self.codec = codec
        self.episodes = episodes
        self.asked = Asked(n)
        self._columns = {name: self.asked.entries[name] for name in ENTRY_DTYPE.names or ()}
        self._rules = rules
        self._settler = Settler(ring, session, codec, episodes, self.asked, rules)
        self.plain = episodes.plain_steps(ring)
        self._generations = ring.controls()["generation"]
        self._alive = ring.controls()["broker_alive"]
        self._phases = ring.controls()["phase"]
        self._everyone = np.arange(n, dtype=np.int32)
        self._names = [env.tobytes() for env in self._everyone]
        self._due: DueFields | None = None

    def use_codec(self, codec: ActionCodec) -> None:
        """From the next action on; nothing is held down."""
        self.codec = self._settler.codec = codec

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
        whose: Sequence[int] = range(len(encoded)) if envs is None else envs.tolist()
        self._fill_entries(envs, due)
        self._columns["value"][slice(None) if envs is None else envs] = [
            action.action for action in encoded
        ]
        if np.count_nonzero(running) < len(running):
            sent = [
                (env, action) for env, action in zip(whose, encoded, strict=True) if running[env]
            ]
            whose, encoded = [env for env, _ in sent], [action for _, action in sent]
        self.asked.held = frozenset()
        away_ns = time.monotonic_ns() + self._rules.reset_timeout_ns
        missed = self._ask(envs, whose, encoded, late_ns, away_ns)
        if missed is not None:
            got = [
                (env, action) for env, action in zip(whose, encoded, strict=True) if not missed[env]
            ]
            whose, encoded = [env for env, _ in got], [action for _, action in got]
        self.codec.sent(whose, encoded)
        if not self._rules.wait and np.count_nonzero(running) < len(running):
            self._excuse_absent(due)

    def ask_reset(
        self,
        reset: Mapping[int, Mapping[str, Any]],
        due: DueFields,
        until_ns: int,
    ) -> None:
        """Ask for new episodes, and for the rows that show their beginning.

        Args:
            reset: Environment -> seed and options; the others publish their picture again.
            due: When the rows are due.
            until_ns: How long a new episode is awaited.
        """
        held = [env for env in range(self.ring.num_envs) if env not in reset]
        self._fill_entries(None, due)
        self.asked.entries["value"] = 0
        self.asked.entries["kind"][held] = HOLD
        self.asked.entries["flags"] = AWAIT_EPISODE
        self.asked.held = frozenset(held)
        # Whoever is replaced from here on is asked again.
        generations = self._generations.copy()
        self._settler.start_reset(reset)
        late_ns = time.monotonic_ns() + self._rules.step_timeout_ns
        self._ask(None, (), (), late_ns, until_ns)
        self.asked.generation[list(reset)] = generations[list(reset)]
        self.asked.entries["flags"] = 0

    def end_reset(self) -> None:
        """Note that a reset is over, answered or not."""
        self.asked.resets = {}

    def give_up(self) -> None:
        """Forget what is under way; a worker that waits with a row goes on with what is queued."""
        with contextlib.suppress(RingClosed):
            for env in np.flatnonzero(self.asked.steps >= 0).tolist():
                step = int(self.asked.steps[env])
                if self.ring.abandon(step, env):
                    self.ring.fill_abandoned(step, env, resetting=True)
        self.asked.drop()

    def complete(self, wanted: int, until_ns: int | None = None) -> bool:
        """Wait until `wanted` rows are there; False: `until_ns` (CLOCK_MONOTONIC) came first.

        Raises:
            BrokerUnavailable: the daemon died, and a row is missing.
            ClosedEnvironmentError: another thread closed the environment.
            KeyboardInterrupt, ...: what a signal handler raises; `complete` may be called again.
        """
        try:
            return self._complete(wanted, until_ns)
        except RingClosed as error:
            raise ClosedEnvironmentError("the environment was closed meanwhile") from error

    def _complete(self, wanted: int, until_ns: int | None) -> bool:
        asked = self.asked
        if asked.whole is not None:
            steps: int | NDArray[np.int64] = asked.whole
            look_ns = asked.look_ns
        else:
            steps = asked.steps
            under_way = asked.steps >= 0
            look_ns = int(min(asked.late_ns[under_way].min(), asked.away_ns[under_way].min()))
        while True:
            limit_ns = look_ns if until_ns is None else min(look_ns, until_ns)
            if self.ring.wait(steps, wanted, limit_ns, on_wake=True) >= wanted:
                return True
            now_ns = time.monotonic_ns()
            look_ns = self._settler.settle(now_ns)
            if until_ns is not None and now_ns >= until_ns:
                return self.ring.wait(steps, wanted, 0) >= wanted

    def done(self) -> NDArray[np.int32]:
        """Which of the environments asked have their rows, in order."""
        states = self.asked.states(self.ring)
        return np.flatnonzero(states == RowState.DONE).astype(np.int32)

    def _excuse_absent(self, due: DueFields) -> None:
        """Await nobody beyond the due time who has no episode and no worker that could answer."""
        asked = self.asked
        absent = (self._alive == 0) | (self._phases == STARTING)
        absent &= ~self.episodes.running & (asked.steps == asked.step)
        if np.count_nonzero(absent):
            asked.late_ns[absent] = due.due_ns if due.due == Due.AT else 0
            asked.look_ns = min(asked.look_ns, int(asked.late_ns[absent][0]))

    def _fill_entries(self, envs: NDArray[np.int32] | None, due: DueFields) -> None:
        columns = self._columns
        whose: Any = slice(None) if envs is None else envs
        columns["kind"][whose] = STEP
        columns["step"][whose] = self.asked.step + 1
        columns["due_ns"][whose] = due.due_ns
        if envs is None and self._due is not None and self._due.same_kind(due):
            return
        # Fields that are the same step after step are written once.
        self._due = due if envs is None else None
        for name in ("due", "quiet_ns", "x", "y", "width", "height"):
            columns[name][whose] = getattr(due, name)

    def _ask(
        self,
        envs: NDArray[np.int32] | None,
        senders: Sequence[int],
        encoded: Sequence[Encoded],
        late_ns: int,
        away_ns: int,
    ) -> NDArray[np.bool_] | None:
        """Open the rows and fill the queues; returns who got nothing, None for nobody."""
        asked, episodes = self.asked, self.episodes
        step = asked.step + 1
        self.ring.open_step(step, envs)
        asked.begin(step, envs, late_ns, away_ns)
        whose = self._everyone if envs is None else envs
        entries = asked.entries if envs is None else asked.entries[envs]
        gone: NDArray[np.bool_] | None = None
        if envs is None and self.plain.workers_stayed():
            asked.generation[:] = episodes.generation
        else:
            gone = (self._generations != episodes.generation) | (self._alive == 0)
            gone &= episodes.running
            asked.generation[whose] = self._generations[whose]
            if asked.resets:
                gone[list(asked.resets)] = False
            if not np.count_nonzero(gone):
                gone = None
        if gone is not None:
            # Whoever answered now would show another episode: these rows are taken back.
            away = whose[gone[whose]]
            asked.generation[away] = episodes.generation[away]
            asked.late_ns[away] = 0
            asked.look_ns = 0
            whose = whose[~gone[whose]]
            entries = asked.entries[whose]
            kept = [
                (env, action) for env, action in zip(senders, encoded, strict=True) if not gone[env]
            ]
            senders, encoded = [env for env, _ in kept], [action for _, action in kept]
        raw = b"".join([action.raw for action in encoded])
        names, events, event_envs = self._names, NO_EVENTS, NO_ENVS
        if raw:
            events = np.frombuffer(raw, ENTRY_DTYPE)
            lists = [
                names[env] * len(action.events)
                for env, action in zip(senders, encoded, strict=True)
            ]
            event_envs = np.frombuffer(b"".join(lists), np.int32)
        dropped = self.ring.send(step, entries, whose, events, event_envs)
        if np.count_nonzero(dropped):
            gone = np.zeros(asked.num_envs, np.bool_) if gone is None else gone
            gone[whose[dropped]] = True
        return gone
