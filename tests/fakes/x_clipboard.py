"""An X program that copies what comes by standard input, or writes what it pastes to its output."""

import asyncio
import os
import struct
import sys

from envserver.remotes.x11 import COOKIE_NAME, Connection

ATOM, STRING = 4, 31
REPLY, SELECTION_CLEAR, SELECTION_REQUEST, SELECTION_NOTIFY = 1, 29, 30, 31
TRIES = 1000
"""Xvnc refuses who asks in the millisecond in which the owner changed."""


class Program:
    """A connection with a window of its own."""

    async def open(self) -> None:
        display = os.environ["DISPLAY"].removeprefix(":")
        self.x = Connection(*await asyncio.open_unix_connection(f"/tmp/.X11-unix/X{display}"))
        await self.x.set_up(cookie(os.environ.get("XAUTHORITY")))
        self.window = self.x.new_id
        place = struct.pack("<IIhhHHHHII", self.window, self.x.root, 0, 0, 1, 1, 0, 0, 0, 0)
        self.x.send(1, 0, place)
        names = (b"CLIPBOARD", b"TARGETS", b"UTF8_STRING")
        self.clipboard, self.targets, self.utf8 = [await self.x.atom(name) for name in names]

    async def copy(self, data: bytes) -> None:
        """Own the clipboard, say so, and answer until another program owns it."""
        self.x.send(22, 0, struct.pack("<III", self.window, self.clipboard, 0))
        self.x.send(23, 0, struct.pack("<I", self.clipboard))
        while True:
            message = await self.x.message()
            kind = message[0] & 0x7F
            if kind == REPLY:
                print("copied", flush=True)
            elif kind == SELECTION_CLEAR:
                print("lost", flush=True)
                return
            elif kind == SELECTION_REQUEST:
                self.answer(message, data)

    def answer(self, event: bytes, data: bytes) -> None:
        time, _, requestor, selection, target, place = struct.unpack_from("<6I", event, 4)
        if target == self.targets:
            self.set(requestor, place, ATOM, 32, struct.pack("<II", self.targets, self.utf8))
        elif target == self.utf8:
            self.set(requestor, place, self.utf8, 8, data)
        else:
            place = 0
        said = struct.pack(
            "<BxHIIIII8x", SELECTION_NOTIFY, 0, time, requestor, selection, target, place
        )
        self.x.send(25, 0, struct.pack("<II", requestor, 0) + said)

    def set(self, window: int, place: int, kind: int, bits: int, data: bytes) -> None:
        count = len(data) * 8 // bits
        self.x.send(18, 0, struct.pack("<IIIB3xI", window, place, kind, bits, count) + data)

    async def paste(self) -> bytes:
        for _ in range(TRIES):
            place = self.clipboard
            asked = (self.window, self.clipboard, self.utf8, place, 0)
            self.x.send(24, 0, struct.pack("<5I", *asked))
            event = await self.x.message()
            while event[0] & 0x7F != SELECTION_NOTIFY:
                event = await self.x.message()
            (found,) = struct.unpack_from("<I", event, 20)
            if found:
                self.x.send(20, 0, struct.pack("<5I", self.window, place, 0, 0, 1 << 24))
                reply = await self.x.reply()
                (count,) = struct.unpack_from("<I", reply, 16)
                return reply[32 : 32 + count]
        raise AssertionError("nobody owns the clipboard")


def cookie(path: str | None) -> bytes:
    """The first cookie of an Xauthority file."""
    if path is None:
        return b""
    with open(path, "rb") as file:
        data = file.read()
    return data[data.index(COOKIE_NAME) + len(COOKIE_NAME) + 2 :][:16]


async def main() -> None:
    program = Program()
    await program.open()
    if sys.argv[1] == "copy":
        await program.copy(sys.stdin.buffer.read())
    else:
        sys.stdout.buffer.write(await program.paste())


if __name__ == "__main__":
    asyncio.run(main())
