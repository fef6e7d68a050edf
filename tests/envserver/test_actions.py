"""Actions become events, or one clear error."""

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envserver.actions import EventCodec, EventSpace, KeyTableCodec
from envserver.events import KEY, POINTER, Event
from shm.layout import ENTRY_DTYPE

LEFT, RIGHT, FIRE = 0xFF51, 0xFF53, 0x20
TABLE = [(), (FIRE,), (LEFT,), (RIGHT,), (LEFT, FIRE), (RIGHT, FIRE)]


def key(keysym: int, down: int) -> Event:
    return Event(KEY, 0, keysym, down)


class TestKeyTableCodec:
    def make(self, num_envs: int = 2) -> KeyTableCodec:
        return KeyTableCodec(TABLE, num_envs)

    def test_spaces(self) -> None:
        codec = self.make(3)
        assert codec.single_space == gymnasium.spaces.Discrete(6)
        assert codec.batched_space.shape == (3,)

    def test_sends_only_differences_ups_before_downs(self) -> None:
        codec = self.make(1)
        (first,) = codec.encode([4], [0])
        assert first.events == (key(FIRE, 1), key(LEFT, 1))
        assert first.action == 4
        codec.sent([0], [first])
        (second,) = codec.encode(np.array([5]), [0])
        assert second.events == (key(LEFT, 0), key(RIGHT, 1))
        codec.sent([0], [second])
        assert codec.encode([5], [0])[0].events == ()

    def test_encode_changes_nothing(self) -> None:
        codec = self.make(1)
        assert codec.encode([1], [0]) == codec.encode([1], [0])
        assert codec.held(0) == frozenset()

    def test_forget_after_a_release(self) -> None:
        codec = self.make(1)
        codec.sent([0], [codec.encode([1], [0])[0]])
        assert codec.held(0) == {FIRE}
        codec.forget(0)
        assert codec.encode([1], [0])[0].events == (key(FIRE, 1),)

    def test_only_some_environments(self) -> None:
        codec = self.make(3)
        (encoded,) = codec.encode([1], [2])
        codec.sent([2], [encoded])
        assert codec.held(2) == {FIRE}
        assert codec.held(0) == frozenset()

    @pytest.mark.parametrize(
        ("actions", "message"),
        [
            ([0, 6], "environment 1: action is 6, expected an integer from 0 to 5"),
            ([-1, 0], "environment 0: action is -1"),
            ([0.5, 0], r"environment 0: action is 0.5 \(float\)"),
            ([0, True], "environment 1: action is True"),
            ([0, "fire"], "environment 1: action is 'fire'"),
            ([0], "a list of 1, expected 2 integers"),
            (np.zeros((2, 1), dtype=int), r"array of shape \(2, 1\) and type int64, expected 2"),
            (3, "actions are 3, expected 2 integers"),
            (None, "actions are None"),
            ([[0], [0, 1]], "expected 2 integers"),
        ],
    )
    def test_wrong_actions_name_the_environment(self, actions: object, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            self.make().encode(actions, [0, 1])

    def test_a_true_among_integers_is_refused(self) -> None:
        with pytest.raises(ValueError, match="environment 0: action is True"):
            self.make().encode([True, False], [0, 1])

    @given(st.lists(st.integers(0, 5), max_size=20))
    def test_held_keys_are_always_those_of_the_last_action(self, actions: list[int]) -> None:
        codec = self.make(1)
        down: set[int] = set()
        for action in actions:
            (encoded,) = codec.encode([action], [0])
            codec.sent([0], [encoded])
            for event in encoded.events:
                assert (event.argument in down) != bool(event.value)
                (down.add if event.value else down.remove)(event.argument)
            assert down == set(TABLE[action])


class TestEventSpace:
    def make(self) -> EventSpace:
        return EventSpace(100, 50)

    def test_key_pointer_tap_text_wait(self) -> None:
        encoded = self.make().events(
            [
                ("KeyEvent", "a", True),
                ("Wait", 2.5),
                ("PointerEvent", 99, 49, 1),
                ("Tap", "Return"),
                ("Text", "b\n"),
                ("KeyEvent", 0x61, 0),
            ]
        )
        assert encoded.span_us == 42500
        assert encoded.events == (
            Event(KEY, 0, 0x61, 1),
            Event(POINTER, 2500, 1, 0, 99, 49),
            Event(KEY, 2500, 0xFF0D, 1),
            Event(KEY, 32500, 0xFF0D, 0),
            Event(KEY, 32500, 0x62, 1),
            Event(KEY, 37500, 0x62, 0),
            Event(KEY, 37500, 0xFF0D, 1),
            Event(KEY, 42500, 0xFF0D, 0),
            Event(KEY, 42500, 0x61, 0),
        )
        raw = np.frombuffer(encoded.raw, ENTRY_DTYPE)
        for name in Event._fields:
            assert raw[name].tolist() == [getattr(event, name) for event in encoded.events]

    def test_nothing_is_an_action(self) -> None:
        assert self.make().events([]).events == ()

    def test_samples_are_contained(self) -> None:
        space = self.make()
        space.seed(3)
        for _ in range(100):
            assert space.sample() in space

    def test_same_seed_same_samples(self) -> None:
        one, other = self.make(), self.make()
        one.seed(5)
        other.seed(5)
        assert [one.sample() for _ in range(5)] == [other.sample() for _ in range(5)]

    @pytest.mark.parametrize(
        ("action", "message"),
        [
            ("Tap", "expected a sequence of events"),
            (7, "expected a sequence of events"),
            ([("Tap", "NoSuchKey")], "event 0 is"),
            ([("Wait", 1), ("PointerEvent", 100, 0, 0)], "event 1 is .*x is 100, .* 0 to 99"),
            ([("PointerEvent", 0, 0, 256)], "mask is 256"),
            ([("PointerEvent", 0.5, 0, 0)], "x is 0.5"),
            ([("KeyEvent", "a")], "expected .*KeyEvent"),
            ([("KeyEvent", "a", 2)], "down is 2"),
            ([("KeyEvent", 0, 1)], "keysym is 0"),
            ([("Wait", -1)], "a wait of -1"),
            ([("Wait", float("nan"))], "a wait of nan"),
            ([("Wait", 40_000), ("Wait", 40_000)], "more than 60000 ms"),
            ([("Fly",)], "expected .*KeyEvent"),
            ([()], "expected .*KeyEvent"),
            ([None], "expected .*KeyEvent"),
        ],
    )
    def test_wrong_events(self, action: object, message: str) -> None:
        space = self.make()
        assert action not in space
        with pytest.raises(ValueError, match=message):
            space.events(action)

    def test_equality(self) -> None:
        assert self.make() == EventSpace(100, 50)
        assert self.make() != EventSpace(100, 51)


class TestEventCodec:
    def test_batched_space_samples_one_list_an_environment(self) -> None:
        codec = EventCodec(EventSpace(10, 10), 2)
        codec.batched_space.seed(0)
        assert len(codec.encode(codec.batched_space.sample(), [0, 1])) == 2

    @pytest.mark.parametrize(
        ("actions", "message"),
        [
            ([[], [("Tap", 5, 5)]], "environment 1: event 0"),
            ([[]], "actions for 1 environments, expected 2"),
            ("ab", "expected 2 lists"),
            (None, "expected 2 lists"),
        ],
    )
    def test_wrong_batches(self, actions: object, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            EventCodec(EventSpace(10, 10), 2).encode(actions, [0, 1])
