"""When the RFB server sends: fences, continuous updates, time stamps, slow viewers."""

import asyncio
import struct
import time

import numpy as np
from fakes.rfb_desk import canvas_rgb, desk, frame, noise, run
from reference.small_viewer import (
    CONTINUOUS_UPDATES,
    FENCE,
    RAW,
    TIGHT,
    TIMESTAMP,
    EndOfContinuousUpdates,
    FenceSeen,
    Update,
)


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
