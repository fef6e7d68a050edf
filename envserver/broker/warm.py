"""Waits until a spare's first episode runs: a reset that takes the spare need not wait then.  [I/O]

A remote counts as started when its rewarder answers, which is before its program is up. Who waits
here is an observer, for whom an episode stays untouched (envserver/rewarder/runner.py).
"""

import asyncio
import logging

from envserver.remotes.base import Remote
from workers import rewarder_messages as messages

logger = logging.getLogger(__name__)

LIMIT_S = 20.0
"""A rewarder that runs nothing by itself, before a client asks it to, is not waited for longer."""
CLOSE_TIMEOUT_S = 1.0


async def wait_running(remote: Remote) -> None:
    """Return when the remote's rewarder says that an episode runs, or that will not be heard."""
    rewarder = remote.address.rewarder
    if not rewarder.port:
        return
    # Not at the top: a daemon without spares needs none of it.
    import websockets.asyncio.client
    from websockets.exceptions import WebSocketException

    host = f"[{rewarder.host}]" if ":" in rewarder.host else rewarder.host
    try:
        async with (
            asyncio.timeout(LIMIT_S),
            websockets.asyncio.client.connect(
                f"ws://{host}:{rewarder.port}/",
                additional_headers={
                    "authorization": messages.authorization(rewarder.password),
                    "openai-observer": "true",
                },
                compression=None,
                proxy=None,
                ping_interval=None,
                max_size=messages.MAX_MESSAGE_BYTES,
                close_timeout=CLOSE_TIMEOUT_S,
            ) as connection,
        ):
            async for text in connection:
                message = messages.parse(text)
                if message.method == messages.DESCRIBE:
                    if message.body["env_state"] == messages.RUNNING:
                        return
                elif message.method == messages.CLOSE:
                    logger.debug("%s wants no observer: %s", remote.name, message.body["message"])
                    return
    except (OSError, TimeoutError, WebSocketException, messages.MessageError) as error:
        logger.debug("%s is not waited for: %s", remote.name, error)
