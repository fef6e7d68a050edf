"""A real desktop for an agent: pictures, actions, waits that the screen ends, refusals."""

import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from PIL import Image

import envserver
from envserver.agent_desktop import Desktop
from envserver.codecs import anthropic
from envserver.codecs.events import Key, Pointer, Text
from envserver.errors import BrokerUnavailable, RemoteError
from envserver.remotes.init import descendants_of

pytestmark = pytest.mark.integration


@pytest.fixture
def terminal(home: Path) -> Iterator[Desktop]:
    # A task's episode begins when the shell reads its keyboard.
    with envserver.desktop("terminal.CreateFile-v0", screen=(640, 480), provider="process") as made:
        assert made.wait_stable(quiet_ms=300, max_ms=10_000)
        yield made


def test_what_is_typed_is_seen(terminal: Desktop) -> None:
    d = terminal
    assert d.size == (640, 480)
    assert d.cursor is None
    before = d.screenshot()
    assert before.shape == (480, 640, 3)
    assert before.dtype == np.uint8
    d.type("seq 5\n")
    assert d.wait_stable()
    after = d.screenshot()
    ink = (after != before).any(axis=(1, 2)).nonzero()[0]
    assert ink.max() - ink.min() > 60, "five lines more"
    after[:] = 0
    png = np.asarray(Image.open(io.BytesIO(d.screenshot_png())))
    assert (png[:100] != 0).any(), "a picture is the caller's own"
    part = np.asarray(Image.open(io.BytesIO(d.screenshot_png((10, 20, 300, 200)))))
    assert np.array_equal(part, png[20:220, 10:310])
    with Image.open(io.BytesIO(d.screenshot_jpeg(quality=50))) as jpeg:
        assert (jpeg.format, jpeg.size) == ("JPEG", (640, 480))


def test_a_change_is_found_however_soon_it_comes(terminal: Desktop) -> None:
    d = terminal
    for _ in range(10):
        d.press("a")  # down for longer than the terminal takes to answer
        assert d.wait_change(5000)
    assert not d.wait_change(100), "nothing new since it was seen last"
    d.press("ctrl+u")
    assert not d.wait_change(200, (0, 400, 640, 80)), "the change is elsewhere"
    d.type("x")
    d.screenshot()
    d.wait_stable(300)
    assert not d.wait_change(100)


def test_a_wait_sees_slow_answers_and_gives_up_on_endless_ones(terminal: Desktop) -> None:
    d = terminal
    d.type("clear; sleep 0.3; seq 3; sleep 0.3; seq 3\n")
    assert d.wait_stable(quiet_ms=700, max_ms=10_000)
    calm = d.screenshot()
    assert not d.wait_change(400), "all had come"
    d.type("(trap exit INT; while :; do seq 9; sleep .02; done)\n")
    assert not d.wait_stable(quiet_ms=500, max_ms=1500)
    assert d.wait_stable(quiet_ms=50, max_ms=1000, region=(600, 440, 40, 40)), "not there"
    d.press("ctrl+c")
    assert d.wait_stable(quiet_ms=300, max_ms=10_000)
    assert not np.array_equal(d.screenshot(), calm)


def test_the_pointer_selects_what_the_middle_button_pastes(terminal: Desktop) -> None:
    """A double click marks a word, a drag a line: xterm's own, seen by what is pasted."""
    d = terminal
    d.type("clear; PS1=\n")
    d.wait_stable(300)
    d.type("echo >&2; echo amber birch\n")
    d.wait_stable(300)
    lines = (d.screenshot().min(axis=2) < 128).any(axis=1)
    assert lines.any()
    dark = d.screenshot().astype(int).sum(axis=2)
    common = np.bincount(dark.ravel()).argmax()
    rows = (dark != common)[:, :100].any(axis=1).nonzero()[0]
    y = int(rows[-1]) - 4  # in the last line that was written
    d.click(12, y, count=2)
    assert d.wait_change(2000), "the word is marked"
    d.click(button="middle")
    assert d.wait_change(2000), "and pasted"
    assert d.cursor == (12, y)
    d.press("ctrl+u")
    d.wait_stable(300)
    d.drag(2, y, 90, y)
    assert d.cursor == (90, y)
    assert d.wait_stable(300)
    d.scroll(200, 200, dy=-3)
    assert d.cursor == (200, 200)


