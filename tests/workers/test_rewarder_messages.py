"""The rewarder's messages: what is built is parsed; what is wrong is one error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers import rewarder_messages as messages

HEADERS = {"message_id": 3, "sent_at": 12.5, "episode_id": "7", "parent_message_id": 1}
BODIES: dict[str, dict[str, Any]] = {
    messages.PING: {},
    messages.RESET: {"seed": 1, "env_id": "gym-core.Pong-v0", "fps": 60, "clock": "step"},
    messages.DESCRIBE: {"env_id": None, "env_state": "running", "fps": 60},
    messages.REWARD: {"reward": -1, "done": True, "info": {"lives": 2}},
    messages.TEXT: {"text": "Ünïcode"},
    messages.OBSERVATION: {"observation": [1, 2]},
    messages.REPLY_PING: {},
    messages.REPLY_RESET: {},
    messages.REPLY_ERROR: {"message": "no"},
    messages.CLOSE: {"message": "bye"},
    "v9.never.heard.of": {"anything": [None]},
}


@pytest.mark.parametrize("method", BODIES)
def test_what_is_built_is_parsed(method: str) -> None:
    message = messages.parse(messages.build(method, HEADERS, BODIES[method]))
    assert (message.method, message.body) == (method, BODIES[method])
    assert (message.episode, message.message_id, message.parent_message_id) == (7, 3, 1)
    assert message.sent_at == 12.5


def test_headers() -> None:
    made = messages.headers(4, 1.0, episode=2, parent_message_id=0, parent_runtime_s=0.5)
    assert made == {
        "message_id": 4,
        "sent_at": 1.0,
        "episode_id": "2",
        "parent_message_id": 0,
        "parent_runtime": 0.5,
    }
    assert messages.headers(0, 1.0) == {"message_id": 0, "sent_at": 1.0}


def test_null_body_and_missing_numbers_pass() -> None:
    headers = '{"sent_at": 1, "parent_message_id": 5}'
    text = f'{{"method": "v0.reply.control.ping", "headers": {headers}, "body": null}}'
    message = messages.parse(text)
    assert (message.body, message.message_id, message.episode) == ({}, None, messages.NO_EPISODE)


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        "",
        "[]",
        "null",
        "{}",
        '{"method": 7, "headers": {"sent_at": 1}, "body": {}}',
        '{"method": "a", "headers": [], "body": {}}',
        '{"method": "a", "headers": {}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": "1"}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": true}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": 1e999}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": NaN}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": 1}, "body": []}',
        '{"method": "a", "headers": {"sent_at": 1, "message_id": "1"}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": 1, "episode_id": "1.2"}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": 1, "episode_id": "-1"}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": 1, "episode_id": "' + "9" * 40 + '"}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": ' + "9" * 5000 + '}, "body": {}}',
        '{"method": "a", "headers": {"sent_at": 1' + "0" * 400 + '}, "body": {}}',
        "[" * 100_000,
    ],
)
def test_broken_envelopes(text: str | bytes) -> None:
    with pytest.raises(messages.MessageError):
        messages.parse(text)


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        (messages.REWARD, "reward", None),
        (messages.REWARD, "reward", True),
        (messages.REWARD, "done", 1),
        (messages.REWARD, "info", []),
        (messages.DESCRIBE, "env_state", "sleeping"),
        (messages.DESCRIBE, "fps", None),
        (messages.DESCRIBE, "env_id", 4),
        (messages.RESET, "seed", 1.5),
        (messages.RESET, "clock", "fast"),
        (messages.RESET, "options", [1]),
        (messages.RESET, "fps", "60"),
        (messages.TEXT, "text", None),
        (messages.REPLY_ERROR, "message", None),
    ],
)
def test_wrong_bodies(method: str, field: str, value: object) -> None:
    body = {**BODIES[method], field: value}
    with pytest.raises(messages.MessageError, match=field):
        messages.parse(json.dumps({"method": method, "headers": HEADERS, "body": body}))


@pytest.mark.parametrize(
    ("method", "header"),
    [
        (messages.REWARD, "episode_id"),
        (messages.DESCRIBE, "episode_id"),
        (messages.REPLY_RESET, "episode_id"),
        (messages.REPLY_ERROR, "parent_message_id"),
        (messages.RESET, "message_id"),
        (messages.PING, "message_id"),
    ],
)
def test_missing_headers(method: str, header: str) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != header}
    with pytest.raises(messages.MessageError, match=header):
        messages.parse(messages.build(method, headers, BODIES[method]))


def test_build_refuses_what_json_has_not() -> None:
    for value in (float("nan"), float("inf"), object(), b"bytes"):
        with pytest.raises(ValueError, match=r"v0\.env\.reward|JSON"):
            messages.build(messages.REWARD, {}, {"reward": value})


def test_authorization() -> None:
    assert messages.authorization("openai") == "Basic b3BlbmFpOg=="
    assert messages.parse_authorization("basic b3BlbmFpOg==") == "openai"
    for wrong in ("", "Basic", "Bearer b3BlbmFpOg==", "Basic ???", "Basic b3BlbmFp", "Basic /w=="):
        with pytest.raises(messages.MessageError):
            messages.parse_authorization(wrong)


FEW = settings(max_examples=30, deadline=None)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
LISTS = st.lists(SCALARS, max_size=3)
JSON = SCALARS | LISTS | st.dictionaries(st.text(max_size=5), SCALARS | LISTS, max_size=3)


@FEW
@given(
    st.sampled_from([*BODIES, "x"]),
    st.dictionaries(st.sampled_from([*HEADERS, "x"]), JSON),
    st.dictionaries(st.sampled_from(["reward", "done", "info", "fps", "seed", "text"]), JSON),
)
def test_any_json_is_a_message_or_one_error(method: str, headers: object, body: object) -> None:
    text = json.dumps({"method": method, "headers": headers, "body": body})
    try:
        message = messages.parse(text)
    except messages.MessageError:
        return
    assert message.method == method
    assert message.sent_at == message.sent_at


@FEW
@given(st.text())
def test_any_text_is_refused_or_a_message(text: str) -> None:
    with pytest.raises(messages.MessageError):
        messages.parse(text)
