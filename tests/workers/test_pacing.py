"""When a VNC server is asked for updates, and which of them are decoded."""

import io
import struct
import time

import numpy as np
from fakes.hot_rig import WAIT_S, HotRig, Picture, Screen
from PIL import Image

from workers.entries import Due
from workers.mail import Letter

WIDTH, HEIGHT = 100, 70
ASK_AHEAD_NS = 33_000_000
FPS = 5
PERIOD_NS = 1_000_000_000 // FPS


class AskedScreen(Screen):
    """A screen that notes when it was asked for changes."""

    def requested_ns(self) -> int:
        """Wait for the next incremental request; when it came."""
        while True:
            (kind,) = self._receive(1)
            if kind == 3:
                incremental = self._receive(9)[0]
                if incremental:
                    return time.monotonic_ns()
            elif kind == 2:
                self._receive(4 * struct.unpack("!xH", self._receive(3))[0])
            else:
                self._receive({0: 19, 4: 7, 5: 5}[kind])

    def send_jpeg(self, x: int, y: int, encoded: bytes, width: int, height: int) -> None:
        length = bytes(
            [len(encoded) & 127 | 128, len(encoded) >> 7 & 127 | 128, len(encoded) >> 14]
        )
        header = struct.pack("!BxHHHHHi", 0, 1, x, y, width, height, 7)
        self.server.sendall(header + b"\x90" + length + encoded)


def started(
    rigs: list[HotRig], channels: int = 3, fps: float | None = None
) -> tuple[HotRig, AskedScreen]:
    rig = HotRig(WIDTH, HEIGHT, channels=channels)
    rigs.append(rig)
    screen = AskedScreen(WIDTH, HEIGHT)
    screen.paint_all(1)
    rig.connect(screen, fps)
    rig.reset(1, screen)
    return rig, screen


def until_updates(rig: HotRig, count: int) -> None:
    rig.until(lambda: bool(rig.ring.control(0)["updates"] >= count))


def jpeg(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def test_a_rare_row_is_asked_for_shortly_before_it_is_due(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs, fps=FPS)
    due_ns = time.monotonic_ns() + PERIOD_NS
    step = rig.ask(due=Due.AT, due_ns=due_ns)
    in_time = 0
    # A machine that is busy may bring any of them too late, but not all.
    for count in range(40):
        # What the time between two steps was filled with is no concern here.
        while screen.requested_ns() < due_ns - ASK_AHEAD_NS:
            assert count == 0
        screen.paint(count, 0, np.full((5, 5, 3), 50 + count, np.uint8))
        if time.monotonic_ns() < due_ns - ASK_AHEAD_NS // 4:
            in_time += 1
            rig.answer(step)
            assert np.array_equal(rig.picture(), screen.pixels)
        else:
            rig.answer(step)
        if in_time == 3:
            break
        due_ns += PERIOD_NS
        step = rig.ask(due=Due.AT, due_ns=due_ns)
    assert in_time == 3


def test_nobody_is_asked_more_often_than_the_session_ticks(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs, fps=60)
    screen.requested_ns()
    began_ns = due_ns = time.monotonic_ns()
    for asked in range(1, 31):
        due_ns += 1_000_000_000 // 60
        screen.paint(asked, 0, np.full((5, 5, 3), asked, np.uint8))
        step = rig.ask(due=Due.AT, due_ns=due_ns)
        at_ns = screen.requested_ns()
        # One may have lain there, one is not after anything, and a quarter of a period is allowed.
        assert asked <= (at_ns - began_ns) * 60 / 1e9 + 2.25
        rig.answer(step)
    assert np.array_equal(rig.picture(), screen.pixels)


def test_whoever_waits_for_a_change_asks_often(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs, fps=0.2)
    began_ns = time.monotonic_ns()
    step = rig.ask(due=Due.CHANGED, due_ns=began_ns + int(WAIT_S * 1e9), width=WIDTH, height=HEIGHT)
    # One that lies there may be older; the second cannot wait for five seconds.
    screen.requested_ns()
    assert screen.requested_ns() - began_ns < 2e9
    screen.paint(3, 4, np.full((2, 2, 3), 9, np.uint8))
    rig.answer(step)
    assert np.array_equal(rig.picture(), screen.pixels)


def test_of_many_updates_a_row_only_the_last_is_decoded(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs)
    for count in range(12):
        before = int(rig.ring.control(0)["updates"])
        # Refused if it were decoded; after two crowded rows nobody does.
        encoded = b"no JPEG" if count > 3 else jpeg(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        screen.send_jpeg(0, 0, encoded, WIDTH, HEIGHT)
        until_updates(rig, before + 1)
        screen.paint_all(count)
        until_updates(rig, before + 2)
        rig.step()
        assert np.array_equal(rig.picture(), screen.pixels)


def test_what_cannot_be_decoded_is_noticed_before_it_is_shown(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs)
    for count in range(4):
        screen.paint_all(10 + count)
        screen.paint_all(20 + count)
        until_updates(rig, 2 * count + 4)
        rig.step()
    shown = rig.picture().copy()
    screen.paint(0, 0, np.zeros((9, 9, 3), np.uint8))
    screen.send_jpeg(0, 0, b"no JPEG", WIDTH - 1, HEIGHT)
    until_updates(rig, 12)
    step = rig.ask()
    rig.letter(Letter.BROKEN)
    assert rig.hot.post(Letter.LOST, 1)
    record = rig.answer(step)
    assert (record["truncated"], record["fault"]) == (1, 1)
    assert np.array_equal(rig.picture(), shown)


def test_a_grey_session_decodes_luma(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs, channels=1)
    rng = np.random.default_rng(3)
    blocks = rng.choice(np.array([0, 255], np.uint8), (7, 10, 3)).repeat(10, 0).repeat(10, 1)
    encoded = jpeg(np.ascontiguousarray(blocks))
    opened = Image.open(io.BytesIO(encoded))
    opened.draft("L", None)
    screen.send_jpeg(0, 0, encoded, WIDTH, HEIGHT)
    rig.step()
    assert np.array_equal(rig.picture()[..., 0], np.array(opened))