WRONG: dict[str, tuple[Callable[[Desktop], Any], str]] = {
    "place": (lambda d: d.click(640, 1), "x is 640, expected an integer from 0 to 639"),
    "fraction": (lambda d: d.move(1, 2.5), "y is 2.5, expected an integer"),  # type: ignore[arg-type]
    "nowhere": (lambda d: d.click(), "give x and y"),
    "half": (lambda d: d.click(3), "y is None"),
    "button": (lambda d: d.click(1, 1, "wheel"), "button is 'wheel', expected one of left"),
    "count": (lambda d: d.click(1, 1, count=0), "count is 0, expected an integer from 1"),
    "keys": (lambda d: d.click(1, 1, keys="crtl"), "no key is called 'crtl'"),
    "key": (lambda d: d.press("ctrl+Retrun"), "no key is called 'Retrun'.* did you mean"),
    "empty": (lambda d: d.press([]), "no key is named"),
    "text": (lambda d: d.type("a" * 600 + "\x00"), "no key types the character"),
    "no text": (lambda d: d.type(7), "text is 7"),  # type: ignore[arg-type]
    "long": (lambda d: d.hold("a", 61_000), "wait is 61000"),
    "events": (lambda d: d.do([Pointer(640, 1)]), "x is 640, expected 0 to 639"),
    "drag": (lambda d: d.drag(1, 1, 2, 2, ms=-1), "ms is -1, expected milliseconds"),
    "drag's time": (lambda d: d.drag(1, 1, 2, 2, ms="x"), "ms is 'x'"),  # type: ignore[arg-type]
    "no key": (lambda d: d.press(None), "keys are None, expected names"),  # type: ignore[arg-type]
    "nothing held": (lambda d: d.hold(None, 5), "keys are None"),  # type: ignore[arg-type]
    "for ever": (lambda d: d.hold("a", None), "ms is None"),  # type: ignore[arg-type]
    "nothing down": (lambda d: d.key_down(None), "keys are None"),  # type: ignore[arg-type]
    "nothing up": (lambda d: d.key_up(None), "keys are None"),  # type: ignore[arg-type]
    "fractions": (lambda d: d.screenshot((0.5, 0, 9, 9)), "region is .* whole numbers"),  # type: ignore[arg-type]
    "digits": (lambda d: d.screenshot("1234"), "region is '1234'"),  # type: ignore[arg-type]
    "truth": (lambda d: d.wait_change(True), "max_ms is True"),
    "answer": (lambda d: d.wait_stable(answer_ms=float("nan")), "answer_ms is nan"),
    "wheel": (lambda d: d.scroll(1, 1), "dx and dy are 0"),
    "region": (lambda d: d.screenshot((0, 0, 641, 1)), "leaves the 640x480 screen"),
    "region of a wait": (lambda d: d.wait_change(9, (1, 2, 3)), "expected .x, y, width, height"),
    "quality": (lambda d: d.screenshot_jpeg(quality=0), "quality is 0"),
    "never": (lambda d: d.wait_stable(200, 100), "quiet_ms is 200, expected at most max_ms"),
    "endless": (lambda d: d.wait_change(float("inf")), "max_ms is inf"),
    "time": (lambda d: d.wait(-1), "ms is -1"),
}


def test_what_is_wrong_is_refused_and_nothing_is_sent(terminal: Desktop) -> None:
    before = terminal.screenshot()
    for what, (call, message) in WRONG.items():
        with pytest.raises(ValueError, match=message):
            call(terminal)
        assert terminal.cursor is None, what
    assert not terminal.wait_change(200)
    assert np.array_equal(terminal.screenshot(), before)


