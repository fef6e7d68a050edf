"""One connected viewer: its session, what it has not seen yet, and when it is told.  [I/O]

An update leaves when there is damage, the viewer has asked for one (a request, or
ContinuousUpdates), and the kernel has taken everything before it. A slow viewer therefore skips
frames instead of queueing them, and the time stamp of an update is true.
"""

import asyncio
import logging
import os
import signal
import struct
import time
from collections.abc import Callable
from typing import Protocol, cast

from envserver.runtimes.gym_core import rfb
from envserver.runtimes.gym_core.canvas import Canvas
from envserver.runtimes.gym_core.changes import Rect, bounding
from envserver.runtimes.gym_core.encodings import Encoder, parse_encodings, timestamp_rect
from envserver.runtimes.gym_core.errors import RfbError
from envserver.runtimes.gym_core.misbehave import (
    HUGE_CUT_TEXT,
    OUTSIDE_RECTANGLE,
    WEB_GREETING,
    Misbehaviour,
)

logger = logging.getLogger(__name__)

MAX_DAMAGE_RECTS = 32
MAX_UNSENT_BYTES = 32 << 20
"""Of replies that a viewer provokes and does not read."""
END_OF_CONTINUOUS_UPDATES = b"\x96"


class ViewerEvents(Protocol):
    """What a viewer tells its server."""

    def key(self, keysym: int, down: bool) -> None: ...

    def fence(self, viewer: "Viewer", asked: rfb.Fence) -> bool:
        """Answer a Fence request in another way than at once; True if done or promised."""
        ...

    def gone(self, viewer: "Viewer") -> None: ...


