"""The grammar of `remotes="..."`: where remotes that already run are reached.

    remotes  = [ "vnc://" ] entry *( "," [ "vnc://" ] entry ) [ "?password=" P ]
    entry    = host [ ":" vnc_port ] [ "+" rewarder_port ] [ "?password=" P ]
    host     = name | IPv4 | "[" IPv6 "]"

`host:5900` alone has no rewarder, `host+15900` alone no VNC server, a bare host has both on their
default ports. A password at the end of the whole address counts for every entry without its own; a
comma in it is written %2C. It never appears in `name`.
"""

import dataclasses
import re
from urllib.parse import unquote

VNC_PORT = 5900
REWARDER_PORT = 15900
DEFAULT_PASSWORD = "openai"

_ENTRY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[-A-Za-z0-9._]+)(?::(?P<vnc>[^+]*))?(?:\+(?P<rewarder>.*))?"
)

_HARMLESS = re.compile(r"(\w+://)?[-\w.:+\[\]%]*")


@dataclasses.dataclass(frozen=True)
class Address:
    """Where one remote is reached. A port of 0 means that there is no such server."""

    host: str
    vnc_port: int
    rewarder_port: int
    password: str = dataclasses.field(default=DEFAULT_PASSWORD, repr=False)

    @property
    def name(self) -> str:
        """The address without its password, as it may be printed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        vnc = f":{self.vnc_port}" if self.vnc_port else ""
        rewarder = f"+{self.rewarder_port}" if self.rewarder_port else ""
        return f"{host}{vnc}{rewarder}"


def parse_addresses(text: str) -> list[Address]:
    """Every remote of an address like `vnc://host:5900+15900,host2:5901+15901?password=secret`.

    Raises:
        ValueError: an entry is no address; the message names the entry, never a password.
    """
    if not isinstance(text, str):
        raise ValueError(f"remotes is a {type(text).__name__}, expected an address")
    parts = [part.strip() for part in text.split(",")]
    if parts == [""]:
        raise ValueError("remotes is empty, expected for example 'vnc://127.0.0.1:5900+15900'")
    # What follows a password and a comma may belong to it.
    secret = ["?" in ",".join(parts[:index]) for index in range(len(parts))]
    entries = [
        _split_password(part, _where(part, index, secret[index]))
        for index, part in enumerate(parts)
    ]
    common = entries[-1][1]
    return [
        _parse_entry(entry, _where(entry, index, secret[index]), own if own is not None else common)
        for index, (entry, own) in enumerate(entries)
    ]


def _split_password(part: str, where: str) -> tuple[str, str | None]:
    entry, question, query = part.removeprefix("vnc://").removesuffix("/").partition("?")
    entry = entry.removesuffix("/")
    if not question:
        return entry, None
    password: str | None = None
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key != "password":
            raise ValueError(
                f"{where}: something else than 'password' stands behind the '?';"
                " write & and , in a password as %26 and %2C"
            )
        password = unquote(value)
    return entry, password


def _where(part: str, index: int, secret: bool) -> str:
    """Name an entry; what may be a part of a password is not shown."""
    entry = part.partition("?")[0]
    shown = not secret and _HARMLESS.fullmatch(entry) is not None
    return f"remotes entry {index}" + (f" ({entry!r})" if shown else "")


def _parse_entry(entry: str, where: str, password: str | None) -> Address:
    if "://" in entry:
        raise ValueError(f"{where}: the scheme is not known, expected vnc://")
    match = _ENTRY.fullmatch(entry)
    if match is None:
        hint = ", an IPv6 address goes in brackets" if entry.count(":") > 1 else ""
        raise ValueError(f"{where}: expected host[:vnc_port][+rewarder_port]{hint}")
    vnc, rewarder = match["vnc"], match["rewarder"]
    if vnc is None and rewarder is None:
        vnc, rewarder = str(VNC_PORT), str(REWARDER_PORT)
    return Address(
        host=match["host"].strip("[]"),
        vnc_port=_port(vnc, f"{where}: VNC port"),
        rewarder_port=_port(rewarder, f"{where}: rewarder port"),
        password=DEFAULT_PASSWORD if password is None else password,
    )


def _port(digits: str | None, where: str) -> int:
    if digits is None:
        return 0
    if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 65535):
        raise ValueError(f"{where} is {digits!r}, expected a number from 1 to 65535")
    return int(digits)