def test_events_of_codecs_are_done(terminal: Desktop) -> None:
    d = terminal
    d.do([Pointer(99, 49), Text("xy"), Key("Left", True), Key("Left", False)], size=(200, 100))
    assert d.wait_change(5000)
    assert d.cursor == (318, 237), "the middle of a pixel of the smaller picture"
    d.mouse_down()
    d.move(100, 100)
    d.mouse_up()
    d.key_down("shift")
    d.key_up("shift")
    assert d.cursor == (100, 100)
    click = anthropic.to_events({"action": "left_click", "coordinate": [5, 300]}, d.size)
    assert isinstance(click, list)
    d.do(click)
    assert d.cursor == (5, 300)
    d.wait_stable()
    plain, marked = d.screenshot(), d.screenshot(cursor=True)
    rows, columns = (plain != marked).any(axis=2).nonzero()
    assert columns.min() <= 5 <= columns.max()
    assert rows.min() <= 300 <= rows.max()
    part = d.screenshot((4, 295, 20, 20), cursor=True)
    assert np.array_equal(part, marked[295:315, 4:24])


def test_an_interrupted_wait_leaves_a_desktop_that_works(terminal: Desktop) -> None:
    d = terminal
    stop = threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT))
    stop.start()
    with pytest.raises(KeyboardInterrupt):
        d.wait_stable(quiet_ms=3000, max_ms=3000)
    d.press("a")
    assert d.wait_change(5000)


def test_an_interrupted_gesture_leaves_the_pointer_and_keys_known(terminal: Desktop) -> None:
    d = terminal
    stop = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    stop.start()
    with pytest.raises(KeyboardInterrupt):
        d.drag(10, 10, 100, 120, ms=1500, keys="shift")
    assert d.cursor == (100, 120)
    d.mouse_up()
    d.click()
    assert d.cursor == (100, 120)


