"""Keeps keys free on a display, so that its VNC server can type any character.  [I/O]

TigerVNC's Xvnc gives a character that no key types a key of its own, and drops characters when no
key is free (1.12: after some 18). Here the keys of multimedia keyboards are made free when the
desktop starts. Three in four then get letters and quotation marks of Europe, the rest is for what
comes; when few are left, those that were not pressed for longest are taken back.

Theory of operation: a program looks up what a key means when it reads the key's event, and that may
be too late or too early. Too late, when the key was taken back: so those that were pressed last
stay as they are, of 106, on a keyboard as Xvnc has it, 67 at least. Which those are is known by
XI_RawKeyPress events, asked for once the server gave a key. Too early, in a program with two
connections to the server, such as Chromium, which reads the key on one before it hears on the other
what it means, and types nothing. So as long as there are windows that answer pings, which
terminals' do not, free keys are grabbed: the first press of one stops keyboard and pointer until
all those windows have answered, on whichever connection they live, or a time is over. Then it is
replayed, and what came after it. Xvnc meanwhile would mistake which of Shift and Caps Lock are on,
so this should end before the next capital letter comes, 20 ms later at the earliest. For the same
reason presses with Shift, which Xvnc releases at once, are not grabbed: those are the capital
letters of Latin-1, whose keys are taken back last; Xvnc knows no others as capitals.
(X Window System Protocol, X11R7: GetKeyboardMapping, ChangeKeyboardMapping,
QueryKeymap, GrabKey, AllowEvents, MappingNotify; "X Input Extension", version 2.0; Extended Window
Manager Hints, _NET_WM_PING.)
"""

import asyncio
import contextlib
import struct
from collections import deque

from envserver.remotes.x11 import (
    CLIENT_MESSAGE,
    EVENT_MASK,
    GENERIC_EVENT,
    PROPERTY_CHANGE_MASK,
    PROPERTY_NOTIFY,
    Connection,
)

LETTERS = "řłžščґєїіъэщцфюёхшйжчьыгбзуядпмклврстинаеоðãõìòùûýþïîëåæøôâêàèçñíóáéúöäü"
PAIRS = (
    *("£€", "¡¿", "‚‘", "–—", "«»", "”’", "„“"),  # noqa: RUF001
    *(letter + letter.upper() for letter in LETTERS),
)
"""What is typed without and with Shift; those whose keys are taken back first come first."""
KEY_PRESS = 2
MAPPING_NOTIFY = 34
KEYBOARD = 1
VENDOR_KEYSYMS = range(0x10080000, 0x10090000)
"""XFree86's, of multimedia keyboards."""
BROWSING = {
    *(0x1008FF18, 0x1008FF1B, 0x1008FF26, 0x1008FF27),
    *(0x1008FF28, 0x1008FF29, 0x1008FF30, 0x1008FF73),
}
"""Home page, search, back, forward, stop, refresh, favourites, reload: what Chromium does at these
keys, whatever they type."""
ALL_MASTER_DEVICES = 1
RAW_KEY_PRESS = 13
LOCKS = (0, 0x02, 0x10, 0x12)
"""Modifiers: none, and Caps Lock and Num Lock (Mod2)."""
ANY_MODIFIER = 0x8000
SUBSTRUCTURE_NOTIFY_MASK = 0x80000
REPLAY_KEYBOARD = 5
CURRENT_TIME = 0
ANSWER_S = 0.015


