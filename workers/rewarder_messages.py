"""The rewarder's messages: JSON text in, checked messages out, on both sides of the WebSocket.

Every message is `{"method", "headers", "body"}`. `parse` checks the envelope of every message and
the body of every method named here; an unknown method passes, because both sides must ignore it.
Nothing here touches a socket or a clock: `sent_at` is the caller's.

    client -> server                            server -> client
    v0.control.ping                             v0.reply.control.ping
    v0.env.reset  seed env_id fps clock options v0.reply.env.reset   info
                                                v0.reply.error       message
                                                v0.env.describe      env_id env_state fps
                                                v0.env.reward        reward done info
                                                v0.env.text          text
                                                v0.env.observation   observation
                                                v0.connection.close  message

`clock`, `options` and the reply's `info` are ours: a peer that does not know them ignores them.
"""

import base64
import binascii
import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

PING = "v0.control.ping"
RESET = "v0.env.reset"
DESCRIBE = "v0.env.describe"
REWARD = "v0.env.reward"
TEXT = "v0.env.text"
OBSERVATION = "v0.env.observation"
REPLY_PING = "v0.reply.control.ping"
REPLY_RESET = "v0.reply.env.reset"
REPLY_ERROR = "v0.reply.error"
CLOSE = "v0.connection.close"

RESETTING = "resetting"
RUNNING = "running"
NO_EPISODE = -1
MAX_MESSAGE_BYTES = 16 << 20
MAX_EPISODE_DIGITS = 18

_REPLIES = frozenset({REPLY_PING, REPLY_RESET, REPLY_ERROR})


class MessageError(ValueError):
    """The peer sent what the rewarder protocol does not allow."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One checked message: the body of a known method has the fields of the module's table."""

    method: str
    headers: dict[str, Any]
    body: dict[str, Any]
    episode: int
    """The episode the message belongs to, `NO_EPISODE` where it names none."""
    message_id: int | None
    """None where the peer did not number it: it can have no reply."""
    parent_message_id: int | None
    """The request that this message answers."""
    sent_at: float
    """Unix time in seconds on the sender's clock."""