class Viewer(asyncio.Protocol):
    """See the module."""

    def __init__(
        self,
        canvas: Canvas,
        events: ViewerEvents,
        misbehaviour: Misbehaviour,
        make_session: Callable[[], rfb.RfbSession],
    ) -> None:
        self.updates = 0
        self._canvas = canvas
        self._events = events
        self._misbehaviour = misbehaviour
        self._session = make_session()
        self._encoder = Encoder()
        # The first request gets everything, even an incremental one: some clients send no other.
        self._damage: list[Rect] = [canvas.screen]
        self._asked: Rect | None = None
        self._continuous: Rect | None = None
        self._is_ready = False
        self._is_blocked = False
        self._is_spoiled = False
        self._said: set[str] = set()
        self._held: set[int] = set()
        self._sync: rfb.Fence | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        if self._misbehaviour.vnc == "silent":
            self._is_spoiled = True
        elif self._misbehaviour.vnc == "not_vnc":
            self._transport.write(WEB_GREETING)
            self._transport.close()
        else:
            self._transport.write(self._session.take_replies())

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_ready = False
        for keysym in self._held:
            self._events.key(keysym, False)
        self._held.clear()
        self._events.gone(self)

    def pause_writing(self) -> None:
        self._is_blocked = True

    def resume_writing(self) -> None:
        self._is_blocked = False
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self._is_spoiled or self._transport.is_closing():
            return
        try:
            events = self._session.feed(data)
        except RfbError as error:
            logger.warning("viewer dropped: %s", error)
            self._transport.abort()
            return
        replies = self._session.take_replies()
        if replies:
            self._transport.write(replies)
        for event in events:
            self._handle(event)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            logger.warning("viewer dropped: it reads no replies")
            self._transport.abort()

    def add_damage(self, rects: list[Rect]) -> None:
        """Note what changed on the canvas and send it when the viewer is ready for it."""
        damage = self._damage
        for rect in rects:
            if not any(known.covers(rect) for known in damage):
                damage.append(rect)
        if len(damage) > MAX_DAMAGE_RECTS:
            self._damage = [bounding(damage)]
        self.flush()

    def flush(self, *, forced: bool = False) -> None:
        """Send an update if there is one to send; `forced` without a request, for step clock."""
        if not self._is_ready or self._is_spoiled or not self._damage:
            return
        region = self._continuous or self._asked
        if forced:
            region = self._canvas.screen
        elif self._is_blocked:
            return
        if region is None:
            return
        due, later = [], []
        for rect in self._damage:
            part = rect.intersection(region)
            if part.width and part.height:
                due.append(part)
                if part != rect:
                    later.extend(rect.without(region))
            else:
                later.append(rect)
        if not due:
            return
        if self._misbehaviour.vnc and self.updates >= self._misbehaviour.after_updates:
            self._spoil(due)
            return
        self._damage = later
        self._asked = None
        self._send_update(due)

    def send(self, message: bytes) -> None:
        self._transport.write(message)

    def close(self) -> None:
        self._transport.abort()

    def _send_update(self, rects: list[Rect]) -> None:
        self.updates += 1
        rest = self._rectangles(rects)
        stamped = self._encoder.wishes.timestamp
        head = struct.pack(">BxH", 0, len(rest) + stamped)
        if stamped:
            body = b"".join(rest)
            self._transport.write(b"".join((head, timestamp_rect(time.monotonic_ns()), body)))
        else:
            self._transport.write(b"".join((head, *rest)))

    def _rectangles(self, rects: list[Rect]) -> list[bytes]:
        encode, canvas = self._encoder.encode, self._canvas
        return [piece for rect in rects for piece in encode(canvas, rect)]

    def _handle(self, event: rfb.Event) -> None:
        sync, self._sync = self._sync, None
        if sync is not None:
            # Nothing may be sent between this answer and the effect of the next message.
            self.send(rfb.fence_reply(sync))
        if isinstance(event, rfb.Key):
            self._key(event)
        elif isinstance(event, rfb.UpdateRequest):
            self._request(event)
        elif isinstance(event, rfb.Fence):
            self._fence(event)
        elif isinstance(event, rfb.ContinuousUpdates):
            self._continuous_updates(event)
        elif isinstance(event, rfb.Encodings):
            self._set_encodings(event)
        elif isinstance(event, rfb.Format):
            self._encoder.format = event.format
        elif isinstance(event, rfb.Ready):
            self._is_ready = True
        elif isinstance(event, rfb.Refused):
            logger.warning("viewer refused: %s", event.reason)
            self._transport.close()

    def _key(self, event: rfb.Key) -> None:
        if event.down and event.keysym not in self._held:
            self._held.add(event.keysym)
            self._events.key(event.keysym, True)
        elif not event.down and event.keysym in self._held:
            self._held.remove(event.keysym)
            self._events.key(event.keysym, False)

    def _request(self, event: rfb.UpdateRequest) -> None:
        region = event.rect.intersection(self._canvas.screen)
        if not region.width or not region.height:
            return
        if not event.incremental:
            self._damage.append(region)
        if self._continuous is None:
            self._asked = region if self._asked is None else self._asked.union(region)
        self.flush()

    def _fence(self, event: rfb.Fence) -> None:
        if not event.is_request:
            return
        if self._events.fence(self, event):
            return
        if event.flags & rfb.FENCE_SYNC_NEXT:
            self._sync = event
        else:
            self.send(rfb.fence_reply(event))

    def _continuous_updates(self, event: rfb.ContinuousUpdates) -> None:
        if event.enable:
            self._continuous = event.rect.intersection(self._canvas.screen)
            self.flush()
        elif self._continuous is not None:
            self._continuous = None
            self.send(END_OF_CONTINUOUS_UPDATES)

    def _set_encodings(self, event: rfb.Encodings) -> None:
        wishes = self._encoder.wishes = parse_encodings(event.encodings)
        # Each extension is announced when it is first asked for, as rfbproto wants it.
        if wishes.fence and "fence" not in self._said:
            self._said.add("fence")
            self.send(rfb.fence(rfb.FENCE_REQUEST | rfb.FENCE_BLOCK_BEFORE, b""))
        if wishes.continuous_updates and "continuous" not in self._said:
            self._said.add("continuous")
            self.send(END_OF_CONTINUOUS_UPDATES)

    def _spoil(self, due: list[Rect]) -> None:
        """Do what `Misbehaviour` wants instead of an update."""
        kind = self._misbehaviour.vnc
        if kind == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == "close_in_rectangle":
            rest = b"".join(self._rectangles(due))
            # As many rectangles as there can be: the update ends nowhere.
            self.send(struct.pack(">BxH", 0, 0xFFFF) + rest[: max(14, len(rest) // 2)])
            self._transport.close()
        elif kind == "outside_rectangle":
            self.send(OUTSIDE_RECTANGLE)
        elif kind == "huge_length":
            self.send(HUGE_CUT_TEXT)
        elif kind == "stop_reading":
            self._transport.pause_reading()
        # A stop of updates leaves fences and requests answered.
        self._is_spoiled = kind not in ("stop_updates", "refuse")
