"""Notices a VNC server that hangs: its connection stays, and on a still screen that looks well."""

import asyncio
from collections.abc import Callable

from workers.rfb_source import RFBSource

LOOKS = 10
"""The answer is looked for so often, so that a pause of this process is no silence."""


async def silence_of(source: RFBSource, patience_s: float, excused: Callable[[], bool]) -> str:
    """Wait until a server says nothing though it was asked to; returns for how long it did not.

    One without the Fence extension cannot be asked.

    Args:
        patience_s: how long the answer may take; half of it passes before the question.
        excused: whether the remote resets: it may do nothing else meanwhile, and has a time-out of
            its own.
    """
    while True:
        heard = source.protocol.bytes_received
        await asyncio.sleep(patience_s / 2)
        silent = source.protocol.bytes_received == heard and not excused()
        if not (silent and source.protocol.fence_supported):
            continue
        source.probe()
        for _ in range(LOOKS):
            await asyncio.sleep(patience_s / LOOKS)
            if source.protocol.bytes_received != heard or excused():
                break
        else:
            return f"the VNC server said nothing for {1.5 * patience_s:g} s"
