"""The RFB server's door: versions, passwords, several viewers, hostile ones, other messages."""

import contextlib
import struct

import numpy as np
import pytest
from fakes.rfb_desk import SIZE, canvas_rgb, desk, noise, run
from reference.small_viewer import RAW, TIGHT, ZLIB, Refused

from envserver.runtimes.gym_core.pixels import CANVAS_FORMAT


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