def build(method: str, headers: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """One message as JSON text; NumPy's numbers become numbers and its arrays lists.

    Raises:
        ValueError: a value is not JSON (a NaN, an object of another kind).
    """
    try:
        return json.dumps(
            {"method": method, "headers": headers, "body": body},
            allow_nan=False,
            default=_plain,
            separators=(",", ":"),
        )
    except TypeError as error:
        raise ValueError(f"{method}: {error}") from error


def _plain(value: Any) -> Any:
    """What NumPy's scalars and arrays hold; this module need not import it to ask them."""
    as_python = getattr(value, "tolist", None)
    if as_python is None:
        raise TypeError(f"a {type(value).__name__} is not JSON: {value!r:.80}")
    return as_python()


def headers(
    message_id: int,
    sent_at: float,
    *,
    episode: int | None = None,
    parent_message_id: int | None = None,
    parent_runtime_s: float | None = None,
) -> dict[str, Any]:
    """The headers of one message; `message_id` counts from 0 in each direction of a connection."""
    made: dict[str, Any] = {"message_id": message_id, "sent_at": sent_at}
    if episode is not None:
        made["episode_id"] = str(episode)
    if parent_message_id is not None:
        made["parent_message_id"] = parent_message_id
    if parent_runtime_s is not None:
        made["parent_runtime"] = parent_runtime_s
    return made


def parse(text: str | bytes) -> Message:
    """Check one WebSocket message.

    Raises:
        MessageError: binary, no JSON, no envelope, or a known method with a body it cannot have.
    """
    if not isinstance(text, str):
        raise MessageError("message is binary, expected text")
    if len(text) > MAX_MESSAGE_BYTES:
        raise MessageError(f"message of {len(text)} characters, at most {MAX_MESSAGE_BYTES}")
    try:
        payload = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"message is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise MessageError(f"message is a JSON {type(payload).__name__}, expected an object")
    method = payload.get("method")
    if not isinstance(method, str):
        raise MessageError("message has no method")
    head = payload.get("headers")
    if not isinstance(head, dict):
        raise MessageError(f"{method}: no headers")
    body = payload.get("body")
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise MessageError(f"{method}: body is a JSON {type(body).__name__}, expected an object")
    message = Message(
        method=method,
        headers=head,
        body=body,
        episode=_episode(method, head.get("episode_id")),
        message_id=_optional_int(method, "message_id", head.get("message_id")),
        parent_message_id=_optional_int(method, "parent_message_id", head.get("parent_message_id")),
        sent_at=_number(method, "sent_at", head.get("sent_at")),
    )
    _check_body(message)
    return message


def authorization(password: str) -> str:
    """The `authorization` header: the password is the user name, and the password is empty."""
    return "Basic " + base64.b64encode(f"{password}:".encode()).decode()


def parse_authorization(header: str) -> str:
    """The password in an `authorization` header.

    Raises:
        MessageError: it is not of the Basic scheme, or not base64 of UTF-8 with a colon.
    """
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() != "basic":
        raise MessageError("authorization is not of the Basic scheme")
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise MessageError("authorization is not base64") from error
    user, colon, _ = decoded.partition(":")
    if not colon:
        raise MessageError("authorization has no colon")
    return user


def _check_body(message: Message) -> None:
    method, body = message.method, message.body
    if method in _REPLIES and message.parent_message_id is None:
        raise MessageError(f"{method}: no parent_message_id")
    if method in (DESCRIBE, REWARD, TEXT, OBSERVATION, REPLY_RESET) and (
        message.episode == NO_EPISODE
    ):
        raise MessageError(f"{method}: no episode_id")
    if method == REWARD:
        _number(method, "reward", body.get("reward"))
        _typed(method, body, "done", bool)
        _typed(method, body, "info", dict)
    elif method == REPLY_RESET:
        _typed(method, body, "info", dict, None)
    elif method == DESCRIBE:
        if body.get("env_state") not in (RESETTING, RUNNING):
            raise MessageError(f"{method}: env_state is {body.get('env_state')!r:.40}")
        _number(method, "fps", body.get("fps"))
        _typed(method, body, "env_id", str, None)
    elif method == RESET:
        if message.message_id is None:
            raise MessageError(f"{method}: no message_id")
        _optional_int(method, "seed", body.get("seed"))
        _typed(method, body, "env_id", str, None)
        if body.get("fps") is not None:
            _number(method, "fps", body["fps"])
        _typed(method, body, "options", dict, None)
        if body.get("clock") not in (None, "real", "step"):
            raise MessageError(f"{method}: clock is {body['clock']!r:.40}")
    elif method == PING:
        if message.message_id is None:
            raise MessageError(f"{method}: no message_id")
    elif method in (REPLY_ERROR, CLOSE):
        _typed(method, body, "message", str)
    elif method == TEXT:
        _typed(method, body, "text", str)
    elif method == OBSERVATION and "observation" not in body:
        raise MessageError(f"{method}: no observation")


def _typed(method: str, body: dict[str, Any], name: str, *allowed: type | None) -> None:
    value = body.get(name)
    if value is None and None in allowed:
        return
    kinds = tuple(kind for kind in allowed if kind is not None)
    if not isinstance(value, kinds):
        raise MessageError(f"{method}: {name} is {value!r:.40}, expected {kinds[0].__name__}")


def _number(method: str, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MessageError(f"{method}: {name} is {value!r:.40}, expected a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise MessageError(f"{method}: {name} is too large") from error
    if not math.isfinite(number):
        raise MessageError(f"{method}: {name} is not finite")
    return number


def _optional_int(method: str, name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise MessageError(f"{method}: {name} is {value!r:.40}, expected an integer")
    return value


def _episode(method: str, value: object) -> int:
    if value is None:
        return NO_EPISODE
    digits = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(digits, str) or not digits.isascii() or not digits.isdecimal():
        raise MessageError(f"{method}: episode_id is {value!r:.40}, expected a whole number")
    if len(digits) > MAX_EPISODE_DIGITS:
        raise MessageError(f"{method}: episode_id has {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
