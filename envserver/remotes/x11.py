"""The little of the X protocol that starting a desktop needs: a cookie, and waiting for a manager.

(X Window System Protocol, X11R7: connection setup, InternAtom, CreateWindow, SendEvent,
PropertyNotify, ClientMessage, GenericEvent.)
"""

import asyncio
import struct

COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"
FAMILY_WILD = 0xFFFF
EVENT_MASK = 0x800
PROPERTY_CHANGE_MASK = 0x400000
SUBSTRUCTURE_MASKS = 0x180000
PROPERTY_NOTIFY = 28
CLIENT_MESSAGE = 33
GENERIC_EVENT = 35
ASK_AGAIN_S = 0.01


def authority_file(cookie: bytes) -> bytes:
    """An Xauthority file with one cookie for every display."""

    def field(value: bytes) -> bytes:
        return struct.pack(">H", len(value)) + value

    family = struct.pack(">H", FAMILY_WILD)
    return family + field(b"") + field(b"") + field(COOKIE_NAME) + field(cookie)


async def wait_window_manager(socket_path: str, cookie: bytes) -> None:
    """Wait until a window manager runs and answers.

    One that says on the root window that it runs (EWMH, _NET_SUPPORTING_WM_CHECK) may still be
    starting, and drops what comes: a program that maps its window then waits 5 s for a word about
    it. So it is asked, until it answers, for the frame that a window would get.

    Raises:
        ConnectionError: the X server refused, or ended.
    """
    reader, writer = await asyncio.open_unix_connection(socket_path)
    connection = Connection(reader, writer)
    try:
        await connection.set_up(cookie)
        root, window = connection.root, connection.new_id
        request = await connection.atom(b"_NET_REQUEST_FRAME_EXTENTS")
        extents = await connection.atom(b"_NET_FRAME_EXTENTS")
        place = struct.pack("<IIhhHHHHI", window, root, 0, 0, 1, 1, 0, 0, 0)
        connection.send(1, 0, place + struct.pack("<II", EVENT_MASK, PROPERTY_CHANGE_MASK))
        message = struct.pack("<BBHII20x", CLIENT_MESSAGE, 32, 0, window, request)
        asking = asyncio.create_task(
            connection.keep_sending(25, 0, struct.pack("<II", root, SUBSTRUCTURE_MASKS) + message)
        )
        try:
            await connection.property_set(window, extents)
        finally:
            asking.cancel()
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the X server ended") from error
    finally:
        writer.close()


class Connection:
    """One connection to an X server, little endian."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sent = 0
        self._head = b""
        self.root = 0
        self.new_id = 0
        """A number that no resource has yet."""
        self.key_codes = range(0)

    async def set_up(self, cookie: bytes) -> None:
        """Log in.

        Raises:
            ConnectionError: the X server refused.
        """
        greeting = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(COOKIE_NAME), len(cookie))
        self._writer.write(greeting + _padded(COOKIE_NAME) + _padded(cookie))
        status, words = struct.unpack("<BxxxxxH", await self._reader.readexactly(8))
        body = await self._reader.readexactly(4 * words)
        if status != 1:
            raise ConnectionError(f"the X server refused: {body.decode('latin-1').strip()}")
        (self.new_id,) = struct.unpack_from("<I", body, 4)
        (vendor_bytes,) = struct.unpack_from("<H", body, 16)
        formats = body[21]
        self.key_codes = range(body[26], body[27] + 1)
        first_screen = 32 + (vendor_bytes + 3) // 4 * 4 + 8 * formats
        (self.root,) = struct.unpack_from("<I", body, first_screen)

    def send(self, opcode: int, detail: int, body: bytes) -> int:
        """Send a request; `body` is what follows its length.

        Returns:
            Its number, which its reply has in bytes 2 and 3.
        """
        body = _padded(body)
        self._writer.write(struct.pack("<BBH", opcode, detail, 1 + len(body) // 4) + body)
        self._sent = self._sent + 1 & 0xFFFF
        return self._sent

    async def keep_sending(self, opcode: int, detail: int, body: bytes) -> None:
        """Send a request again and again until cancelled."""
        while True:
            self.send(opcode, detail, body)
            await asyncio.sleep(ASK_AGAIN_S)

    async def atom(self, name: bytes) -> int:
        self.send(16, 0, struct.pack("<HH", len(name), 0) + name)
        (atom,) = struct.unpack_from("<I", await self.reply(), 8)
        return int(atom)

    async def reply(self) -> bytes:
        """The next reply; events before it are dropped."""
        while True:
            message = await self.message()
            if message[0] == 1:
                return message

    async def property_set(self, window: int, atom: int) -> None:
        """Wait until somebody sets a property of a window whose changes were asked for."""
        while True:
            message = await self.message()
            of = struct.unpack_from("<II", message, 4)
            if message[0] & 0x7F == PROPERTY_NOTIFY and of == (window, atom):
                return

    async def message(self, *, errors: bool = False) -> bytes:
        """The next reply or event, or error if `errors`; where it is cancelled, nothing is lost."""
        head = self._head = self._head or await self._reader.readexactly(32)
        rest = b""
        if head[0] in (1, GENERIC_EVENT):
            (words,) = struct.unpack_from("<I", head, 4)
            rest = await self._reader.readexactly(4 * words)
        self._head = b""
        if head[0] == 0 and not errors:
            raise ConnectionError(f"the X server answered with error {head[1]}")
        return head + rest


def _padded(data: bytes) -> bytes:
    return data.ljust((len(data) + 3) // 4 * 4, b"\0")
