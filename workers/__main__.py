"""Runs one worker: `python -P -m workers SEGMENT DOORBELL CONTROL [rewarder]`."""

import gc
import sys


def start() -> None:
    """Import what a worker needs, and run it."""
    gc.disable()  # what is imported is no garbage
    # It speaks no TLS: where there is no such module, asyncio does without OpenSSL.
    sys.modules["ssl"] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401

    del sys.modules["ssl"]
    from workers.main import main

    gc.freeze()
    gc.enable()
    main()


start()
