"""The RFB server against an independent viewer: encodings, extensions, bad viewers, faults."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference.small_viewer import (
    CONTINUOUS_UPDATES,
    FENCE,
    RAW,
    TIGHT,
    TIMESTAMP,
    ZLIB,
    EndOfContinuousUpdates,
    FenceSeen,
    Refused,
    SmallViewer,
    Update,
)

from envserver.runtimes.gym_core.canvas import Canvas
from envserver.runtimes.gym_core.changes import Rect
from envserver.runtimes.gym_core.misbehave import Misbehaviour
from envserver.runtimes.gym_core.pixels import CANVAS_FORMAT, PixelFormat
from envserver.runtimes.gym_core.server import RfbServer

TIMEOUT_S = 10
SIZE = (203, 117)


def frame(seed: int, colours: int = 4, height: int = 30, width: int = 40) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    palette = random.integers(0, 256, (colours, 3), np.uint8)
    return palette[random.integers(0, colours, (height, width))]


def noise(seed: int, height: int = 30, width: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def canvas_rgb(canvas: Canvas) -> NDArray[np.uint8]:
    return canvas.pixels.view(np.uint8).reshape(canvas.height, canvas.width, 4)[:, :, 2::-1]


class Desk:
    """A canvas behind a server, and what its viewers pressed."""

    def __init__(self, **server: Any) -> None:
        self.canvas = Canvas(SIZE, (30, 40, 3))
        self.keys: list[tuple[int, bool]] = []
        self.pressed = asyncio.Event()
        self.left = asyncio.Event()
        self.server = RfbServer(
            self.canvas, "desk", on_key=self.on_key, on_viewers=self.on_viewers, **server
        )
        self.port = 0
        self._viewers: list[SmallViewer] = []

    async def open(self) -> SmallViewer:
        """A viewer that has not said anything."""
        viewer = SmallViewer(*await asyncio.open_connection("127.0.0.1", self.port))
        self._viewers.append(viewer)
        return viewer

    async def connect(
        self, *, version: str = "003.008", password: str | None = None
    ) -> SmallViewer:
        viewer = await self.open()
        await viewer.handshake(version, password)
        return viewer

    async def close(self) -> None:
        for viewer in self._viewers:
            await viewer.close()
        self.server.close()

    def on_key(self, keysym: int, down: bool) -> None:
        self.keys.append((keysym, down))
        self.pressed.set()

    def on_viewers(self) -> None:
        if not self.server.viewers:
            self.left.set()

    def show(self, picture: NDArray[np.uint8], text: str = "") -> None:
        self.server.damage(self.canvas.show(picture, text))


@contextlib.asynccontextmanager
async def desk(**server: Any) -> AsyncIterator[Desk]:
    made = Desk(**server)
    made.show(frame(0), "first")
    made.port = await made.server.start()
    try:
        yield made
    finally:
        await made.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


@pytest.mark.parametrize("encoding", [RAW, ZLIB, TIGHT])
@pytest.mark.parametrize("colours", [1, 2, 3, 16, 255, 400])
def test_updates_show_the_canvas(encoding: int, colours: int) -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(encoding)
            for turn in range(5):
                viewer.request()
                update = await viewer.update()
                assert {rect[4] for rect in update.rects} == {encoding}
                np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))
                one.show(frame(turn + 1, colours), f"turn {turn}")

    run(test())


def test_only_what_changed_is_sent() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(TIGHT)
            viewer.request()
            await viewer.update()
            changed = frame(0).copy()
            changed[5:7, 10:13] ^= 255
            one.show(changed, "first")
            viewer.request()
            update = await viewer.update()
            # Scale 3, and the game's corner at (41, 5).
            assert [rect[:4] for rect in update.rects] == [(41 + 30, 5 + 15, 9, 6)]
            np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))

    run(test())


def test_first_preferred_known_encoding_is_used() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(16, 5, ZLIB, TIGHT, RAW, -239)
            viewer.request()
            assert {rect[4] for rect in (await viewer.update()).rects} == {ZLIB}

    run(test())


@pytest.mark.parametrize(
    ("wishes", "mode", "worst"),
    [((-412,), "RGB", 12), ((-412, -768), "RGB", 6), ((-23,), "RGB", 6), ((-412, -765), "L", 200)],
)
def test_noise_is_sent_as_jpeg_where_quality_is_wished(
    wishes: tuple[int, ...], mode: str, worst: int
) -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(TIGHT, *wishes)
            # Smooth, so that sharing chroma among pixels loses little.
            ramp = np.arange(1200, dtype=np.uint16).reshape(30, 40, 1)
            one.show((ramp // (5, 7, 9)).astype(np.uint8), "jpeg")
            viewer.request()
            update = await viewer.update()
            assert f"jpeg {mode}" in update.kinds
            lost = np.abs(viewer.picture.astype(int) - canvas_rgb(one.canvas))
            assert lost.max() <= worst

    run(test())


def test_lower_quality_is_smaller() -> None:
    async def test() -> None:
        async with desk() as one:
            sizes = []
            one.show(noise(1))
            for wish in (-512 + 5, -512 + 50, -512 + 95):
                viewer = await one.connect()
                viewer.set_encodings(TIGHT, wish)
                viewer.request()
                viewer.fence(b"end")
                sizes.append(len(await viewer.reader.readuntil(b"\x03end")))
            assert sizes[0] < sizes[1] < sizes[2]

    run(test())


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        ("3.3", "003.003"),
        ("3.7", "003.003"),
        ("3.7", "003.007"),
        ("3.8", "003.003"),
        ("3.8", "003.007"),
        ("3.8", "003.008"),
    ],
)
@pytest.mark.parametrize("password", [None, "sesame-long"])
def test_versions_and_security(offered: str, asked: str, password: str | None) -> None:
    async def test() -> None:
        async with desk(version=offered, password=password) as one:
            viewer = await one.connect(version=asked, password=password)
            assert viewer.greeting == f"RFB 003.00{offered[2]}\n".encode()
            assert viewer.name == "desk"
            assert (viewer.width, viewer.height) == SIZE
            assert viewer.pixel_format == CANVAS_FORMAT.pack()

    run(test())


@pytest.mark.parametrize(
    ("asked", "answer"),
    [("003.005", b"\0\0\0\1"), ("003.889", b"\1\1"), ("004.001", b"\1\1")],
)
def test_odd_versions_count_as_the_next_lower_one(asked: str, answer: bytes) -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.open()
            await viewer.reader.readexactly(12)
            viewer.writer.write(f"RFB {asked}\n".encode())
            assert await viewer.reader.readexactly(len(answer)) == answer

    run(test())


@pytest.mark.parametrize("version", ["003.003", "003.007", "003.008"])
def test_wrong_password_is_refused(version: str) -> None:
    async def test() -> None:
        async with desk(password="sesame") as one:
            with pytest.raises(Refused) as refused:
                await one.connect(version=version, password="wrong")
            assert str(refused.value) == ("wrong password" if version == "003.008" else "")
            await one.left.wait()

    run(test())


def test_fence_is_answered_with_its_payload() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(RAW, FENCE)
            viewer.fence(b"seven", 0xFFFFFFFB)
            answer = await viewer.message()
            assert isinstance(answer, FenceSeen)
            # SyncNext is not asked for here; bits nobody knows come back as 0.
            assert (answer.flags, answer.payload) == (3, b"seven")

    run(test())


def test_sync_next_fence_is_answered_with_the_next_message() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(RAW)
            viewer.fence(b"sync", 0x80000004)
            viewer.fence(b"after")
            first, second = await viewer.message(), await viewer.message()
            assert isinstance(first, FenceSeen)
            assert isinstance(second, FenceSeen)
            assert (first.payload, second.payload) == (b"sync", b"after")

    run(test())


def test_server_announces_fence_and_continuous_updates() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(RAW, FENCE, CONTINUOUS_UPDATES)
            flags, length = struct.unpack(">xxxxIB", await viewer.reader.readexactly(9))
            assert flags & 0x80000000
            await viewer.reader.readexactly(length)
            assert isinstance(await viewer.message(), EndOfContinuousUpdates)

    run(test())


def test_continuous_updates_come_unasked_until_disabled() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(TIGHT, CONTINUOUS_UPDATES)
            assert isinstance(await viewer.message(), EndOfContinuousUpdates)
            viewer.continuous_updates(True)
            await viewer.update()
            for turn in range(5):
                one.show(frame(turn, 6), f"turn {turn}")
                await viewer.update()
                np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))
            viewer.continuous_updates(False)
            assert isinstance(await viewer.message(), EndOfContinuousUpdates)
            one.show(frame(99), "unasked")
            viewer.fence(b"quiet")
            assert await viewer.until_fence(b"quiet") == []

    run(test())


def test_time_stamp_comes_first_and_is_of_the_sending() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(RAW, TIMESTAMP)
            before = time.monotonic_ns()
            viewer.request()
            stamp = (await viewer.update()).stamp_ns
            assert stamp is not None
            assert before <= stamp <= time.monotonic_ns()
            viewer.set_encodings(RAW)
            viewer.request(incremental=False)
            assert (await viewer.update()).stamp_ns is None

    run(test())


def test_several_viewers_see_and_press() -> None:
    async def test() -> None:
        async with desk() as one:
            viewers = [await one.connect() for _ in range(3)]
            for viewer, encoding in zip(viewers, (RAW, ZLIB, TIGHT), strict=True):
                viewer.set_encodings(encoding)
                viewer.request()
                await viewer.update()
                viewer.request()
            one.show(noise(3), "all")
            for viewer in viewers:
                await viewer.update()
                np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))
            for place, viewer in enumerate(viewers):
                viewer.key(0x61 + place, True)
                viewer.fence(b"pressed")
                await viewer.until_fence(b"pressed")
            assert one.keys == [(0x61, True), (0x62, True), (0x63, True)]
            for viewer in viewers:
                await viewer.close()
            await one.left.wait()
            # Who leaves lets go.
            assert sorted(one.keys[3:]) == [(0x61, False), (0x62, False), (0x63, False)]

    run(test())


def test_region_requests_get_their_region_only() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(TIGHT)
            viewer.request(rect=(50, 20, 31, 17))
            update = await viewer.update()
            region = Rect(50, 20, 31, 17)
            assert all(region.covers(Rect(*rect[:4])) for rect in update.rects)
            inside = (slice(20, 37), slice(50, 81))
            np.testing.assert_array_equal(viewer.picture[inside], canvas_rgb(one.canvas)[inside])
            viewer.request()
            await viewer.update()
            np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))

    run(test())


def test_other_messages_are_passed_over() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            cut_text = struct.pack(">BxxxI", 6, 70_000) + bytes(70_000)
            extended = struct.pack(">Bxxxi", 6, -8) + bytes(8)
            pointer = struct.pack(">BBHH", 5, 1, 3, 4)
            desktop_size = struct.pack(">BxHHBx", 251, 9, 9, 1) + bytes(16)
            qemu_key = struct.pack(">BBHII", 255, 0, 1, 0x20, 57)
            viewer.writer.write(cut_text + extended + pointer + desktop_size + qemu_key)
            viewer.fence(b"alive")
            await viewer.until_fence(b"alive")
            assert one.keys == [(0x20, True)]

    run(test())


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x63",
        struct.pack(">BxxxI", 6, 0x7FFFFFFF),
        struct.pack(">BxxxIB", 248, 0x80000001, 65),
        struct.pack(">BxxxBBBBHHHBBBxxx", 0, 24, 24, 0, 1, 255, 255, 255, 0, 8, 16),
        struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 0, 8, 31),
        struct.pack(">BxxxBBBBHHHBBBxxx", 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0),
        b"\xff\x01",
    ],
)
def test_hostile_viewer_is_dropped_alone(hostile: bytes) -> None:
    async def test() -> None:
        async with desk() as one:
            good, bad = [await one.connect() for _ in range(2)]
            bad.writer.write(hostile)
            with contextlib.suppress(ConnectionResetError):
                assert await bad.reader.read(1) == b""
            good.set_encodings(TIGHT)
            good.request()
            await good.update()
            np.testing.assert_array_equal(good.picture, canvas_rgb(one.canvas))

    run(test())


@pytest.mark.parametrize(
    ("pixel_format", "encoding"),
    [
        (PixelFormat(16, 16, False, (31, 63, 31), (11, 5, 0)), RAW),
        (PixelFormat(16, 15, True, (31, 31, 31), (10, 5, 0)), ZLIB),
        (PixelFormat(8, 8, False, (7, 7, 3), (0, 3, 6)), RAW),
        (PixelFormat(32, 24, True, (255, 255, 255), (0, 8, 16)), RAW),
        (PixelFormat(32, 24, False, (255, 255, 255), (0, 8, 16)), TIGHT),
    ],
)
def test_other_pixel_formats(pixel_format: PixelFormat, encoding: int) -> None:
    async def test() -> None:
        async with desk() as one:
            one.show(noise(5))
            viewer = await one.connect()
            viewer.writer.write(b"\0\0\0\0" + pixel_format.pack())
            viewer.set_encodings(encoding)
            viewer.request()
            if encoding == TIGHT:
                # TPIXEL is R, G, B whatever the shifts are.
                await viewer.update()
                np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))
            else:
                got = await _picture(viewer, pixel_format, encoding)
                steps = np.array(pixel_format.maxima)
                wanted = (canvas_rgb(one.canvas).astype(int) * steps + 127) // 255
                np.testing.assert_array_equal(got, wanted)

    run(test())


async def _picture(
    viewer: SmallViewer, pixel_format: PixelFormat, encoding: int
) -> NDArray[np.int64]:
    """The channels of one update of the whole screen in a format of few bytes."""
    head = await viewer.reader.readexactly(16)
    width, height = struct.unpack(">HH", head[8:12])
    size = width * height * pixel_format.bytes_per_pixel
    if encoding == ZLIB:
        (packed,) = struct.unpack(">I", await viewer.reader.readexactly(4))
        raw = viewer._zlib.decompress(await viewer.reader.readexactly(packed))
    else:
        raw = await viewer.reader.readexactly(size)
    order = ">" if pixel_format.big_endian else "<"
    pixels = np.frombuffer(raw, f"{order}u{pixel_format.bytes_per_pixel}").astype(np.int64)
    channels = zip(pixel_format.shifts, pixel_format.maxima, strict=True)
    return np.stack([pixels >> shift & top for shift, top in channels], -1).reshape(
        height, width, 3
    )


def test_slow_viewer_skips_frames_and_ends_with_the_newest() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(RAW, CONTINUOUS_UPDATES)
            assert isinstance(await viewer.message(), EndOfContinuousUpdates)
            viewer.continuous_updates(True)
            await viewer.update()
            shown = 0
            # Until the kernel takes no more: then 50 frames more, which may not pile up.
            while not any(each._is_blocked for each in one.server.viewers):
                one.show(noise(shown))
                shown += 1
                await asyncio.sleep(0)
            for extra in range(50):
                one.show(noise(1000 + extra))
            viewer.fence(b"end")
            updates = 0
            while not np.array_equal(viewer.picture, canvas_rgb(one.canvas)):
                updates += isinstance(await viewer.message(), Update)
            assert updates < shown + 10

    run(test())


@pytest.mark.parametrize("kind", ["close_in_rectangle", "outside_rectangle", "huge_length"])
def test_misbehaviour_comes_after_the_good_updates(kind: str) -> None:
    async def test() -> None:
        async with desk(misbehaviour=Misbehaviour(kind, after_updates=2)) as one:
            viewer = await one.connect()
            viewer.set_encodings(RAW)
            for turn in range(2):
                viewer.request()
                await viewer.update()
                one.show(noise(turn))
            viewer.request()
            with pytest.raises((AssertionError, asyncio.IncompleteReadError)):
                await viewer.update()

    run(test())


@pytest.mark.parametrize(
    ("kind", "heard"), [("silent", b""), ("not_vnc", b"HTTP/1.1"), ("refuse", b"RFB 003.")]
)
def test_misbehaviour_at_the_door(kind: str, heard: bytes) -> None:
    async def test() -> None:
        async with desk(misbehaviour=Misbehaviour(kind)) as one:
            if kind == "refuse":
                with pytest.raises(Refused):
                    await one.connect()
                return
            viewer = await one.open()
            reader, writer = viewer.reader, viewer.writer
            if heard:
                assert await reader.readexactly(8) == heard
            else:
                writer.write(b"RFB 003.008\n")
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.05)

    run(test())


def test_stopped_updates_leave_fences_answered() -> None:
    async def test() -> None:
        async with desk(misbehaviour=Misbehaviour("stop_updates", after_updates=1)) as one:
            viewer = await one.connect()
            viewer.request()
            await viewer.update()
            one.show(noise(1))
            viewer.request()
            viewer.fence(b"alive")
            assert await viewer.until_fence(b"alive") == []

    run(test())
