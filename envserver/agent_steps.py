"""The steps of a desktop's session, and what was seen last.

Theory of operation: a session with one environment makes one step after the other, each due at once
(NOW), at a time (AT), or when the screen says so (CHANGED, QUIET). What was *seen* last is kept:
the picture of the last screenshot or wait, or, if an action came later, the one just before it.
Waits compare with that, so that a change is found however soon after an action it came, also
between two steps.

Threads: a public call holds `turn` (`in_turn`), so that those of several threads come one after the
other. `close` does not, and ends a call that waits elsewhere. A wait is made of steps of `SLICE_MS`
at most; between two of them it looks whether it was given up (`given_up_by`).
"""

import contextlib
import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, cast

import numpy as np
from gymnasium.error import ClosedEnvironmentError, NoAsyncCallError, ResetNeeded
from numpy.typing import NDArray

from envserver.actions import EventSpace
from envserver.arguments import check_options
from envserver.codecs.events import Event
from envserver.codecs.hand import Hand
from envserver.due import CHANGED, NOW, DueTime, Region
from envserver.errors import BrokerUnavailable, RemoteError
from envserver.events import KEY, Encoded
from envserver.resets import reset_requests
from envserver.single_env import only

if TYPE_CHECKING:
    from envserver.batch import Batch
    from envserver.session import Session

OURS = (
    *("num_envs", "actions", "autoreset_mode", "render_mode", "clock", "fps"),
    *("env_kwargs", "while_resetting"),
)
WHOLE = ("crop", "size", "color", "keep_dim", "frame_skip", "max_pool")
LOSSLESS = {"encoding": "tight", "fine_quality_level": -1}
LOOK_MS = 50.0
"""How long a wait for a change sleeps at most before it compares: for what came between steps."""
SLICE_MS = 200.0
"""How long a wait sleeps at most before it looks whether it was given up."""

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="AgentSteps")


class GivenUp(Exception):
    """Nobody waits for this call any more."""


def in_turn(call: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Decorate a method: it is made when those of other threads have ended."""

    @functools.wraps(call)
    def made(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.turn:
            try:
                return call(self, *args, **kwargs)
            except GivenUp:
                raise
            except Exception as error:
                if self._closing and not isinstance(error, ClosedEnvironmentError):
                    raise ClosedEnvironmentError("the desktop was closed meanwhile") from error
                raise

    return made


class AgentSteps:
    """A session with one environment, begun; see `Desktop` for its attributes.

    Args:
        name: Of the environment.
        seed: Of the first episode.
        options: Others of `make_vec`.
    """

    def __init__(self, name: str | None = None, *, seed: int | None = None, **options: Any) -> None:
        from envserver.make import make_vec

        _check_desktop_options(options, inspect.signature(make_vec).parameters)
        reset_requests(1, seed, None)  # checks it
        self.turn = threading.RLock()
        self._closing = False
        self._gone = threading.Event()
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
            self._fault = ""
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
        """Give the desktop back; a second call does nothing.

        A call that another thread is in ends with `ClosedEnvironmentError`.
        """
        self._closing = True
        self.envs.close()

    @contextlib.contextmanager
    def given_up_by(self, gone: threading.Event) -> Iterator[None]:
        """Waits in here raise `GivenUp` soon after the event is set."""
        with self.turn:
            self._gone, before = gone, self._gone
            try:
                yield
            finally:
                self._gone = before

    @in_turn
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin a new episode, in which no key and button is held.

        Args:
            seed: As `VectorEnv.reset` takes it.
            options: As there: "fresh", "env_id", and what the task understands.

        Raises:
            ResetFailed: no episode began in `reset_timeout_s`.
        """
        self._check_open()
        observations, infos = self.envs.reset(seed=seed, options=options)
        self._unfinished = False
        self._fault = ""
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
            self._step(as_tuples(action), NOW, action)

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

    def _check_waits(self) -> None:
        """Refuse to wait where nothing comes any more, or for nobody."""
        self._check_open()
        if self._gone.is_set():
            raise GivenUp
        if self._fault:
            raise RemoteError(self._fault)

    def _await_quiet(self, quiet_ms: float, max_ms: float, region: Region) -> bool:
        quiet_ns = round(quiet_ms * 1e6)
        changed_ns = time.monotonic_ns()
        until_ns = changed_ns + round(max_ms * 1e6)
        updates = -1
        while not self.done:
            self._check_waits()
            before = self._picture
            left_ms = (min(changed_ns + quiet_ns, until_ns) - time.monotonic_ns()) / 1e6
            due = CHANGED(min(max(left_ms, 0.0), SLICE_MS), region)
            record = self._step((), due).records[0]
            if self.done:
                break
            changed = bool(record["published_ns"] < record["due_ns"])
            if not changed and record["updates"] != updates:  # maybe between two steps
                changed = self._differs(region, before)
            updates = int(record["updates"])
            if changed:
                changed_ns = max(changed_ns, int(record["pixel_ns"]))
            now_ns = time.monotonic_ns()
            if now_ns - changed_ns >= quiet_ns:
                return True
            if now_ns >= until_ns:
                return False
        return True

    def _await_change(self, max_ms: float, region: Region) -> bool:
        until_ns = time.monotonic_ns() + round(max_ms * 1e6)
        due: DueTime = NOW
        while not self.done:
            self._check_waits()
            self._step((), due)
            if self._differs(region):
                return True
            left_ms = (until_ns - time.monotonic_ns()) / 1e6
            if left_ms <= 0:
                return False
            due = CHANGED(min(left_ms, LOOK_MS), region)
        return self._differs(region)

    def _differs(self, region: Region, before: NDArray[np.uint8] | None = None) -> bool:
        """Whether the newest picture is another than one before; None: what was seen last."""
        x, y, width, height = region
        part = np.s_[y : y + height, x : x + width]
        return not np.array_equal(
            self._picture[part], (self._seen if before is None else before)[part]
        )

    def _step(
        self, events: Sequence[tuple[Any, ...]], due: DueTime, action: Encoded | None = None
    ) -> "Batch":
        """One step of the session; `action` is what its events were made from."""
        self._check_open()
        if self._unfinished:  # a call that was interrupted: its step comes first
            self._unfinished = False
            with contextlib.suppress(NoAsyncCallError):
                self._take(self.envs.recv())
        self._unfinished = True
        self.envs.send([events], due=due)
        if action is not None:  # whatever becomes of the answer
            self._hand.sent(action)
            self._placed |= any(entry.kind != KEY for entry in action.events)
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
            self._fault = f"{self.info['fault']['cause']}; call reset() for a new episode"
            raise RemoteError(self._fault)
        if self.info["late"] and not self.done:
            raise TimeoutError("the desktop did not answer in time; another call may succeed")

    def _check_open(self) -> None:
        if self._closing or self.envs.closed:
            raise ClosedEnvironmentError("the desktop is closed: make another")
        if not self._session.alive:
            raise BrokerUnavailable("the daemon ended, and the desktop with it: make another")


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


def _check_desktop_options(options: dict[str, Any], known: Iterable[str]) -> None:
    check_options("desktop", options, known)
    for option in options:
        if option in OURS:
            raise ValueError(f"{option} is not for a desktop: envserver.make_vec takes it")
        if option in WHOLE:
            raise ValueError(
                f"{option} is not for a desktop, whose pictures are the whole screen: "
                "screenshot(region=...) cuts, envserver.make_vec makes other observations"
            )
