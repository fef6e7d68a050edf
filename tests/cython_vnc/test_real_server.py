"""Handshake, input and extensions against a real Xvnc."""

import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.record_goldens import server, x_picture
from cython_vnc.encodings import encodings_for
from cython_vnc.errors import AuthenticationError
from cython_vnc.events import Event, FenceReply, FramebufferUpdated, Resized
from cython_vnc.handshake import Handshake
from cython_vnc.keysyms import keysym
from cython_vnc.protocol import RFBProtocol

pytestmark = pytest.mark.integration
SIZE = (160, 120)
TIMEOUT_S = 8.0


class Client:
    """A blocking client of a server on this machine."""

    def __init__(self, connection: socket.socket, password: str | None = None) -> None:
        self.connection = connection
        handshake = Handshake(password)
        while not handshake.done:
            handshake.feed(self.connection.recv(4096))
            self.connection.sendall(handshake.data_to_send())
        init = handshake.server_init
        self.protocol = RFBProtocol(init.width, init.height)
        self.protocol.start(encodings_for("zrle"))

    def send(self) -> None:
        self.connection.sendall(self.protocol.data_to_send())

    def until(self, happened: Callable[[list[Event]], bool]) -> None:
        """Receive until it happened, or fail at the time-out."""
        events: list[Event] = []
        self.send()
        while not happened(events):
            count = self.connection.recv_into(self.protocol.get_buffer())
            assert count, "the server hung up"
            events = self.protocol.buffer_updated(count)
            if any(isinstance(event, FramebufferUpdated) for event in events):
                self.protocol.write_update_request()
            self.send()

    def barrier(self, number: int) -> None:
        """Wait until the server has handled all that was sent."""
        self.protocol.write_fence(number.to_bytes(8), 1)
        self.until(lambda events: FenceReply(number) in events)


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)


Desktop = tuple[Client, dict[str, str]]


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    with server(*SIZE) as (port, environment), dial(port) as connection:
        client = Client(connection)
        client.until(lambda _: client.protocol.has_picture)
        client.until(lambda _: client.protocol.continuous_supported)
        yield client, environment


@pytest.fixture
def locked_port() -> Iterator[int]:
    with server(*SIZE, password="secret word") as (port, _):
        yield port


def test_the_right_password(locked_port: int) -> None:
    with dial(locked_port) as connection:
        client = Client(connection, "secret word")
        client.until(lambda _: client.protocol.has_picture)
        assert client.protocol.frame >= 1


@pytest.mark.parametrize(
    ("password", "message"),
    [("secreT", r"^wrong password \(the server: "), (None, "wants a password, and none was given")],
)
def test_no_right_password(locked_port: int, password: str | None, message: str) -> None:
    with dial(locked_port) as connection, pytest.raises(AuthenticationError, match=message):
        Client(connection, password)


def test_pointer(desktop: Desktop) -> None:
    client, environment = desktop
    client.protocol.write_pointer_event(123, 45)
    client.barrier(1)
    place = subprocess.check_output(["xdotool", "getmouselocation"], env=environment, text=True)
    assert place.startswith("x:123 y:45 ")


def test_typing_into_a_terminal(desktop: Desktop, tmp_path: Path) -> None:
    client, environment = desktop
    written = tmp_path / "written"
    shell = f'read line; printf %s "$line" > {written}'
    terminal = subprocess.Popen(["xterm", "-e", "sh", "-c", shell], env=environment)
    subprocess.run(
        ["xdotool", "search", "--sync", "--onlyvisible", "--class", "xterm"],
        env=environment,
        check=True,
        timeout=TIMEOUT_S,
        stdout=subprocess.DEVNULL,
    )
    # Without a window manager the keys go where the pointer is.
    client.protocol.write_pointer_event(50, 50)
    for character in "It's 5 > 3: {a}\n":
        client.protocol.write_key_event(keysym(character), True)
        client.protocol.write_key_event(keysym(character), False)
    client.send()
    assert terminal.wait(TIMEOUT_S) == 0
    assert written.read_text() == "It's 5 > 3: {a}"


def test_continuous_updates(desktop: Desktop) -> None:
    client, environment = desktop
    client.barrier(1)
    client.protocol.write_enable_continuous(True)
    client.barrier(2)
    subprocess.run(["xsetroot", "-solid", "#0000fe"], env=environment, check=True)

    def is_blue(_: list[Event]) -> bool:
        return bool((np.asarray(client.protocol.picture())[0, 0, :3] == (254, 0, 0)).all())

    client.until(is_blue)
    client.protocol.write_enable_continuous(False)
    client.barrier(3)
    assert not client.protocol.continuous_enabled


def test_resize(desktop: Desktop) -> None:
    client, environment = desktop
    # SetDesktopSize (rfbproto): one screen.
    client.connection.sendall(struct.pack(">BxHHBxI4HI", 251, 200, 90, 1, 0, 0, 0, 200, 90, 0))
    client.until(lambda events: Resized(200, 90) in events)
    subprocess.run(["xsetroot", "-solid", "#102030"], env=environment, check=True)
    client.until(
        lambda _: (
            client.protocol.has_picture
            and np.array_equal(
                np.asarray(client.protocol.picture())[:, :, :3], x_picture(environment)[:, :, :3]
            )
        )
    )
    assert (client.protocol.width, client.protocol.height) == (200, 90)
