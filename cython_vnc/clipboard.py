"""Text of a clipboard as messages, and back.

(RFC 6143 sections 7.5.6 and 7.6.4: latin-1; rfbproto, "Extended Clipboard": any text, compressed.)
"""

import struct
import zlib
from typing import NamedTuple

from .constants import ClientMessage, Clipboard, Limit
from .errors import ProtocolError

MOST_WIRE_BYTES = 2 * Limit.MAX_TEXT_BYTES + 1
"""Of a text on the wire: line ends take two bytes there, and a zero comes last."""


class Offer(NamedTuple):
    """What is said about a text of ours."""

    said: bytes
    """What is sent at once."""
    kept: bytes
    """What answers the server's request; empty where it makes none."""


def checked(text: object) -> str:
    r"""A text that a clipboard can hold; its lines end with "\n".

    Raises:
        ValueError: it cannot: it is no text, too long, or has what is no character.
    """
    if not isinstance(text, str):
        raise ValueError(f"text is {text!r}, expected a string")
    if "\0" in text:
        raise ValueError(
            f"the text has a zero character at {text.index(chr(0))}, where it would end"
        )
    try:
        found_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"the text has {text[error.start]!r}, which is no character") from error
    if found_bytes > Limit.MAX_TEXT_BYTES:
        most = int(Limit.MAX_TEXT_BYTES)
        raise ValueError(f"the text has {found_bytes} bytes of UTF-8, expected at most {most}")
    return _lines(text)


def offer_of(text: str, caps: int, most_unasked_bytes: int) -> Offer:
    """What to say about a text.

    Args:
        text: as `checked` takes it.
        caps: flags that the server said it understands; 0: none came.
        most_unasked_bytes: how long a text it takes without having asked.

    Raises:
        ValueError: `checked` refuses it, or the server cannot take one of its characters.
    """
    text = checked(text)
    if not caps & Clipboard.TEXT:
        try:
            latin1 = text.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"the text has {text[error.start]!r}, but the VNC server's clipboard takes latin-1 "
                "alone: it lacks the Extended Clipboard (TigerVNC has it)"
            ) from error
        return Offer(_message(len(latin1), latin1), b"")
    wire = text.replace("\n", "\r\n").encode() + b"\0"
    stream = zlib.compress(struct.pack(">I", len(wire)) + wire)
    provided = _extended(Clipboard.PROVIDE, stream)
    if len(wire) <= most_unasked_bytes or not caps & Clipboard.NOTIFY:
        return Offer(provided, provided)
    return Offer(_extended(Clipboard.NOTIFY), provided)


def text_of(data: bytes, packed: bool) -> str:
    r"""The text that a server cut; its lines end with "\n".

    Args:
        data: latin-1.
        packed: it is the zlib stream of an extended clipboard.

    Raises:
        ProtocolError: it is longer than 1 MiB, or corrupt.
    """
    if not packed:
        return _short(_lines(data.decode("latin-1")))
    try:
        inflated = zlib.decompressobj().decompress(data, 4 + MOST_WIRE_BYTES)
        (wire_bytes,) = struct.unpack_from(">I", inflated)
    except (zlib.error, struct.error) as error:
        raise ProtocolError(f"the text that the server cut is corrupt: {error}") from error
    if wire_bytes > MOST_WIRE_BYTES:
        raise too_long()
    if len(inflated) < 4 + wire_bytes:
        raise ProtocolError(f"the text that the server cut ends before its {wire_bytes} bytes do")
    wire = inflated[4 : 4 + wire_bytes].partition(b"\0")[0]
    return _short(_lines(wire.decode("utf-8", "replace")))


def too_long() -> ProtocolError:
    """The error for a text that was dropped."""
    return ProtocolError(
        f"the text that the server cut is longer than {int(Limit.MAX_TEXT_BYTES)} bytes"
    )


def _short(text: str) -> str:
    if len(text.encode()) > Limit.MAX_TEXT_BYTES:
        raise too_long()
    return text


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _message(length: int, body: bytes) -> bytes:
    return struct.pack(">Bxxxi", ClientMessage.CLIENT_CUT_TEXT, length) + body


def _extended(action: int, data: bytes = b"") -> bytes:
    return _message(-(4 + len(data)), struct.pack(">I", action | Clipboard.TEXT) + data)
