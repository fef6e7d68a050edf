"""The environment that Universe's scripts drive: n remotes, lists in and lists out.

Theory of operation: `configure` begins to start the remotes and returns; `step` sends the actions
to those that run, waits for the next tick of `fps` together, and answers None for the others.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envserver.due import AT, NOW, DueTime, Ticks
from envserver.universe.compat import core
from envserver.universe.compiling import compile_actions
from envserver.universe.configuring import Configuration, parse_configuration
from envserver.universe.error import Error
from envserver.universe.logs import warn_once
from envserver.universe.opening import SCREEN, Opened, Remotes
from envserver.universe.registry import EnvSpec
from envserver.universe.remote import State
from envserver.universe.spaces import VNCActionSpace, VNCObservationSpace

IDLE_S = 1 / 60
"""How long a step without a throttle takes while nothing runs."""

Open = Callable[[Configuration, str | None], Opened]
StepResult = tuple[list[Any], list[float], list[bool], dict[str, Any]]


class VNCEnv(core.Env):
    """Desktops as one environment.

    Observations are None while a remote resets, else {"vision": uint8 (768, 1024, 3), RGB, a copy
    that is the script's own; "text": list of str}. A remote that fails never raises for the
    others: its observation is None, it is done once, and `info["n"][i]["error"]` says why. Only
    when every remote is lost for good does the next step raise.

    Args:
        spec: What it is; None: whatever runs at the addresses that `configure` gets.
        open_remotes: What starts or finds the remotes.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render.modes": ["human", "rgb_array"],
        "semantics.async": True,
        "semantics.autoreset": True,
        "video.frames_per_second": 60,
        "runtime.vectorized": True,
        "configure.required": True,
    }
    reward_range = (-np.inf, np.inf)

    def __init__(self, spec: EnvSpec | None = None, *, open_remotes: Open = Remotes) -> None:
        self.spec = spec
        self.action_space: Any = VNCActionSpace(screen_shape=SCREEN)
        self.observation_space: Any = VNCObservationSpace()
        self.metadata = dict(self.metadata)
        self.n: int | None = None
        self._open = open_remotes
        self._opened: Opened | None = None
        self._ticks: Ticks | None = None
        self._closed = False
        self._told_end = False

    @property
    def unwrapped(self) -> "VNCEnv":
        return self

    def configure(self, **arguments: Any) -> None:
        """Start remotes, or name those that run; see `envserver.universe.configuring`.

        Args:
            arguments: remotes, client_id, start_timeout, vnc_kwargs, fps; what else Universe had
                is accepted and ignored, with a warning where it would have done something.

        Raises:
            Error: an argument is wrong, it was configured before, or nothing of this name runs.
        """
        self._check_open()
        if self._opened is not None:
            raise Error("the environment has already been configured: make another")
        configuration = parse_configuration(**arguments)
        self._opened = self._open(configuration, self.spec.id if self.spec else None)
        self.n = configuration.n
        self._ticks = Ticks(configuration.fps) if configuration.fps is not None else None

    def reset(self) -> list[None]:
        """Begin new episodes; they run some steps later, and until then observations are None."""
        remotes = self._remotes()
        self.restart(range(len(remotes)))
        return [None] * len(remotes)

    def restart(self, envs: Iterable[int]) -> None:
        """Begin new episodes in some environments only; Universe had no such thing."""
        remotes = self._remotes()
        for env in envs:
            remotes[env].reset()

    def step(self, action_n: Any) -> StepResult:
        """Send each remote its events, and look at the next tick.

        Args:
            action_n: A list of n lists of events.

        Returns:
            observation_n, reward_n (float), done_n (bool), and {"n": [info, ...], ...}.

        Raises:
            Error: an action is wrong, and nothing was sent; or every remote is lost for good.
        """
        remotes = self._remotes()
        if all(remote.state is State.DEAD for remote in remotes) and self._told_end:
            causes = "; ".join(dict.fromkeys(remote.error or remote.name for remote in remotes))
            raise Error(f"all {len(remotes)} remotes are lost: {causes}")
        compiled = compile_actions(action_n, len(remotes))
        for remote in remotes:
            remote.poll()
        began_s = time.time()
        due, until_ns = self._due()
        active = False
        for remote, events in zip(remotes, compiled, strict=True):
            if remote.steps:
                remote.send(events, due)
                active = active or remote.steps
        sent_s = time.time()
        if not active:
            time.sleep(max(0, until_ns - time.monotonic_ns()) / 1e9)
        answers = [remote.receive() for remote in remotes]
        self._told_end = True
        seen_s = time.time()
        return (
            [answer.observation for answer in answers],
            [answer.reward for answer in answers],
            [answer.done for answer in answers],
            {
                "n": [answer.info for answer in answers],
                "throttle.action.available_at": began_s,
                "throttle.observation.available_at": seen_s,
                "stats.throttle.sleep": seen_s - sent_s,
            },
        )

    def render(self, mode: str = "human", close: bool = False) -> NDArray[np.uint8] | None:
        """Give the newest picture of remote 0 ("rgb_array"), black while there is none.

        "human" shows nothing: any VNC viewer may watch (`envserver attach` says where).

        Raises:
            Error: there is no such mode.
        """
        if close:
            return None
        if mode == "human":
            warn_once("render: no window is opened; 'envserver attach' says where a viewer looks")
            return None
        if mode != "rgb_array":
            raise Error(f"mode is {mode!r}, allowed are 'human', 'rgb_array'")
        vision = self._remotes()[0].vision
        return np.zeros((SCREEN[1], SCREEN[0], 3), np.uint8) if vision is None else vision.copy()

    def seed(self, seed: int | None = None) -> list[int]:
        """Refuse nothing and promise nothing: real programs have no seed."""
        return []

    def close(self) -> None:
        """Give the remotes back; a second call does nothing."""
        self._closed = True
        if self._opened is not None:
            opened, self._opened = self._opened, None
            opened.close()

    def __enter__(self) -> "VNCEnv":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return f"<VNCEnv<{self.spec.id if self.spec else 'no spec'}>>"

    def _due(self) -> tuple[DueTime, int]:
        now_ns = time.monotonic_ns()
        if self._ticks is None:
            return NOW, now_ns + round(IDLE_S * 1e9)
        due_ns = self._ticks.due_ns(now_ns)
        return AT(due_ns), due_ns

    def _remotes(self) -> Any:
        self._check_open()
        if self._opened is None:
            raise Error("the environment has no remotes: call env.configure(remotes=1) first")
        return self._opened.remotes

    def _check_open(self) -> None:
        if self._closed:
            raise Error("the environment is closed: make another")
