"""The little of the X protocol that starting a desktop needs: a cookie, and waiting for a manager.

(X Window System Protocol, X11R7: connection setup, InternAtom, GetProperty, PropertyNotify.)
"""

import asyncio
import struct

COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"
FAMILY_WILD = 0xFFFF
EVENT_MASK = 0x800
PROPERTY_CHANGE_MASK = 0x400000


def authority_file(cookie: bytes) -> bytes:
    """An Xauthority file with one cookie for every display."""

    def field(value: bytes) -> bytes:
        return struct.pack(">H", len(value)) + value

    family = struct.pack(">H", FAMILY_WILD)
    return family + field(b"") + field(b"") + field(COOKIE_NAME) + field(cookie)


async def wait_window_manager(socket_path: str, cookie: bytes) -> None:
    """Wait until a window manager lists its windows on the root window (EWMH, _NET_CLIENT_LIST).

    It is the last that openbox sets: a program that comes between _NET_SUPPORTING_WM_CHECK and that
    may wait 5 s for an answer to its resize request.

    Raises:
        ConnectionError: the X server refused, or ended.
    """
    reader, writer = await asyncio.open_unix_connection(socket_path)
    try:
        root = await _connect(reader, writer, cookie)
        name = b"_NET_CLIENT_LIST"
        writer.write(struct.pack("<BBHHH", 16, 0, 2 + len(_padded(name)) // 4, len(name), 0))
        writer.write(_padded(name))
        (atom,) = struct.unpack_from("<I", await _reply(reader), 8)
        # Select before looking: a change between the two is then seen as an event.
        writer.write(struct.pack("<BBHIII", 2, 0, 4, root, EVENT_MASK, PROPERTY_CHANGE_MASK))
        while True:
            writer.write(struct.pack("<BBHIIIII", 20, 0, 6, root, atom, 0, 0, 1))
            (property_type,) = struct.unpack_from("<I", await _reply(reader), 8)
            if property_type:
                return
            await reader.readexactly(32)  # only PropertyNotify events were asked for
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the X server ended") from error
    finally:
        writer.close()


async def _connect(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cookie: bytes
) -> int:
    """Set the connection up; returns the root window."""
    writer.write(struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(COOKIE_NAME), len(cookie)))
    writer.write(_padded(COOKIE_NAME) + _padded(cookie))
    status, words = struct.unpack("<BxxxxxH", await reader.readexactly(8))
    body = await reader.readexactly(4 * words)
    if status != 1:
        raise ConnectionError(f"the X server refused: {body.decode('latin-1').strip()}")
    (vendor_bytes,) = struct.unpack_from("<H", body, 16)
    formats = body[21]
    first_screen = 32 + (vendor_bytes + 3) // 4 * 4 + 8 * formats
    (root,) = struct.unpack_from("<I", body, first_screen)
    return int(root)


async def _reply(reader: asyncio.StreamReader) -> bytes:
    """The next reply; events before it are dropped, since the caller looks again anyway."""
    while True:
        head = await reader.readexactly(32)
        if head[0] == 1:
            (words,) = struct.unpack_from("<I", head, 4)
            return head + await reader.readexactly(4 * words)
        if head[0] == 0:
            raise ConnectionError(f"the X server answered with error {head[1]}")


def _padded(data: bytes) -> bytes:
    return data.ljust((len(data) + 3) // 4 * 4, b"\0")
