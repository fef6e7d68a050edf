"""MiniWoB++: small tasks on web pages, rewarded by the pages themselves.

Each page of the package `miniwob` is a class of this module, made when it is asked for: ClickTest2
is click-test-2.html. The goal is the page's own, as a text.

The reward is the page's raw one, from -1 to 1, which does not shrink with time, and its own time
limit is off; `options={"timed": True}` brings both back. An episode ends when the page says so.
When the page was left or closed it ends with -1. Other options: `data_mode`, for the few pages with
a "train" and a "test" set.
"""

import json
import random
import re
import time
from typing import Any, ClassVar

from envserver.rewarder import DesktopError, Outcome, Task
from envserver.tasks.miniwob_browser import Browser, pages_directory

READY_TIMEOUT_S = 20.0
SHOWN_TIMEOUT_S = 3.0
SENT_S = 0.1
"""The VNC server sends a picture some frames after the screen shows it."""
PAUSE_S = 0.01
FOREVER_MS = 1_000_000_000
FLIGHTS = {
    "FlightAA": "AA",
    "FlightAlaska": "Alaska",
    "FlightAlaskaAuto": "Alaska-auto",
    "FlightAlaskaAutoMedium": "Alaska-auto-medium",
}
# Only the page itself is shown: neither the last reward, nor a clock, nor marks of clicks.
STYLE = "#reward-display,#click-canvas{display:none!important}html::-webkit-scrollbar{display:none}"
BEGIN = """(() => {{
    const style = document.createElement('style');
    style.textContent = {style};
    document.head.appendChild(style);
    if ({limit_ms} !== null) core.EPISODE_MAX_TIME = {limit_ms};
    core.setDataMode({mode});
    Math.seedrandom({seed});
    core.startEpisodeReal();
    window.envserverEpisode = true;
    const mark = document.createElement('div');
    mark.id = 'envserver-mark';
    mark.style = 'position:fixed;left:0;top:0;width:4px;height:4px;z-index:99999';
    mark.style.background = '{color}';
    document.body.appendChild(mark);
}})()"""
UNMARK = "document.getElementById('envserver-mark').remove()"
STATE = "[!!window.envserverEpisode, WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL, WOB_REWARD_GLOBAL]"


class MiniWoB(Task):
    """A page."""

    fps = 30.0
    time_limit_s: float | None = 120.0
    tick_timeout_s = 30.0  # a browser that does not answer is asked twice
    page: ClassVar[str] = "miniwob/click-test.html"
    _browser: ClassVar[Browser | None] = None
    """One for all tasks of this process: another page needs no other browser."""

    def setup(self) -> None:
        if not (pages_directory() / self.page).is_file():
            raise DesktopError(f"the package miniwob has no page {self.page}")
        if MiniWoB._browser is None:
            MiniWoB._browser = Browser(self.desktop)

    def reset(self, seed: int, options: dict[str, Any]) -> dict[str, Any] | None:
        mode = options.get("data_mode", "train")
        if mode not in ("default", "train", "test"):
            raise ValueError(f"data_mode is {mode!r}, expected 'train', 'test' or 'default'")
        self._timed = bool(options.get("timed", False))
        assert self._browser is not None
        self._browser.open(self.page)
        try:
            self._begin(seed, mode)
        except DesktopError:  # the agent left it in a state that a new browser has not
            self._browser.close()
            self._browser.open(self.page)
            self._begin(seed, mode)
        utterance = self._browser.evaluate("core.getUtterance()")
        if isinstance(utterance, dict):  # some pages give the parts of it too
            utterance = utterance.get("utterance", "")
        self.say(str(utterance))
        return None

    def _begin(self, seed: int, mode: str) -> None:
        """Begin the page's episode; returns when the screen shows it.

        The browser tells when it has drawn, not when the screen has it: a mark does that.
        """
        assert self._browser is not None
        color = tuple(random.Random(seed).randrange(1, 255) for _ in "rgb")
        self._wait("typeof core === 'object' && core.cover_div !== null")
        begin = BEGIN.format(
            style=json.dumps(STYLE),
            limit_ms="null" if self._timed else FOREVER_MS,
            mode=json.dumps(mode),
            seed=seed,
            color=f"rgb{color}",
        )
        self._browser.evaluate(begin)
        self._wait("WOB_TASK_READY")
        self._wait_mark(color, there=True)
        self._browser.evaluate(UNMARK)
        self._wait_mark(color, there=False)
        time.sleep(SENT_S)

    def _wait_mark(self, color: tuple[int, ...], *, there: bool) -> None:
        deadline_s = time.monotonic() + SHOWN_TIMEOUT_S
        while (tuple(self.desktop.screen()[1, 1]) == color) != there:
            if time.monotonic() > deadline_s:
                raise DesktopError(f"{self.page}: the screen does not show it")
            time.sleep(PAUSE_S)

    def tick(self) -> Outcome | None:
        assert self._browser is not None
        try:
            ours, done, raw, reward = self._browser.evaluate(STATE)
        except (DesktopError, TypeError, ValueError):
            ours = False
        if not ours:
            return Outcome(-1.0, done=True, info={"page": "left"})
        if not done:
            return None
        return Outcome(
            float(reward if self._timed else raw),
            done=True,
            info={"raw_reward": raw, "timed_reward": reward},
        )

    def _wait(self, condition: str) -> None:
        assert self._browser is not None
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not self._browser.evaluate(condition):
            if time.monotonic() > deadline_s:
                raise DesktopError(f"{self.page}: not ready after {READY_TIMEOUT_S:g} s")
            time.sleep(PAUSE_S)


def page_of(name: str) -> str:
    """The page of a class: "ClickTest2" is "miniwob/click-test-2.html"."""
    if name in FLIGHTS:
        return f"flight/{FLIGHTS[name]}/wrapper.html"
    words = re.findall(r"[A-Z][a-z]*|\d+", name)
    return f"miniwob/{'-'.join(words).lower()}.html"


def __getattr__(name: str) -> type[MiniWoB]:
    if not re.fullmatch(r"([A-Z][a-z]*|\d+)+", name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = type(name, (MiniWoB,), {"page": page_of(name), "__module__": __name__})
    globals()[name] = made
    return made
