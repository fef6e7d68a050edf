"""A small RFB viewer for tests of the server: plain and slow, Raw, Zlib and Tight.

It is written from RFC 6143 and rfbproto alone and shares nothing with `cython_vnc`.
"""

import asyncio
import contextlib
import dataclasses
import io
import struct
import zlib

import numpy as np
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from numpy.typing import NDArray
from PIL import Image

RAW, ZLIB, TIGHT = 0, 6, 7
CONTINUOUS_UPDATES, FENCE, TIMESTAMP = -313, -312, -1162760788


@dataclasses.dataclass
class Update:
    """One FramebufferUpdate: its rectangles (x, y, width, height, encoding) and its time stamp."""

    rects: list[tuple[int, int, int, int, int]]
    stamp_ns: int | None = None
    kinds: list[str] = dataclasses.field(default_factory=list)
    """Of its Tight rectangles: fill, jpeg, palette, full."""


@dataclasses.dataclass
class FenceSeen:
    flags: int
    payload: bytes


class EndOfContinuousUpdates:
    """The server's message of that name."""


class Refused(Exception):
    """The server did not let the viewer in."""


class SmallViewer:
    """One connection; `picture` is uint8 (height, width, 3)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.greeting = b""
        self.name = ""
        self._zlib = zlib.decompressobj()
        self._tight = [zlib.decompressobj() for _ in range(4)]

    @classmethod
    async def connect(
        cls, port: int, *, version: str = "003.008", password: str | None = None
    ) -> "SmallViewer":
        viewer = cls(*await asyncio.open_connection("127.0.0.1", port))
        try:
            await viewer.handshake(version, password)
        except BaseException:
            await viewer.close()
            raise
        return viewer

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def handshake(self, version: str = "003.008", password: str | None = None) -> None:
        self.greeting = await self._take(12)
        self.writer.write(f"RFB {version}\n".encode())
        if version == "003.003":
            (kind,) = await self._unpack(">I")
        else:
            (count,) = await self._unpack("B")
            kind = (await self._take(count))[0]
            self.writer.write(bytes((kind,)))
        if kind == 2:
            challenge = await self._take(16)
            key = (password or "").encode()[:8].ljust(8, b"\0")
            mirrored = bytes(sum(byte >> i & 1 and 128 >> i for i in range(8)) for byte in key)
            encryptor = Cipher(TripleDES(mirrored * 3), modes.ECB()).encryptor()
            self.writer.write(encryptor.update(challenge))
        if kind == 2 or version == "003.008":
            (result,) = await self._unpack(">I")
            if result:
                reason = b""
                if version == "003.008":
                    reason = await self._take((await self._unpack(">I"))[0])
                raise Refused(reason.decode())
        self.writer.write(b"\x01")
        self.width, self.height = await self._unpack(">HH")
        self.pixel_format = await self._take(16)
        self.name = (await self._take((await self._unpack(">I"))[0])).decode()
        self.picture: NDArray[np.uint8] = np.zeros((self.height, self.width, 3), np.uint8)

    def set_encodings(self, *encodings: int) -> None:
        self.writer.write(struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))

    def request(self, incremental: bool = True, rect: tuple[int, ...] | None = None) -> None:
        rect = rect or (0, 0, self.width, self.height)
        self.writer.write(struct.pack(">BBHHHH", 3, incremental, *rect))

    def continuous_updates(self, enable: bool) -> None:
        self.writer.write(struct.pack(">BBHHHH", 150, enable, 0, 0, self.width, self.height))

    def key(self, keysym: int, down: bool) -> None:
        self.writer.write(struct.pack(">BBxxI", 4, down, keysym))

    def fence(self, payload: bytes, flags: int = 0x80000001) -> None:
        self.writer.write(struct.pack(">BxxxIB", 248, flags, len(payload)) + payload)

    async def message(self) -> Update | FenceSeen | EndOfContinuousUpdates:
        """The next message; Fence requests are answered and passed over."""
        while True:
            (kind,) = await self._unpack("B")
            if kind == 0:
                return await self._update()
            if kind == 150:
                return EndOfContinuousUpdates()
            if kind != 248:
                raise AssertionError(f"message {kind}")
            flags, length = await self._unpack(">xxxIB")
            payload = await self._take(length)
            if not flags & 0x80000000:
                return FenceSeen(flags, payload)
            self.fence(payload, flags & 0x7FFFFFFF)

    async def update(self) -> Update:
        """The next update; other messages are passed over."""
        while not isinstance(message := await self.message(), Update):
            pass
        return message

    async def until_fence(self, payload: bytes) -> list[Update]:
        """The updates that come before the answer to a Fence."""
        updates = []
        while True:
            message = await self.message()
            if isinstance(message, Update):
                updates.append(message)
            elif isinstance(message, FenceSeen) and message.payload == payload:
                return updates

    async def _update(self) -> Update:
        (count,) = await self._unpack(">xH")
        update = Update([])
        for place in range(count):
            x, y, width, height, encoding = await self._unpack(">HHHHi")
            if encoding == TIMESTAMP:
                assert place == 0
                update.stamp_ns = x << 48 | y << 32 | width << 16 | height
                continue
            assert x + width <= self.width
            assert y + height <= self.height
            update.rects.append((x, y, width, height, encoding))
            target = self.picture[y : y + height, x : x + width]
            if encoding == RAW:
                target[:] = _bgrx(await self._take(width * height * 4), width, height)
            elif encoding == ZLIB:
                packed = await self._take((await self._unpack(">I"))[0])
                target[:] = _bgrx(self._zlib.decompress(packed), width, height)
            elif encoding == TIGHT:
                update.kinds.append(await self._tight_rect(target))
            else:
                raise AssertionError(f"encoding {encoding}")
        return update

    async def _tight_rect(self, target: NDArray[np.uint8]) -> str:
        height, width, _ = target.shape
        (control,) = await self._unpack("B")
        for stream in range(4):
            if control >> stream & 1:
                self._tight[stream] = zlib.decompressobj()
        if control >> 4 == 8:
            target[:] = np.frombuffer(await self._take(3), np.uint8)
            return "fill"
        if control >> 4 == 9:
            picture = Image.open(io.BytesIO(await self._take(await self._compact())))
            assert picture.size == (width, height)
            target[:] = np.asarray(picture.convert("RGB"))
            return f"jpeg {picture.mode}"
        stream, explicit = control >> 4 & 3, control >> 6 & 1
        if not explicit:
            raw = await self._basic(stream, width * height * 3)
            target[:] = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
            return "full"
        assert await self._take(1) == b"\x01"
        count = (await self._take(1))[0] + 1
        palette = np.frombuffer(await self._take(3 * count), np.uint8).reshape(count, 3)
        if count > 2:
            raw = await self._basic(stream, width * height)
            indices = np.frombuffer(raw, np.uint8).reshape(height, width)
        else:
            raw = await self._basic(stream, (width + 7) // 8 * height)
            packed = np.frombuffer(raw, np.uint8).reshape(height, -1)
            indices = np.unpackbits(packed, axis=1)[:, :width]
        target[:] = palette[indices]
        return f"palette {count}"

    async def _basic(self, stream: int, size: int) -> bytes:
        if size < 12:
            return await self._take(size)
        raw = self._tight[stream].decompress(await self._take(await self._compact()))
        assert len(raw) == size
        return raw

    async def _compact(self) -> int:
        length = shift = 0
        while True:
            byte = (await self._take(1))[0]
            length |= (byte & 127 if shift < 14 else byte) << shift
            shift += 7
            if byte < 128 or shift == 21:
                return length

    async def _take(self, count: int) -> bytes:
        return await self.reader.readexactly(count)

    async def _unpack(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, await self._take(struct.calcsize(layout)))


def _bgrx(raw: bytes, width: int, height: int) -> NDArray[np.uint8]:
    return np.frombuffer(raw, np.uint8).reshape(height, width, 4)[:, :, 2::-1]
