"""Clients that decode when updates come, when somebody looks, and grays beside the colors."""

from collections.abc import Callable

import numpy as np
from fakes.server_bytes import feed_in_pieces
from numpy.typing import NDArray

from cython_vnc.door import decode_gray, decode_halves, gray_picture
from cython_vnc.protocol import RFBProtocol

NewClient = Callable[..., RFBProtocol]
KINDS = ["eager", "lazy", "gray", "lazy gray", "gray halves", "lazy gray halves"]


def new_client(kind: str, width: int, height: int, **limits: int) -> RFBProtocol:
    """Make one of `KINDS`."""
    protocol = RFBProtocol(width, height, **limits)
    protocol.lazy = "lazy" in kind
    if "gray" in kind:
        decode_gray(protocol)
    if "halves" in kind:
        decode_halves(protocol)
    return protocol


def colors(protocol: RFBProtocol) -> NDArray[np.uint8]:
    """Have everything decoded that came; B, G, R of every pixel."""
    return np.array(protocol.picture())[..., :3]


def levels(protocol: RFBProtocol) -> NDArray[np.uint8]:
    """The same of a client in gray."""
    rows = np.frombuffer(gray_picture(protocol), np.uint8).reshape(protocol.height, -1)
    return rows[:, : protocol.width]


def feed_and_look(protocol: RFBProtocol, data: bytes, piece_bytes: int = 1 << 30) -> None:
    """Let it receive `data`, and have everything decoded."""
    feed_in_pieces(protocol, data, piece_bytes)
    colors(protocol)
