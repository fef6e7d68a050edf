"""Which infos are kept, which replace one another, and what a row that could not hold them gets."""

import msgpack
import pytest

from workers.infos import KEPT_BYTES, KEPT_INFOS, InfoLog


def test_an_info_with_all_keys_of_the_last_one_replaces_it() -> None:
    log = InfoLog()
    first = log.add(1, {"lives": 3})
    assert (first.number, first.replaces, msgpack.unpackb(first.packed)) == (1, 0, {"lives": 3})
    assert log.add(1, {"lives": 2, "x": 1}).replaces == 1
    assert log.add(1, {"lives": 2}).replaces == 0
    assert log.add(2, {"lives": 2}).replaces == 0


def test_texts_add_up() -> None:
    log = InfoLog()
    assert log.add(1, {"lives": 3}).replaces == 0
    assert log.add(1, {"lives": 3, "text": ["a"]}).replaces == 1
    assert log.add(1, {"lives": 3, "text": ["b"]}).replaces == 0
    assert log.add(1, {"lives": 3}).replaces == 0


def test_take_gives_those_of_one_episode_from_first_to_last() -> None:
    log = InfoLog()
    for episode, said in ((1, "a"), (2, "x"), (1, "b"), (1, "c"), (1, "d")):
        log.add(episode, {"text": [said]})
    unpacker = msgpack.Unpacker()
    unpacker.feed(log.take(4 << 16 | 3))
    assert list(unpacker) == [{"text": ["a"]}, {"text": ["b"]}, {"text": ["c"]}]
    assert log.take(4 << 16 | 3) == msgpack.packb({"text": ["x"]})
    assert log.take(5 << 16) == msgpack.packb({"text": ["d"]})
    assert log.take(99 << 16) == b""


def test_only_the_newest_are_kept_and_the_others_counted() -> None:
    log = InfoLog()
    for number in range(KEPT_INFOS + 10):
        log.add(1, {"n": number})
    assert log.take(4 << 16 | 2) == msgpack.packb({"infos_dropped": 3})
    assert log.take(12 << 16 | 3) == b"".join(
        map(msgpack.packb, ({"infos_dropped": 2}, {"n": 10}, {"n": 11}))
    )
    assert log.take((KEPT_INFOS + 10) << 16) == msgpack.packb({"n": KEPT_INFOS + 9})
    for number in range(5):
        log.add(1, {"n": number})
    large = log.add(1, {"n": "x" * (KEPT_BYTES + 1)})
    assert log.take(large.number << 16 | 5) == msgpack.packb({"infos_dropped": 5}) + large.packed


@pytest.mark.parametrize("value", [1 << 64, "\ud800"])
def test_what_msgpack_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="info cannot be packed"):
        InfoLog().add(1, {"x": value})
