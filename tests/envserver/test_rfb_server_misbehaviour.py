"""The RFB server's faults on command, each as another viewer meets it."""

import asyncio

import pytest
from fakes.rfb_desk import desk, noise, run
from reference.small_viewer import RAW, Refused

from envserver.runtimes.gym_core.misbehave import Misbehaviour


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
