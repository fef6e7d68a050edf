"""What a task is: the class that a program's author writes."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from envserver.rewarder.desktop import Desktop


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a tick found.

    Attributes:
        reward: since the last tick.
        done: the episode is over; the next one begins by itself. With `info["truncated"]` True it
            was cut off, else it came to its end.
        info: for the agent's `infos`; JSON values, NumPy's numbers and arrays.
    """

    reward: float = 0.0
    done: bool = False
    info: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Host(Protocol):
    """What runs a task."""

    def say(self, text: str) -> None: ...

    def wake(self) -> None: ...

    def watch(self, descriptor: int, read: Callable[[], object] | None) -> None: ...

    def watch_directory(self, directory: Path) -> None: ...


class Task:
    """One task on a desktop.

    Every method runs in the same thread, one at a time; the rewarder answers its clients
    meanwhile. An exception in `reset` is told to the client that asked for it; any other ends the
    rewarder, and with it the remote.

    Attributes:
        fps: ticks a second. Nothing ticks while no client is connected.
        time_limit_s: after so many seconds an episode is truncated; None: never.
        tick_timeout_s: a tick that takes longer ends the rewarder.
        reset_timeout_s: so does a reset, or `setup`.
        desktop: the screen, windows and programs.
    """

    fps: float = 20.0
    time_limit_s: float | None = None
    tick_timeout_s: float = 10.0
    reset_timeout_s: float = 60.0
    desktop: Desktop
    _host: Host

    def setup(self) -> None:
        """Do what is done once, before the first episode."""

    def reset(self, seed: int, options: dict[str, Any]) -> dict[str, Any] | None:
        """Begin an episode: everything that `desktop.run` started has ended, its home is empty.

        Args:
            seed: the client's, or else drawn from the one before: never None.
            options: the client's.

        Returns:
            what the first `infos` of the episode show, or None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no reset")

    def tick(self) -> float | Outcome | None:
        """Look at the program: the reward since the last tick; None is 0 and nothing to say."""
        raise NotImplementedError(f"{type(self).__name__} has no tick")

    def done(self) -> bool:
        """Whether the episode is over; asked after each tick, for those that return no Outcome."""
        return False

    def close(self) -> None:
        """Let go of what the task holds, before another task takes its place."""

    def say(self, text: str) -> None:
        """Tell the agent something (`v0.env.text`): it is appended to `infos["text"]`.

        What is said in `reset`, such as the goal, is there with the first picture. Of what one
        tick says the first 100 are told, and how many more there were.
        """
        self._host.say(text)

    def wake(self) -> None:
        """Tick now and not only at the next 1/fps; may be called in any thread."""
        self._host.wake()

    def tick_on(self, descriptor: int, read: Callable[[], object] | None = None) -> None:
        """Tick too whenever a descriptor is readable.

        Args:
            read: takes what is there, called in another thread than the task's; without it, only
                the first time counts.
        """
        self._host.watch(descriptor, read)

    def tick_on_change(self, directory: Path) -> None:
        """Tick too whenever a file in a directory was written, moved or removed.

        It holds for all episodes, also where an agent removed the directory, if it is `home` or
        `scratch`. One that the task makes in each `reset` is named again there.

        Raises:
            DesktopError: the directory cannot be watched.
        """
        self._host.watch_directory(directory)