class SpareKeys:
    """The spare keys of one display; `open` makes one."""

    def __init__(self, connection: Connection, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._writer = writer
        self._spare: frozenset[int] = frozenset()
        self._given: dict[int, None] = {}
        self._input_opcode = 0
        self._listens = False
        self._changed = False
        self._came = False
        """Whether windows came or went."""
        self._holds = False
        """Whether free keys are grabbed."""
        self._untold = False
        """Whether programs may not know yet what keys mean."""
        self._stopped: deque[tuple[int, int]] = deque()
        """Key and time of the presses that a grab holds back."""
        self._waiting: set[int] = set()

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
        """Give and take keys as they are needed, until the server ends."""
        try:
            while True:
                if self._stopped:
                    await self._replay(*self._stopped.popleft())
                elif self._came:
                    await self._hold()
                elif self._changed:
                    await self._look()
                else:
                    self._note(await self._connection.message(errors=True))
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
        self._protocols = await self._connection.atom(b"WM_PROTOCOLS")
        self._ping = await self._connection.atom(b"_NET_WM_PING")
        self._clients = await self._connection.atom(b"_NET_CLIENT_LIST")
        self._select(PROPERTY_CHANGE_MASK)
        self._came = True
        keys = await self._keys()
        self._spare = frozenset(
            code
            for code, keysyms in keys.items()
            if all(keysym in VENDOR_KEYSYMS for keysym in keysyms) and not keysyms & BROWSING
        )
        self._free(sorted(self._spare))
        pairs = PAIRS[-(3 * len(self._spare) // 4) :]
        words = (struct.pack("<II", *map(_keysym, pair)) for pair in pairs)
        given = dict(zip(sorted(self._spare), words, strict=False))
        self._change(given, 2)
        self._given = dict.fromkeys(given)
        await self._keys()  # when it answers, all is done

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
        self._changed = False
        keys = await self._keys()
        for code in sorted(self._spare, reverse=True):  # in which the server gives them
            if not keys[code]:
                self._given.pop(code, None)
            elif code not in self._given:
                self._given[code] = None
                self._listen()
        if len(self._given) > 3 * len(self._spare) // 4:
            held = (await self._ask(44, b""))[8:40]
            idle = [code for code in self._given if not held[code // 8] >> code % 8 & 1]
            self._free(idle[: len(self._spare) // 8])

    async def _hold(self) -> None:
        """Grab free keys if there are windows to ask, else do not."""
        self._came = False
        holds = bool(await self._windows())
        if holds != self._holds:
            self._holds = holds
            for code in self._spare - {*self._given}:
                (self._grab if holds else self._release)(code)

    async def _replay(self, code: int, time: int) -> None:
        """Let a press go to its program, once all programs know what the key means."""
        if self._untold:
            await self._tell(time)
        self._release(code)
        self._connection.send(35, REPLAY_KEYBOARD, struct.pack("<I", CURRENT_TIME))

    async def _tell(self, time: int) -> None:
        """Wait until programs have read what came before now: they answer pings in their order."""
        self._untold = False
        root, windows = self._connection.root, await self._windows()
        self._waiting = {*windows}
        self._connection.send(2, 0, struct.pack("<III", root, EVENT_MASK, SUBSTRUCTURE_NOTIFY_MASK))
        for window in windows:
            event = struct.pack("<BBHII", CLIENT_MESSAGE, 32, 0, window, self._protocols)
            event += struct.pack("<III8x", self._ping, time, window)
            self._connection.send(25, 0, struct.pack("<II", window, 0) + event)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while self._waiting:
                    self._note(await self._connection.message(errors=True))
        self._select(PROPERTY_CHANGE_MASK)

    async def _windows(self) -> set[int]:
        """Those that answer pings, mapped or not."""
        root = self._connection.root
        tree = await self._ask(15, struct.pack("<I", root))
        (count,) = struct.unpack_from("<H", tree, 16)
        windows = {*struct.unpack_from(f"<{count}I", tree, 32)}
        windows.update(await self._property(self._get(root, self._clients)))
        asked = {window: self._get(window, self._protocols) for window in windows}
        return {
            window
            for window, request in asked.items()
            if self._ping in await self._property(request)
        }

    def _get(self, window: int, atom: int) -> int:
        return self._connection.send(20, 0, struct.pack("<IIIII", window, atom, 0, 0, 1 << 16))

    async def _property(self, request: int) -> tuple[int, ...]:
        reply = await self._answer(request)
        if reply[0] == 0 or reply[1] != 32:  # the window has gone, or has none
            return ()
        (count,) = struct.unpack_from("<I", reply, 16)
        return struct.unpack_from(f"<{count}I", reply, 32)

    async def _ask(self, opcode: int, body: bytes, detail: int = 0) -> bytes:
        """Send a request, and wait for its reply."""
        reply = await self._answer(self._connection.send(opcode, detail, body))
        if reply[0] == 0:
            raise ConnectionError(f"the X server answered with error {reply[1]}")
        return reply

    async def _answer(self, request: int) -> bytes:
        """The reply to a request, or the error."""
        while True:
            message = await self._connection.message(errors=True)
            if message[0] in (0, 1) and struct.unpack_from("<H", message, 2) == (request,):
                return message
            self._note(message)

    def _note(self, message: bytes) -> None:
        """Note an event; an error says that somebody else grabbed a key, or that a window went."""
        kind = message[0] & 0x7F
        if kind == MAPPING_NOTIFY and message[4] == KEYBOARD:
            self._changed = self._untold = True
        elif kind == KEY_PRESS:
            (time,) = struct.unpack_from("<I", message, 4)
            self._stopped.append((message[1], time))
        elif kind == CLIENT_MESSAGE:
            kind, of, _, window = struct.unpack_from("<IIII", message, 8)
            if (kind, of) == (self._protocols, self._ping):
                self._waiting.discard(window)
        elif kind == PROPERTY_NOTIFY:
            self._came |= struct.unpack_from("<I", message, 8) == (self._clients,)
        elif message[0] == GENERIC_EVENT and message[1] == self._input_opcode:
            (code,) = struct.unpack_from("<I", message, 16)
            if code in self._given:  # it is the last to be taken back
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

    def _select(self, events: int) -> None:
        """Which events of the root window are wanted."""
        self._connection.send(2, 0, struct.pack("<III", self._connection.root, EVENT_MASK, events))

    def _free(self, codes: list[int]) -> None:
        """Let keys type nothing."""
        self._change(dict.fromkeys(codes, bytes(4)), 1)
        for code in codes:
            self._given.pop(code, None)
            if self._holds:
                self._grab(code)

    def _grab(self, code: int) -> None:
        """Hold a key's next press back: it stops both devices (GrabKey)."""
        for modifiers in LOCKS:
            place = struct.pack("<IHBBBxxx", self._connection.root, modifiers, code, 0, 0)
            self._connection.send(33, 0, place)

    def _release(self, code: int) -> None:
        """Hold a key's presses back no more (UngrabKey)."""
        self._connection.send(34, code, struct.pack("<IHxx", self._connection.root, ANY_MODIFIER))

    def _change(self, keys: dict[int, bytes], width: int) -> None:
        """Let keys type others, those that lie together at once: programs hear of each request."""
        rest = sorted(keys)
        while rest:
            count = next((n for n, code in enumerate(rest) if code != rest[0] + n), len(rest))
            request = struct.pack("<BBxx", rest[0], width)
            request += b"".join(keys[code] for code in rest[:count])
            self._connection.send(100, count, request)
            del rest[:count]


def _keysym(character: str) -> int:
    """As our clients send it: Latin-1, else by the Unicode rule (X11R7, appendix A)."""
    code_point = ord(character)
    return code_point if code_point < 0x100 else 0x1000000 + code_point
