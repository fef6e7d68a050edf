"""The embedded runtime's pieces without a socket: actions, frames, colours, the drawn desktop."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from envserver.runtimes.gym_core.actions import HeldKeys, action_table, keysym
from envserver.runtimes.gym_core.canvas import STRIP_HEIGHT, Canvas
from envserver.runtimes.gym_core.changes import Rect, changed_boxes
from envserver.runtimes.gym_core.errors import (
    EnvironmentFailed,
    UnknownEnvironment,
    UnsupportedActionSpace,
)
from envserver.runtimes.gym_core.game import (
    Game,
    gym_id,
    jsonable_info,
    may_switch_to,
    register_atari,
)
from envserver.runtimes.gym_core.palette import Palette

register_atari()
LEFT, UP, RIGHT, SPACE = keysym("Left"), keysym("Up"), keysym("Right"), keysym("space")


class Spaces(gymnasium.Env[Any, Any]):
    """An environment that is only its action space."""

    def __init__(self, action_space: gymnasium.Space[Any]) -> None:
        self.action_space = action_space


def table(space: gymnasium.Space[Any]) -> list[tuple[Any, tuple[str, ...]]]:
    return [
        (np.asarray(action.value).tolist(), action.keys) for action in action_table(Spaces(space))
    ]


def test_pong_is_played_with_arrows_and_space() -> None:
    described = Game("gym-core.Pong-v0").describe(60.0)
    assert described["gym_id"] == "ALE/Pong-v5"
    assert described["num_actions"] == 6
    assert described["action_meanings"][:3] == ["NOOP", "FIRE", "RIGHT"]
    assert described["keys"][:3] == [[], ["space"], ["Right"]]
    assert described["keys"][5] == ["Left", "space"]
    assert described["keysyms"][5] == [LEFT, SPACE]
    assert described["frame"] == [210, 160]
    assert described["fps"] == 60.0


def test_ids() -> None:
    assert gym_id("gym-core.CartPole-v1") == "CartPole-v1"
    assert gym_id("gym-core.Breakout-v0") == "ALE/Breakout-v5"
    assert gym_id("gym-core.Breakout-v4") == "Breakout-v4"
    assert gym_id("ALE/Pong-v5") == "ALE/Pong-v5"
    assert may_switch_to("gym-core.CartPole-v1")
    assert not may_switch_to("os:Nothing-v0")


@pytest.mark.parametrize(
    "env_id", ["gym-core.Nothing-v0", "Nothing-v0", "no_such_module:X-v0", "gym-core.Pong-v5"]
)
def test_unknown_environment(env_id: str) -> None:
    with pytest.raises(UnknownEnvironment, match=r"Nothing|no_such_module|v5.*`v0`"):
        Game(env_id)


def test_wrong_keyword_argument_names_the_environment() -> None:
    with pytest.raises(EnvironmentFailed, match=r"CartPole-v1.*no_such_argument"):
        Game("CartPole-v1", {"no_such_argument": 1})


def test_action_tables() -> None:
    spaces = gymnasium.spaces
    assert table(spaces.Discrete(3, start=5)) == [(5, ("0",)), (6, ("1",)), (7, ("2",))]
    assert table(spaces.MultiDiscrete([2, 2])) == [
        ([0, 0], ("0",)),
        ([0, 1], ("1",)),
        ([1, 0], ("2",)),
        ([1, 1], ("3",)),
    ]
    assert table(spaces.MultiBinary(2)) == [
        ([0, 0], ()),
        ([0, 1], ("1",)),
        ([1, 0], ("0",)),
        ([1, 1], ("0", "1")),
    ]
    assert len(table(spaces.Discrete(62))) == 62


@pytest.mark.parametrize(
    "space",
    [
        gymnasium.spaces.Box(-1, 1, (2,)),
        gymnasium.spaces.Discrete(63),
        gymnasium.spaces.MultiDiscrete([8, 8]),
        gymnasium.spaces.MultiDiscrete([1 << 32, 1 << 32]),
        gymnasium.spaces.MultiBinary(6),
        gymnasium.spaces.MultiBinary([2, 2]),
        gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(2)]),
    ],
)
def test_unsupported_action_spaces(space: gymnasium.Space[Any]) -> None:
    with pytest.raises(UnsupportedActionSpace, match="supported are Discrete"):
        table(space)


def test_held_keys_of_an_arcade_game() -> None:
    held = HeldKeys(Game("ALE/Pong-v5").actions)  # NOOP FIRE RIGHT LEFT RIGHTFIRE LEFTFIRE
    assert held.action(with_taps=False) == 0
    held.press(LEFT)
    assert held.action(with_taps=False) == 3
    held.press(SPACE)
    assert held.action(with_taps=False) == 5
    held.press(UP)  # Pong has no use for it.
    held.press(ord("q"))
    assert held.action(with_taps=False) == 5
    held.press(RIGHT)  # Both sides at once: the one pressed last.
    assert held.action(with_taps=False) == 4
    held.release(RIGHT)
    assert held.action(with_taps=False) == 5
    for key in (LEFT, SPACE, UP, ord("q"), RIGHT):
        held.release(key)
    assert held.action(with_taps=False) == 0


def test_tap_between_two_ticks_counts_once() -> None:
    held = HeldKeys(action_table(Spaces(gymnasium.spaces.Discrete(4))))
    held.press(ord("2"))
    held.release(ord("2"))
    assert held.action(with_taps=True) == 2
    assert held.action(with_taps=True) == 0
    held.press(ord("3"))
    held.release(ord("3"))
    assert held.action(with_taps=False) == 0


def test_two_viewers_hold_one_key() -> None:
    held = HeldKeys(action_table(Spaces(gymnasium.spaces.Discrete(4))))
    held.press(ord("1"))
    held.press(ord("1"))
    held.release(ord("1"))
    assert held.action(with_taps=False) == 1
    held.release(ord("1"))
    held.release(ord("1"))
    assert held.action(with_taps=False) == 0


def test_info_keeps_what_json_can_carry() -> None:
    info = {
        "lives": np.int64(3),
        "p": np.float32(0.5),
        "nan": float("nan"),
        "seeds": (np.uint32(1), 2),
        "grid": np.eye(2),
        "large": np.zeros(1000),
        "object": object(),
        7: "no name",
        "deep": {"a": {"b": [True, None, "x"]}, "bad": object()},
    }
    assert jsonable_info(info) == {
        "lives": 3,
        "p": 0.5,
        "seeds": [1, 2],
        "grid": [[1.0, 0.0], [0.0, 1.0]],
        "deep": {"a": {"b": [True, None, "x"]}},
    }


class SeedLog(gymnasium.Env[Any, Any]):
    """Tells by its info how it was reset."""

    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Discrete(1)
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, **keywords: Any) -> None:
        self.render_mode = keywords["render_mode"]
        self.shape = keywords.get("shape", (4, 4, 3))

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        return 0, {"seed": seed, "options": options}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        if action:
            raise RuntimeError("broken on purpose")
        return 0, float("nan"), False, True, {}

    def render(self) -> NDArray[np.uint8]:
        return np.zeros(self.shape, np.uint8)


@pytest.fixture
def seed_log() -> Any:
    gymnasium.register("SeedLog-v0", entry_point=SeedLog)
    yield "SeedLog-v0"
    del gymnasium.registry["SeedLog-v0"]


def test_first_unseeded_reset_takes_a_random_seed(seed_log: str) -> None:
    # Games that were forked from one are alike until then.
    one, two = Game(seed_log), Game(seed_log)
    seeds = [game.reset()["seed"] for game in (one, two)]
    assert None not in seeds
    assert seeds[0] != seeds[1]
    assert one.reset()["seed"] is None
    assert one.reset(5, {"map": "8x8"}) == {"seed": 5, "options": {"map": "8x8"}}
    three = Game(seed_log)
    assert three.reset(7)["seed"] == 7
    assert three.reset()["seed"] is None


def test_environment_that_raises_is_named(seed_log: str) -> None:
    with pytest.raises(EnvironmentFailed, match="SeedLog-v0: step: RuntimeError: broken on"):
        Game(seed_log).step(1)


def test_reward_that_is_no_number_is_a_fault_and_no_reward(seed_log: str) -> None:
    step = Game(seed_log).step(0)
    assert step.reward == 0.0
    assert step.info == {"rewarder.fault": "reward is nan"}
    assert (step.terminated, step.truncated) == (False, True)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_frame_of_another_shape_is_refused(seed_log: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(EnvironmentFailed, match=r"render gave shape"):
        Game(seed_log, {"shape": shape})


FRAMES = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(FRAMES, st.integers(1, 60), st.integers(1, 60), st.integers(0, 40))
def test_boxes_hold_every_change(seed: int, height: int, width: int, dots: int) -> None:
    random = np.random.default_rng(seed)
    before = random.integers(0, 256, (height, width, 3), np.uint8)
    after = before.copy()
    for _ in range(dots):
        after[random.integers(height), random.integers(width), random.integers(3)] ^= 1
    boxes = changed_boxes(before, after)
    mended = before.copy()
    for box in boxes:
        part = np.s_[box.y : box.bottom, box.x : box.right]
        mended[part] = after[part]
        assert (before[part] != after[part]).any()
    np.testing.assert_array_equal(mended, after)
    assert len(boxes) <= 16


def test_without_leaves_the_rest() -> None:
    whole = Rect(2, 3, 20, 10)
    for hole in (Rect(5, 5, 4, 4), Rect(0, 0, 100, 100), Rect(2, 3, 5, 10), Rect(50, 50, 1, 1)):
        seen = np.zeros((40, 60), int)
        for piece in whole.without(hole):
            seen[piece.y : piece.bottom, piece.x : piece.right] += 1
        wanted = np.zeros((40, 60), int)
        wanted[whole.y : whole.bottom, whole.x : whole.right] = 1
        wanted[hole.y : hole.bottom, hole.x : hole.right] = 0
        np.testing.assert_array_equal(seen, wanted)


def rgb(canvas: Canvas) -> NDArray[np.uint8]:
    return canvas.pixels.view(np.uint8).reshape(canvas.height, canvas.width, 4)[:, :, 2::-1]


@settings(max_examples=30, deadline=None)
@given(FRAMES, st.integers(1, 30), st.integers(1, 30))
def test_canvas_is_the_scaled_frame_and_reports_what_changed(
    seed: int, height: int, width: int
) -> None:
    random = np.random.default_rng(seed)
    canvas = Canvas((100, 80), (height, width, 3))
    scale = min(100 // width, (80 - STRIP_HEIGHT) // height)
    shown = np.zeros_like(rgb(canvas))
    frame = random.integers(0, 256, (height, width, 3), np.uint8)
    for step in range(4):
        for rect in canvas.show(frame.copy(), f"step {step}"):
            part = np.s_[rect.y : rect.bottom, rect.x : rect.right]
            shown[part] = rgb(canvas)[part]
        np.testing.assert_array_equal(shown, rgb(canvas))
        y, x = (80 - STRIP_HEIGHT - height * scale) // 2, (100 - width * scale) // 2
        drawn = shown[y : y + height * scale, x : x + width * scale]
        np.testing.assert_array_equal(drawn, frame.repeat(scale, 0).repeat(scale, 1))
        frame[random.integers(height), random.integers(width)] ^= 3


def test_each_step_is_another_picture() -> None:
    canvas = Canvas((320, 200), (20, 20, 3))
    frame = np.zeros((20, 20, 3), np.uint8)
    pictures = set()
    for step in range(200):
        changed = canvas.show(frame, f" step {step}  reward 0")
        assert changed
        pictures.add(canvas.pixels.tobytes())
    assert len(pictures) == 200


def test_native_canvas_is_the_frame() -> None:
    canvas = Canvas(None, (21, 17, 3))
    frame = np.random.default_rng(1).integers(0, 256, (21, 17, 3), np.uint8)
    assert canvas.show(frame, "no strip") == [Rect(0, 0, 17, 21)]
    np.testing.assert_array_equal(rgb(canvas), frame)
    assert canvas.show(frame.copy(), "other text") == []


def test_frames_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        EnvironmentFailed, match=r"600x400 does not fit the 500x484 .*screen=.600, 416. or larger"
    ):
        Canvas((500, 500), (400, 600, 3))
    with pytest.raises(EnvironmentFailed, match="does not fit"):
        Canvas(None, (10, 10, 3)).show(np.zeros((10, 11, 3), np.uint8))


def test_views_cover_a_rectangle_with_the_same_pixels() -> None:
    canvas = Canvas((100, 80), (10, 10, 3))
    canvas.show(np.random.default_rng(2).integers(0, 256, (10, 10, 3), np.uint8), "text")
    for rect in (canvas.screen, Rect(26, 8, 12, 6), Rect(20, 0, 61, 79), Rect(30, 10, 7, 5)):
        drawn = np.zeros_like(canvas.pixels)
        for piece, view in canvas.views(rect):
            pixels = view.pixels.repeat(view.scale, 0).repeat(view.scale, 1)
            drawn[piece.y : piece.bottom, piece.x : piece.right] = pixels
        inside = np.s_[rect.y : rect.bottom, rect.x : rect.right]
        np.testing.assert_array_equal(drawn[inside], canvas.pixels[inside])


@settings(max_examples=60, deadline=None)
@given(FRAMES, st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_palette_numbers_mean_the_pixels(seed: int, counts: list[int]) -> None:
    random = np.random.default_rng(seed)
    palette = Palette()
    for count in counts:
        colours = random.integers(0, 1 << 24, count, np.uint32)
        pixels = colours[random.integers(0, count, (20, 30))]
        indexed = palette.index(pixels)
        distinct = len(np.unique(pixels))
        if indexed is None:
            # More than it can hold, or, rarely, colours whose hashes always meet.
            assert distinct > 100
        else:
            assert len(indexed.colours) == distinct
            np.testing.assert_array_equal(indexed.colours[indexed.indices], pixels)
