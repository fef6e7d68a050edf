"""The steps of a desktop's session, and what was seen last.

Theory of operation: a session with one environment makes one step after the other, each due at once
(NOW), at a time (AT), or when the screen says so (CHANGED, QUIET). What was *seen* last is kept:
the picture of the last screenshot or wait, or, if an action came later, the one just before it.
Waits compare with that, so that a change is found however soon after an action it came, also
between two steps.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from gymnasium.error import ClosedEnvironmentError, NoAsyncCallError, ResetNeeded

from envserver.actions import EventSpace
from envserver.codecs.events import Event
from envserver.codecs.hand import Hand
from envserver.due import CHANGED, NOW, DueTime, Region
from envserver.errors import RemoteError
from envserver.events import KEY, Encoded
from envserver.single_env import only

if TYPE_CHECKING:
    from envserver.batch import Batch
    from envserver.session import Session

OURS = ("num_envs", "actions", "autoreset_mode", "render_mode", "clock", "fps")
WHOLE = ("crop", "size", "color", "keep_dim", "frame_skip", "max_pool")
LOSSLESS = {"encoding": "tight", "fine_quality_level": -1}
LOOK_MS = 50.0
"""How long a wait for a change sleeps at most before it compares: for what came between steps."""


class AgentSteps:
    """A session with one environment, begun; see `Desktop` for its attributes.

    Args:
        name: Of the environment.
        seed: Of the first episode.
        options: Others of `make_vec`.
    """

    def __init__(self, name: str | None = None, *, seed: int | None = None, **options: Any) -> None:
        from envserver.make import make_vec

        _check_options(options)
        options.setdefault("vnc_kwargs", LOSSLESS)
        self.envs = make_vec(name, 1, autoreset_mode="disabled", fps=None, **options)
        try:
            space = self.envs.single_action_space
            if not isinstance(space, EventSpace):
                raise ValueError(
                    f"{self.envs.session.names[0]} takes numbered actions, no pointer and keys: "
                    "play it with envserver.make_vec"
                )
            self._hand = Hand((space.width, space.height), tap_ms=space.tap_ms)
            self._placed = False
            self._answering = False
            self._unfinished = False
            self._acted_ns = self._copy_seen_ns = 0
            self.goal, self.reward, self.done = "", 0.0, False
            self.info: dict[str, Any] = {}
            self.reset(seed=seed)
        except BaseException:
            self.envs.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the desktop back; a second call does nothing."""
        self.envs.close()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin a new episode, in which no key and button is held.

        Args:
            seed: As `VectorEnv.reset` takes it.
            options: As there: "fresh", "env_id", and what the task understands.

        Raises:
            ResetFailed: no episode began in `reset_timeout_s`.
        """
        observations, infos = self.envs.reset(seed=seed, options=options)
        self._unfinished = False
        self._hand.forget()
        if "fault" in self.info or (options or {}).get("fresh"):  # another remote's pointer
            self._hand = Hand(self._hand.screen, tap_ms=self._hand.tap_us / 1000)
            self._placed = False
        self._answering = False
        self._acted_ns = time.monotonic_ns()
        self._picture = observations[0]
        self._seen = self._picture.copy()
        self.info = only(infos)
        said = self.info.get("text", ())
        self.goal = "\n".join([said] if isinstance(said, str) else map(str, said))
        self.reward, self.done = 0.0, False

    @property
    def _session(self) -> "Session":
        return cast("Session", self.envs.session)

    def _act(self, *parts: Sequence[Event], size: tuple[int, int] | None = None) -> None:
        """Do events, a step a part, once all of them are known to be right."""
        for part in parts:
            self._hand.encode(part, size)
        self._acted_ns = time.monotonic_ns()
        self._look()
        for part in parts:
            if self.done:
                raise ResetNeeded(
                    f"the episode has ended with a reward of {self.reward:g}: call reset()"
                )
            action = self._hand.encode(part, size)
            self._answering = True
            self._step(as_tuples(action), NOW)
            self._hand.sent(action)
            self._placed |= any(entry.kind != KEY for entry in action.events)

    def _look(self) -> None:
        """See what the screen shows now."""
        if not self.done:
            self._step((), NOW)
        self._see()

    def _see(self) -> None:
        """The newest picture is what was seen last."""
        self._check_open()
        np.copyto(self._seen, self._picture)
        self._answering = False

    def _await_change(self, max_ms: float, region: Region) -> bool:
        until_ns = time.monotonic_ns() + round(max_ms * 1e6)
        due: DueTime = NOW
        while not self.done:
            self._step((), due)
            if self._differs(region):
                return True
            left_ms = (until_ns - time.monotonic_ns()) / 1e6
            if left_ms <= 0:
                return False
            due = CHANGED(min(left_ms, LOOK_MS), region)
        return self._differs(region)

    def _differs(self, region: Region) -> bool:
        x, y, width, height = region
        part = np.s_[y : y + height, x : x + width]
        return not np.array_equal(self._picture[part], self._seen[part])

    def _step(self, events: Sequence[tuple[Any, ...]], due: DueTime) -> "Batch":
        """One step of the session."""
        self._check_open()
        if self._unfinished:  # a call that was interrupted: its step comes first
            self._unfinished = False
            with contextlib.suppress(NoAsyncCallError):
                self._take(self.envs.recv())
        self._unfinished = True
        self.envs.send([events], due=due)
        batch = self.envs.recv()
        self._unfinished = False
        self._take(batch)
        return batch

    def _take(self, batch: "Batch") -> None:
        """Note what a step brought."""
        self._picture = batch.observations[0]
        self.info = only(batch.infos)
        self.reward += float(batch.rewards[0])
        self.done = bool(batch.terminated[0] or batch.truncated[0])
        if self.done:  # no further step will come, and a reset reuses the memory
            self._picture = self._picture.copy()
        if "fault" in self.info:
            raise RemoteError(f"{self.info['fault']['cause']}; call reset() for a new episode")
        if self.info["late"] and not self.done:
            raise TimeoutError("the desktop did not answer in time; another call may succeed")

    def _check_open(self) -> None:
        if self.envs.closed:
            raise ClosedEnvironmentError("the desktop is closed: make another")


def as_tuples(action: Encoded) -> list[tuple[Any, ...]]:
    """Queue entries as `EventSpace` has them."""
    said: list[tuple[Any, ...]] = []
    at_us = 0
    for entry in action.events:
        if entry.offset_us > at_us:
            said.append(("Wait", (entry.offset_us - at_us) / 1000))
            at_us = entry.offset_us
        if entry.kind == KEY:
            said.append(("KeyEvent", entry.argument, bool(entry.value)))
        else:
            said.append(("PointerEvent", entry.x, entry.y, entry.argument))
    if action.span_us > at_us:
        said.append(("Wait", (action.span_us - at_us) / 1000))
    return said


def _check_options(options: dict[str, Any]) -> None:
    for option in options:
        if option in OURS:
            raise ValueError(f"{option} is not for a desktop: envserver.make_vec takes it")
        if option in WHOLE:
            raise ValueError(
                f"{option} is not for a desktop, whose pictures are the whole screen: "
                "screenshot(region=...) cuts, envserver.make_vec makes other observations"
            )
