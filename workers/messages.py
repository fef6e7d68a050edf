"""What broker and worker say to each other, over a stream socket pair.

Msgpack maps, each behind its length in 4 bytes, big endian.

    broker -> worker                      worker -> broker
    configure  config    first, once      started                 first: all is imported
                                          ready                   connected, first picture there
    reset      id, seed, options, env_id  fault   fault, message  degraded; it reconnects
    remote     name, vnc, rewarder: another remote, as Endpoint.to_wire says it
    ask     id, what, ...: see workers/desk.py
    close                                 failed  fault, message  gave up; the process ends
                                          unreachable  name, message  it is not back in time
                                          awaits  what            what is waited for now
                                          info    step, data      infos too large for their record
                                          switched  env_id        what runs from now on
                                          answer  id, result      to `ask`; refused, failed: why not
                                          clock   low_ns, high_ns bounds of what, added to the
                                                  rewarder's wall clock, is CLOCK_MONOTONIC here
"""

import dataclasses
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

LENGTH = struct.Struct("!I")
MAX_MESSAGE_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class WorkerConfig:
    """All that a worker needs to know about its remote and its session."""

    env: int
    generation: int
    name: str
    source: str = "rfb"
    """Where pixels come from: "rfb", or "synthetic" (draws a square a step, for benchmarks)."""
    vnc_host: str = ""
    vnc_port: int = 0
    """0: no VNC server, a remote of rewards only."""
    vnc_password: str = ""
    rewarder_host: str = ""
    rewarder_port: int = 0
    """0: no rewarder, every reward is 0."""
    rewarder_password: str = "openai"
    env_id: str | None = None
    fps: float | None = None
    clock: str = "real"
    """"real", or "step" where the remote can hold its program still."""
    autoreset: str = "next_step"
    """"next_step", "same_step" or "disabled"."""
    while_resetting: str = "wait"
    """"wait" or "mask"."""
    max_episode_steps: int = 0
    """0: no limit."""
    frame_skip: int = 1
    max_pool: bool = False
    step_timeout_s: float = 5.0
    """After so long without a word a rewarder is asked for one, for which it has twice as long."""
    screen: Sequence[int] = ()
    """Width and height of the session's screen; (): of what a row shows."""
    crop: Sequence[int] = ()
    """The part of it that rows show, (x, y, width, height); (): all. The segment says how large
    they are, and by its channels whether they are grey."""
    exact: bool = False
    """Decode JPEGs whole and in colour, however little of them rows show."""
    start_timeout_s: float = 60.0
    reset_timeout_s: float = 60.0
    encoding: str = "tight"
    quality_level: int = -1
    compress_level: int = -1
    fine_quality_level: int = -1
    subsample_level: int = -1
    """-1: not asked for."""
    subscription: Sequence[Sequence[int]] = ()
    """Parts of the screen, (x, width, y, height) each, to which updates are confined."""
    start_episode: bool = False
    """Begin an episode without being told: the worker replaces one that died."""


def with_remote(config: WorkerConfig, message: Mapping[str, Any]) -> WorkerConfig:
    """The configuration for another remote, as the message `remote` names it."""
    fields: dict[str, Any] = {"name": message["name"]}
    for server in ("vnc", "rewarder"):
        told = message[server] or {"host": "", "port": 0, "password": ""}
        fields |= {f"{server}_{name}": told[name] for name in ("host", "port", "password")}
    return dataclasses.replace(config, **fields)


def pack(kind: str, **fields: Any) -> bytes:
    """One message with its length in front."""
    body: bytes = msgpack.packb({"type": kind, **fields})
    return LENGTH.pack(len(body)) + body


def pack_configure(config: WorkerConfig) -> bytes:
    return pack("configure", config=dataclasses.asdict(config))


class MessageReader:
    """Bytes in, whole messages out.

    Raises:
        ValueError: a message is longer than 64 MiB, or is no msgpack map.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        self._buffer += data
        messages: list[dict[str, Any]] = []
        while len(self._buffer) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._buffer)
            if size > MAX_MESSAGE_BYTES:
                raise ValueError(
                    f"message of {size} bytes, at most {MAX_MESSAGE_BYTES} are allowed"
                )
            if len(self._buffer) < LENGTH.size + size:
                break
            message = msgpack.unpackb(self._buffer[LENGTH.size : LENGTH.size + size])
            if not isinstance(message, dict):
                raise ValueError(f"message is a {type(message).__name__}, expected a map")
            messages.append(message)
            del self._buffer[: LENGTH.size + size]
        return messages
