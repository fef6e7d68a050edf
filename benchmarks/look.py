"""An agent acts and looks: `python -m benchmarks.look [--trials 100]`.

A terminal full of words (`terminal.Shell-v0`, 1024x768). A trial acts, waits with `wait_stable()`
and takes a screenshot: a click beside the word that is selected, a double click on a word, a key,
or a command that prints. Counted is the time from the call of the action until the picture is
there. The picture was the final one if the screen shows the same half a second later.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

import envserver
from benchmarks.command import run, whole
from benchmarks.report import Figure, Found, show_found
from envserver.agent_desktop import Desktop

WIDTH, HEIGHT = 1024, 768
MOST_MS, LEAST_FINAL = 150.0, 0.99
LATER_MS = 500.0
DOUBLE = "a double click"
"""Takes three times `tap_ms` to do, and has no bound."""
WORDS = "clear; seq -s ' ' 10000 11200\n"
"""Fill the screen down to the prompt, so that a click nearly anywhere hits a word."""
Act = Callable[[Desktop], None]


def place(screen: random.Random) -> tuple[int, int]:
    """Among the words."""
    return screen.randrange(20, WIDTH - 40), screen.randrange(20, HEIGHT // 4)


def click(desktop: Desktop, dice: random.Random) -> Act:
    """The selection goes away; selected is a word elsewhere, before the time counts."""
    desktop.click(*place(dice), count=2)
    desktop.wait_stable()
    at = place(dice)
    return lambda desktop: desktop.click(*at)


def double_click(desktop: Desktop, dice: random.Random) -> Act:
    at = place(dice)
    return lambda desktop: desktop.click(*at, count=2)


def key(desktop: Desktop, dice: random.Random) -> Act:
    letter = dice.choice("abcdefgh")
    return lambda desktop: desktop.press(letter)


def command(desktop: Desktop, dice: random.Random) -> Act:
    """Prints 200 lines; it was typed before the time counts."""
    desktop.press("ctrl+u")
    desktop.type(f"seq {dice.randrange(1000, 9000)} 9200 | head -n 200")
    desktop.wait_stable()
    return lambda desktop: desktop.press("Return")


KINDS: dict[str, Callable[[Desktop, random.Random], Act]] = {
    "a click": click,
    DOUBLE: double_click,
    "a key": key,
    "a command": command,
}


def trial(desktop: Desktop, act: Act) -> tuple[float, bool, bool]:
    """Act and look.

    Returns:
        The milliseconds that it took, whether the picture was the final one, and whether it was
        another than before.
    """
    before = desktop.screenshot()
    began_s = perf_counter()
    act(desktop)
    desktop.wait_stable()
    picture = desktop.screenshot()
    taken_ms = (perf_counter() - began_s) * 1000
    desktop.wait(LATER_MS)
    final = np.array_equal(picture, desktop.screenshot())
    return taken_ms, final, not np.array_equal(picture, before)


def measure(trials: int = 100, seed: int = 0) -> Iterator[Found]:
    """Time and share of final pictures of each kind of action."""
    dice = random.Random(seed)
    with envserver.desktop("terminal.Shell-v0", screen=(WIDTH, HEIGHT)) as desktop:
        desktop.wait_stable(quiet_ms=LATER_MS, max_ms=20_000)
        desktop.type(WORDS)
        desktop.wait_stable(quiet_ms=LATER_MS)
        for name, prepare in KINDS.items():
            found = [trial(desktop, prepare(desktop, dice)) for _ in range(trials)]
            yield from figures(name, *map(list, zip(*found, strict=True)))
    yield f"{trials} trials of each; today's agents sleep for 2000 ms instead"


def figures(
    name: str, taken_ms: list[float], final: list[bool], changed: list[bool]
) -> Iterator[Found]:
    p50_ms, p95_ms = np.percentile(taken_ms, (50, 95))
    most_ms = None if name == DOUBLE else MOST_MS
    yield Figure(f"{name} and a look, p50", float(p50_ms), "ms", at_most=most_ms)
    yield Figure("  p95", float(p95_ms), "ms")
    yield Figure("  the final picture", float(np.mean(final)), "", at_least=LEAST_FINAL)
    yield Figure("  another than before", float(np.mean(changed)), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=whole(), default=100)
    show_found(measure(parser.parse_args().trials))


if __name__ == "__main__":
    run(main)
