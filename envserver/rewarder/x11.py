"""A small X client: the screen's pixels, windows and their titles, typing and clicking.  [I/O]

Blocking, over the local socket of the display that DISPLAY and XAUTHORITY name. (X Window System
Protocol, X11R7; "XTEST Extension Protocol"; Extended Window Manager Hints.)
"""

import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from envserver.rewarder.errors import DesktopError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"
FAMILY_LOCAL, FAMILY_WILD = 256, 0xFFFF
MAX_PROPERTY_WORDS = 1 << 16
POINTER_ROOT = 1
ALL_PLANES = 0xFFFFFFFF
KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6
SHIFT = 0xFFE1
_NAMED = {"\n": 0xFF0D, "\t": 0xFF09, "\b": 0xFF08}


class BadRequest(DesktopError):
    """The X server answered with an error: mostly, that a window is gone."""


class XDisplay:
    """One connection to an X server.

    Raises:
        DesktopError: there is none, or it refuses.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("DISPLAY", "")
        number = name.removeprefix(":").partition(".")[0]
        if not name.startswith(":") or not number.isdigit():
            raise DesktopError(f"DISPLAY is {name!r}, expected a local one such as ':1'")
        self._name = f":{number}"
        self._socket = _connect(self._name)
        self._atoms: dict[str, int] = {}
        self._keys: dict[int, tuple[int, bool]] = {}
        self._xtest = 0
        try:
            self._set_up(_cookie(environment, number))
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def windows(self) -> dict[int, str]:
        """The titles of the windows that the window manager knows, by id, the oldest first."""
        found: dict[int, str] = {}
        for window in self.window_ids():
            title = self.title(window)
            if title is not None:
                found[window] = title
        return found

    def window_ids(self) -> list[int]:
        """The windows that the window manager knows; one may be gone already."""
        ids = self.property(self._root, "_NET_CLIENT_LIST")
        return [window for (window,) in struct.iter_unpack("<I", ids[: len(ids) // 4 * 4])]

    def title(self, window: int) -> str | None:
        """A window's title; None when the window is gone."""
        try:
            raw = self.property(window, "_NET_WM_NAME")
            if raw:
                return raw.decode(errors="replace")
            return self.property(window, "WM_NAME").decode("latin-1")
        except BadRequest:
            return None

    def active_window(self) -> int:
        """The window that has the keyboard, it or one inside it; 0 when none has.

        The window manager's word alone may be stale: numbers are used again.
        """
        raw = self.property(self._root, "_NET_ACTIVE_WINDOW")
        active = int.from_bytes(raw[:4], "little")
        (inside,) = struct.unpack_from("<I", self._ask(struct.pack("<BBH", 43, 0, 1)), 8)
        try:
            while inside != active:
                if inside in (0, POINTER_ROOT, self._root):
                    return 0
                tree = self._ask(struct.pack("<BBHI", 15, 0, 2, inside))
                (inside,) = struct.unpack_from("<I", tree, 12)
        except BadRequest:
            return 0
        return active

    def has_window_manager(self) -> bool:
        """Whether one lists its windows, which is the last that openbox begins with: a program that
        comes earlier may wait 5 s for an answer to its resize request.
        """
        return self._property(self._root, "_NET_CLIENT_LIST")[1] != 0

    def property(self, window: int, name: str) -> bytes:
        """A property's value; empty when there is none."""
        reply = self._property(window, name)
        bits = reply[1]
        (items,) = struct.unpack_from("<I", reply, 16)
        return reply[32 : 32 + items * bits // 8]

    def _property(self, window: int, name: str) -> bytes:
        """The reply to GetProperty; its second byte is 0 where there is none."""
        return self._ask(
            struct.pack("<BBHIIIII", 20, 0, 6, window, self._atom(name), 0, 0, MAX_PROPERTY_WORDS)
        )

    def size(self) -> tuple[int, int]:
        """Width and height of the screen in pixels."""
        reply = self._ask(struct.pack("<BBHI", 14, 0, 2, self._root))
        width, height = struct.unpack_from("<HH", reply, 16)
        return width, height

    def image(self) -> "NDArray[np.uint8]":
        """The screen: uint8, (height, width, 3), RGB; the caller's.

        Raises:
            DesktopError: its pixels are not 8 bits a colour in 4 bytes.
        """
        import numpy as np

        width, height = self.size()
        reply = self._ask(
            struct.pack("<BBHIhhHHI", 73, 2, 5, self._root, 0, 0, width, height, ALL_PLANES)
        )
        data = reply[32:]
        if reply[1] not in (24, 32) or len(data) < 4 * width * height or not self._is_bgrx:
            raise DesktopError(f"display {self._name} has depth {reply[1]}, expected 24")
        pixels = np.frombuffer(data, np.uint8, 4 * width * height).reshape(height, width, 4)
        return np.ascontiguousarray(pixels[:, :, 2::-1])

    def type(self, text: str) -> None:
        """Type characters into the window that has the focus.

        Raises:
            ValueError: the keyboard has no key for one of them.
        """
        for character in text:
            code, shifted = self._key(character)
            if shifted:
                self._fake(KEY_PRESS, self._keys[SHIFT][0])
            self._fake(KEY_PRESS, code)
            self._fake(KEY_RELEASE, code)
            if shifted:
                self._fake(KEY_RELEASE, self._keys[SHIFT][0])
        self._synchronise()

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Move the pointer and click."""
        self._fake(MOTION, 0, x, y)
        self._fake(BUTTON_PRESS, button)
        self._fake(BUTTON_RELEASE, button)
        self._synchronise()

    def _set_up(self, cookie: bytes) -> None:
        name = COOKIE_NAME if cookie else b""
        head = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie))
        self._send(head + _padded(name) + _padded(cookie))
        status, words = struct.unpack("<BxxxxxH", self._read(8))
        body = self._read(4 * words)
        if status != 1:
            reason = body.decode("latin-1").strip("\0 \n")
            raise DesktopError(f"display {self._name} refuses: {reason}")
        (vendor_bytes,) = struct.unpack_from("<H", body, 16)
        formats, image_order = body[21], body[22]
        self._first_code, self._last_code = body[26], body[27]
        first_format = 32 + (vendor_bytes + 3) // 4 * 4
        bits = {body[at]: body[at + 1] for at in range(first_format, first_format + 8 * formats, 8)}
        (self._root,) = struct.unpack_from("<I", body, first_format + 8 * formats)
        self._is_bgrx = image_order == 0 and bits.get(24) == 32

    def _atom(self, name: str) -> int:
        if name not in self._atoms:
            raw = name.encode()
            head = struct.pack("<BBHHH", 16, 0, 2 + len(_padded(raw)) // 4, len(raw), 0)
            (self._atoms[name],) = struct.unpack_from("<I", self._ask(head + _padded(raw)), 8)
        return self._atoms[name]

    def _key(self, character: str) -> tuple[int, bool]:
        """The key code of a character, and whether Shift is held for it."""
        if not self._keys:
            first, count = self._first_code, self._last_code - self._first_code + 1
            reply = self._ask(struct.pack("<BBHBBxx", 101, 0, 2, first, count))
            columns = reply[1]
            keysyms = struct.unpack_from(f"<{columns * count}I", reply, 32)
            for place in reversed(range(count)):
                for level in reversed(range(min(2, columns))):
                    self._keys[keysyms[place * columns + level]] = (first + place, level == 1)
        point = ord(character)
        named = _NAMED.get(character, point if point < 0x100 else 0x01000000 + point)
        if named not in self._keys or SHIFT not in self._keys:
            raise ValueError(f"the keyboard of display {self._name} has no key for {character!r}")
        return self._keys[named]

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        if not self._xtest:
            reply = self._ask(struct.pack("<BBHHxx", 98, 0, 4, 5) + _padded(b"XTEST"))
            if not reply[8]:
                raise DesktopError(f"display {self._name} has no XTEST extension")
            self._xtest = reply[9]
        self._send(
            struct.pack(
                "<BBHBBxxII8xhh7xB", self._xtest, 2, 9, kind, detail, 0, self._root, x, y, 0
            )
        )

    def _synchronise(self) -> None:
        """Wait until the server has done all that was sent."""
        self._ask(struct.pack("<BBH", 43, 0, 1))

    def _ask(self, request: bytes) -> bytes:
        self._send(request)
        while True:
            head = self._read(32)
            if head[0] == 1:
                (words,) = struct.unpack_from("<I", head, 4)
                return head + self._read(4 * words)
            if head[0] == 0:
                raise BadRequest(f"display {self._name} answered with error {head[1]}")

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise DesktopError(f"display {self._name} is gone: {error}") from error

    def _read(self, count: int) -> bytes:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            try:
                got = self._socket.recv_into(view)
            except OSError as error:
                raise DesktopError(f"display {self._name} is gone: {error}") from error
            if not got:
                raise DesktopError(f"display {self._name} is gone")
            view = view[got:]
        return bytes(data)


def _connect(name: str) -> socket.socket:
    path = f"/tmp/.X11-unix/X{name[1:]}"
    failure: OSError | None = None
    for address in (path, f"\0{path}"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise DesktopError(f"no X server is there for display {name}: {failure}")


def _cookie(environment: Mapping[str, str], number: str) -> bytes:
    """The display's cookie; empty where there is none."""
    default = Path(environment.get("HOME", "/")) / ".Xauthority"
    try:
        data = Path(environment.get("XAUTHORITY") or default).read_bytes()
    except OSError:
        return b""
    at = 0
    while at + 2 <= len(data):
        (family,) = struct.unpack_from(">H", data, at)
        at += 2
        fields: list[bytes] = []
        for _ in range(4):
            if at + 2 > len(data):
                return b""
            (length,) = struct.unpack_from(">H", data, at)
            fields.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        if family not in (FAMILY_LOCAL, FAMILY_WILD) or fields[2] != COOKIE_NAME:
            continue
        if fields[1] in (b"", number.encode()):
            return fields[3]
    return b""


def _padded(data: bytes) -> bytes:
    return data.ljust((len(data) + 3) // 4 * 4, b"\0")