def test_threads_share_a_desktop(terminal: Desktop) -> None:
    d = terminal
    d.click(300, 200)
    done: list[int] = []
    failed: list[BaseException] = []

    def use(place: int) -> None:
        try:
            for _ in range(8):
                d.click(place, place)
                assert d.cursor is not None
                assert d.screenshot((0, 0, 9, 9)).shape == (9, 9, 3)
                d.wait_stable(20, 400, answer_ms=50)
            done.append(place)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=use, args=(place,), daemon=True) for place in (5, 6, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert sorted(done) == [5, 6, 7]


@pytest.mark.parametrize(
    "wait",
    [
        lambda d: d.wait(3_600_000),
        lambda d: d.wait_stable(3_600_000, 3_600_000),
        lambda d: d.wait_change(3_600_000, (600, 440, 40, 40)),
        lambda d: d.wait_clipboard(3_600_000),
        lambda d: d.hold("shift", 60_000),
    ],
)
def test_a_close_frees_the_thread_that_waits(home: Path, wait: Callable[[Desktop], Any]) -> None:
    d = envserver.desktop("terminal.Shell-v0", screen=(640, 480), provider="process")
    stop = threading.Timer(0.3, d.close)
    stop.start()
    with pytest.raises(ClosedEnvironmentError):
        wait(d)
    stop.join()
    with pytest.raises(ClosedEnvironmentError, match="make another"):
        d.wait_stable()


def test_waits_take_numpys_numbers(terminal: Desktop) -> None:
    terminal.wait(np.float32(5))  # type: ignore[arg-type]
    assert terminal.wait_stable(np.int64(50), np.int64(5000))  # type: ignore[arg-type]
    assert terminal.screenshot(np.array([1, 2, 30, 40])).shape == (40, 30, 3)  # type: ignore[arg-type]


def test_what_is_typed_at_once_arrives_in_a_shell_which_ends_the_episode(home: Path) -> None:
    """Nothing is awaited: the first episode begins when the shell reads its keyboard."""
    with envserver.desktop("terminal.Shell-v0", screen=(640, 480), provider="process") as d:
        assert (d.goal, d.done) == ("", False)
        d.type("exit\n")
        for _ in range(20):
            if d.done:
                break
            d.wait_change(2000)
        assert (d.done, d.reward) == (True, 0.0)
        d.reset()
        d.press("a")
        assert d.wait_change()


def test_after_the_daemons_end_every_call_says_so(terminal: Desktop) -> None:
    pid = terminal.envs.daemon_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises((BrokerUnavailable, RemoteError)):
        terminal.wait_change(20_000, (600, 440, 40, 40))
    for call in (terminal.wait_stable, terminal.screenshot, terminal.reset, terminal.clipboard):
        for _ in range(2):
            with pytest.raises(BrokerUnavailable, match="the daemon ended"):
                call()


def test_a_remote_that_dies_is_an_error_and_a_reset_brings_another(terminal: Desktop) -> None:
    d = terminal
    d.move(5, 5)
    for pid in descendants_of(os.getpid()):
        if b"Xvnc" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
            os.kill(pid, signal.SIGKILL)
    with pytest.raises(RemoteError, match=r"call reset\(\) for a new episode"):
        d.wait_change(20_000, (600, 440, 40, 40))
    assert d.done
    with pytest.raises(ResetNeeded):
        d.press("a")
    for wait in (d.wait_stable, d.wait_change, d.wait_clipboard, lambda: d.wait(1)):
        with pytest.raises(RemoteError, match=r"call reset\(\) for a new episode"):
            wait()
    d.reset()
    assert (d.done, d.cursor) == (False, None)
    d.press("a")
    assert d.wait_change(5000)


def test_an_episode_ends_and_another_begins(home: Path) -> None:
    with envserver.desktop(
        "terminal.CreateFile-v0", screen=(640, 480), provider="process", seed=3
    ) as d:
        assert d.goal.startswith("Create the file ")
        name, content = d.goal.removeprefix("Create the file ").split(" with the content: ")
        d.type(f"echo {content} >{name}\n")
        for _ in range(5):
            if d.done:
                break
            d.wait_change(2000)
        assert (d.done, d.reward) == (True, 1.0)
        last = d.screenshot()
        assert d.wait_stable()
        assert not d.wait_change()
        with pytest.raises(ResetNeeded, match=r"ended with a reward of 1: call reset"):
            d.type("x")
        assert np.array_equal(d.screenshot(), last)
        d.reset(seed=3)
        assert (d.done, d.reward) == (False, 0.0)
        assert name in d.goal
        d.press("a")
        assert d.wait_change()
    with pytest.raises(ClosedEnvironmentError, match="the desktop is closed"):
        d.screenshot()
    d.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": (0, 0, 8, 8)}, "crop is not for a desktop"),
        ({"num_envs": 2}, "num_envs is not for a desktop"),
        ({"actions": "openai"}, "actions is not for a desktop"),
        ({"clock": "step"}, "clock is not for a desktop"),
        ({"env_kwargs": {"a": 1}}, "env_kwargs is not for a desktop"),
        ({"while_resetting": "mask"}, "while_resetting is not for a desktop"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_of_batches_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envserver.desktop("terminal.Shell-v0", **options)


def test_a_misspelt_option_is_told_the_right_one() -> None:
    with pytest.raises(
        TypeError, match=r"desktop\(\) has no option 'scren'; did you mean 'screen'"
    ):
        envserver.desktop("terminal.Shell-v0", scren=(640, 480))
    with pytest.raises(TypeError, match=r"make_vec\(\) has no option 'colr'; did you mean 'color'"):
        envserver.make_vec("terminal.Shell-v0", colr="grey")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"make_vec\(\) has no option 'zzz'$"):
        envserver.make_vec("terminal.Shell-v0", zzz=1)  # type: ignore[call-arg]


def test_a_game_of_numbered_actions_is_refused(home: Path, nothing_left: None) -> None:
    with pytest.raises(ValueError, match=r"takes numbered actions.* envserver\.make_vec"):
        envserver.desktop("gym-core.CartPole-v1", provider="process", screen="native")
