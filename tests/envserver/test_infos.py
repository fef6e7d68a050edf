"""Infos by column, as Gymnasium has them."""

import logging
from typing import Any

import gymnasium
import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envserver.infos import InfoBuilder, add_info, unpack_info

LEAVES = st.one_of(
    st.fixed_dictionaries({}, optional={"i": st.integers(-9, 9), "f": st.floats(-1, 1)}),
    st.fixed_dictionaries({}, optional={"b": st.booleans(), "s": st.sampled_from(["", "x"])}),
    st.fixed_dictionaries({}, optional={"d": st.fixed_dictionaries({"x": st.integers(0, 5)})}),
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return one.dtype == other.dtype and np.array_equal(one, other)


@given(st.lists(LEAVES, min_size=1, max_size=4))
def test_the_rules_are_gymnasiums(infos: list[dict[str, Any]]) -> None:
    theirs = gymnasium.vector.VectorEnv()
    theirs.num_envs = len(infos)
    expected: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for env, info in enumerate(infos):
        expected = theirs._add_info(expected, info, env)
        add_info(found, info, env, len(infos))
    assert same(found, expected)


@pytest.mark.parametrize(
    "values",
    [(1, "x"), (1, None), (True, 2), (1, 2.5), (1.5, [1]), ("x", 1), (1, 2**70), (2**70, 1)],
)
def test_values_of_two_types_become_objects(values: tuple[Any, Any]) -> None:
    infos: dict[str, Any] = {}
    for env, value in enumerate(values):
        add_info(infos, {"k": value}, env, 3)
    assert infos["k"].tolist() == [*values, None]
    assert infos["_k"].tolist() == [True, True, False]


def test_a_dict_among_numbers_does_not_break() -> None:
    infos: dict[str, Any] = {}
    add_info(infos, {"k": {"x": 1}}, 0, 2)
    add_info(infos, {"k": 5}, 1, 2)
    assert infos["_k"].tolist() == [True, False]
    add_info(infos, {"j": 5}, 0, 2)
    add_info(infos, {"j": {"x": 1}}, 1, 2)
    assert infos["j"].tolist() == [5, {"x": 1}]


def test_arrays_are_stacked() -> None:
    infos: dict[str, Any] = {}
    add_info(infos, {"k": np.array([1, 2])}, 1, 2)
    assert infos["k"].tolist() == [[0, 0], [1, 2]]
    add_info(infos, {"k": np.array([1, 2, 3])}, 0, 2)
    assert infos["k"][0].tolist() == [1, 2, 3]


def test_the_columns_that_are_always_there() -> None:
    builder = InfoBuilder(2)
    valid = np.array([True, False])
    infos = builder.start(valid, ~valid, np.array([3, 4]))
    names = ("valid", "late", "episode_id", "rewarder")
    assert set(infos) == {*names, *(f"_{name}" for name in names)}
    assert infos["rewarder"].all()
    assert InfoBuilder(2, [True, False]).start(valid, valid, valid)["rewarder"].tolist() == [
        True,
        False,
    ]
    assert infos["valid"].tolist() == [True, False]
    assert infos["_valid"].all()
    assert not infos["_valid"].flags.writeable


def test_a_remote_cannot_replace_our_columns() -> None:
    builder = InfoBuilder(1)
    infos = builder.start(np.array([True]), np.array([False]), np.array([3]))
    builder.add_remote(infos, 0, {"valid": 0, "lives": 3})
    assert infos["valid"].tolist() == [True]
    assert infos["remote_valid"].tolist() == [0]
    assert infos["lives"].tolist() == [3]


def test_final_observation_and_info() -> None:
    builder = InfoBuilder(2)
    infos: dict[str, Any] = {}
    builder.add_final(infos, 1, np.zeros((1, 1, 3), dtype=np.uint8), {"lives": 2})
    assert infos["final_obs"][0] is None
    assert infos["final_obs"][1].shape == (1, 1, 3)
    assert infos["_final_obs"].tolist() == [False, True]
    assert infos["final_info"]["lives"].tolist() == [0, 2]
    assert infos["_final_info"].tolist() == [False, True]


def test_nothing_said_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    assert unpack_info(b"") == {}
    assert not caplog.records


def test_unpack() -> None:
    assert unpack_info(msgpack.packb({"a": [1, 2]})) == {"a": [1, 2]}


def test_newest_value_counts_and_texts_add_up() -> None:
    said = [{"text": ["a"], "lives": 3}, {"lives": 2, "x": 1}, {"text": ["b", "c"]}]
    data = b"".join(msgpack.packb(info) for info in said)
    assert unpack_info(data) == {"text": ["a", "b", "c"], "lives": 2, "x": 1}


def test_what_is_whole_before_a_cut_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert unpack_info(msgpack.packb({"a": 1}) + b"\x92\x01") == {"a": 1}
    assert "no msgpack after 4 bytes" in caplog.text


@pytest.mark.parametrize("data", [b"\xc1", b"\x01", msgpack.packb([1]), b"\x92\x01"])
def test_what_is_no_map_is_dropped(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert unpack_info(data) == {}
    assert "an info is" in caplog.text
