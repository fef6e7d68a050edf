"""Keeps keys free on a display, so that its VNC server can type any character.  [I/O]

TigerVNC's Xvnc gives a character that no key types a key of its own, and drops characters when no
key is free (1.12: after some 18). Here the keys of multimedia keyboards are made free when the
desktop starts, and of those that the server gave, the ones that were not pressed for longest are
taken back before all are given.

Theory of operation: a program looks up what a key means when it reads the key's event, which may be
later. So the keys that were pressed last stay as they are: of 114, on a keyboard as Xvnc has it, 71
at least. Which those are is known by XI_RawKeyPress events, asked for from when half of the keys
are given. (X Window System Protocol, X11R7: GetKeyboardMapping, ChangeKeyboardMapping,
QueryKeymap, MappingNotify; "X Input Extension", version 2.0.)
"""

import asyncio
import struct

from envserver.remotes.x11 import GENERIC_EVENT, Connection

MAPPING_NOTIFY = 34
KEYBOARD = 1
VENDOR_KEYSYMS = range(0x10080000, 0x10090000)
"""XFree86's, of multimedia keyboards."""
ALL_MASTER_DEVICES = 1
RAW_KEY_PRESS = 13


class SpareKeys:
    """The spare keys of one display; `open` makes one."""

    def __init__(self, connection: Connection, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._writer = writer
        self._spare: frozenset[int] = frozenset()
        self._given: dict[int, None] = {}
        self._input_opcode = 0
        self._listens = False

    @classmethod
    async def open(cls, socket_path: str, cookie: bytes) -> "SpareKeys":
        """Make keys free.

        Raises:
            ConnectionError: the X server refused, or ended.
        """
        reader, writer = await asyncio.open_unix_connection(socket_path)
        connection = Connection(reader, writer)
        made = cls(connection, writer)
        try:
            await connection.set_up(cookie)
            await made._begin()
        except BaseException as error:
            writer.close()
            if isinstance(error, asyncio.IncompleteReadError):
                raise ConnectionError("the X server ended") from error
            raise
        return made

    async def run(self) -> None:
        """Take keys back as they are needed, until the server ends."""
        try:
            while True:
                message = await self._connection.message()
                self._note(message)
                if message[0] & 0x7F == MAPPING_NOTIFY and message[4] == KEYBOARD:
                    await self._look()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writer.close()

    async def _begin(self) -> None:
        name = b"XInputExtension"
        reply = await self._ask(98, struct.pack("<HH", len(name), 0) + name)
        if reply[8]:
            self._input_opcode = reply[9]
            await self._ask(reply[9], struct.pack("<HH", 2, 0), 47)
        keys = await self._keys()
        self._spare = frozenset(
            code
            for code, keysyms in keys.items()
            if all(keysym in VENDOR_KEYSYMS for keysym in keysyms)
        )
        self._free([code for code in self._spare if keys[code]])
        await self._keys()  # when it answers, they are free

    async def _keys(self) -> dict[int, set[int]]:
        """What each key types."""
        codes = self._connection.key_codes
        reply = await self._ask(101, struct.pack("<BBxx", codes[0], len(codes)))
        width = reply[1]
        keysyms = struct.unpack_from(f"<{width * len(codes)}I", reply, 32)
        return {
            code: {*keysyms[width * place : width * (place + 1)]} - {0}
            for place, code in enumerate(codes)
        }

    async def _look(self) -> None:
        """Note which keys were given, take some back if too many were."""
        keys = await self._keys()
        for code in sorted(self._spare, reverse=True):  # in which the server gives them
            if not keys[code]:
                self._given.pop(code, None)
            elif code not in self._given:
                self._given[code] = None
        if len(self._given) > len(self._spare) // 2:
            self._listen()
        if len(self._given) > 3 * len(self._spare) // 4:
            held = (await self._ask(44, b""))[8:40]
            idle = [code for code in self._given if not held[code // 8] >> code % 8 & 1]
            self._free(idle[: len(self._spare) // 8])

    async def _ask(self, opcode: int, body: bytes, detail: int = 0) -> bytes:
        """Send a request, and wait for its reply."""
        self._connection.send(opcode, detail, body)
        while True:
            message = await self._connection.message()
            if message[0] == 1:
                return message
            self._note(message)

    def _note(self, message: bytes) -> None:
        """Where a key was pressed: it is the last to be taken back."""
        if message[0] == GENERIC_EVENT and message[1] == self._input_opcode:
            (code,) = struct.unpack_from("<I", message, 16)
            if code in self._given:
                del self._given[code]
                self._given[code] = None

    def _listen(self) -> None:
        """Be told of pressed keys from now on."""
        if self._listens or not self._input_opcode:
            return
        self._listens = True
        mask = struct.pack("<HHI", ALL_MASTER_DEVICES, 1, 1 << RAW_KEY_PRESS)
        self._connection.send(
            self._input_opcode, 46, struct.pack("<IHxx", self._connection.root, 1) + mask
        )

    def _free(self, codes: list[int]) -> None:
        """Let keys type nothing, those that lie together at once: programs hear of each request."""
        rest = sorted(codes)
        while rest:
            count = next((n for n, code in enumerate(rest) if code != rest[0] + n), len(rest))
            nothing = struct.pack("<BBxx", rest[0], 1) + bytes(4 * count)
            self._connection.send(100, count, nothing)
            for code in rest[:count]:
                self._given.pop(code, None)
            del rest[:count]
