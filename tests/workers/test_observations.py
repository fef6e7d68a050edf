"""Cropped, resized and grey rows: what OpenCV makes of the same picture, whatever changed when."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from fakes.hot_rig import HotRig, Picture, Screen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.entries import EntryKind, Flag, Phase
from workers.mail import Letter
from workers.painter import Painter

TILE_PX = 16
SCREEN = (100, 70)
SHOWN: list[dict[str, Any]] = [
    {"row": (33, 40, 1)},
    {"row": (33, 40, 3)},
    {"row": (70, 100, 1)},
    {"row": (35, 25, 3)},
    {"row": (20, 64, 3), "crop": (7, 9, 64, 20)},
    {"row": (48, 61, 1), "crop": (30, 2, 70, 51)},
    {"row": (1, 1, 3), "crop": (99, 69, 1, 1)},
    {"row": (3, 80, 1), "crop": (20, 0, 80, 70)},
]


def expected(picture: Picture, row: tuple[int, int, int]) -> Picture:
    """OpenCV's opinion of a picture (h, w, 3), RGB: grey first, then the mean of areas."""
    height, width, channels = row
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if channels == 1 else picture
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8).reshape(row)


def close(one: Picture, other: Picture) -> bool:
    """Equal within one level on every pixel."""
    return bool(np.abs(one.astype(np.int16) - other.astype(np.int16)).max() <= 1)


def packed(picture: Picture) -> Any:
    """R << 16 | G << 8 | B, with rubbish where nothing has to be."""
    red, green, blue = (picture[..., channel].astype(np.uint32) for channel in range(3))
    return np.uint32(0xA5000000) | red << 16 | green << 8 | blue


def tiles(picture: Picture) -> Any:
    height, width = picture.shape[:2]
    return np.zeros((-(-height // TILE_PX), -(-width // TILE_PX)), np.uint64)


def painted(painter: Painter, picture: Picture, row: tuple[int, int, int]) -> Picture:
    """The whole picture as a row that showed nothing."""
    made = np.full(row, 77, np.uint8)
    painter.publish(packed(picture), tiles(picture), 0, made.reshape(-1))
    return made


PICTURES: dict[str, Callable[[Any, tuple[int, ...]], Picture]] = {
    "noise": lambda random, shape: random.integers(0, 256, shape, np.uint8),
    "checkers": lambda random, shape: random.integers(0, 2, shape, np.uint8) * 255,
    "white": lambda _, shape: np.full(shape, 255, np.uint8),
    "colours": lambda random, shape: np.broadcast_to(random.integers(0, 256, 3, np.uint8), shape),
}


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    kind=st.sampled_from(sorted(PICTURES)),
    source=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    part=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    channels=st.sampled_from([1, 3]),
    vectors=st.booleans(),
)
def test_any_factor_is_opencvs_within_a_level(
    seed: int,
    kind: str,
    source: tuple[int, int],
    part: tuple[float, float],
    channels: int,
    vectors: bool,
) -> None:
    height, width = (max(1, round(side * of)) for side, of in zip(source, part, strict=True))
    picture = np.ascontiguousarray(PICTURES[kind](np.random.default_rng(seed), (*source, 3)))
    row = (height, width, channels)
    painter = Painter(width, height, channels, source[::-1], vectors=vectors)
    found = painted(painter, picture, row)
    assert close(found, expected(picture, row))
    if channels == 1:
        colours = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        after = cv2.cvtColor(colours.reshape(height, width, 3), cv2.COLOR_RGB2GRAY)
        assert close(found[..., 0], np.asarray(after, np.uint8))


@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("source", "row"),
    [((768, 1024), (84, 84)), ((1500, 5), (2, 5)), ((3, 4000), (3, 1)), ((129, 40), (1, 20))],
)
def test_many_lines_and_columns_add_up(
    source: tuple[int, int], row: tuple[int, int], channels: int, vectors: bool
) -> None:
    """White is the largest sum there is, and must stay white."""
    painter = Painter(row[1], row[0], channels, source[::-1], vectors=vectors)
    white = np.full((*source, 3), 255, np.uint8)
    assert (painted(painter, white, (*row, channels)) == 255).all()
    noise = np.random.default_rng(1).integers(0, 256, (*source, 3), np.uint8)
    assert close(painted(painter, noise, (*row, channels)), expected(noise, (*row, channels)))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    shown=st.sampled_from(SHOWN),
    desktop=st.sampled_from([SCREEN, (130, 70), (64, 33), (100, 200), (15, 300), (1, 1)]),
    damage=st.lists(
        st.tuples(st.integers(0, 299), st.integers(0, 299), st.integers(1, 40), st.integers(1, 40)),
        max_size=4,
    ),
    vectors=st.booleans(),
)
def test_repainted_in_parts_equals_painted_at_once(
    seed: int,
    shown: dict[str, Any],
    desktop: tuple[int, int],
    damage: list[tuple[int, int, int, int]],
    vectors: bool,
) -> None:
    """Byte by byte, and what no damage touches is left alone."""
    random = np.random.default_rng(seed)
    width, height = desktop
    picture = random.integers(0, 256, (height, width, 3), np.uint8)
    row_height, row_width, channels = shown["row"]
    painter = Painter(
        row_width, row_height, channels, SCREEN, shown.get("crop", ()), vectors=vectors
    )
    row = painted(painter, picture, shown["row"])
    changed_at = tiles(picture)
    for x, y, damage_width, damage_height in damage:
        left, top = x % width, y % height
        part = picture[top : top + damage_height, left : left + damage_width]
        part[...] = random.integers(0, 256, part.shape, np.uint8)
        right, bottom = left + part.shape[1] - 1, top + part.shape[0] - 1
        changed_at[
            top // TILE_PX : bottom // TILE_PX + 1, left // TILE_PX : right // TILE_PX + 1
        ] = 2
    before = row.copy()
    painter.publish(packed(picture), changed_at, 2, row.reshape(-1))
    assert np.array_equal(row, before)
    painter.publish(packed(picture), changed_at, 1, row.reshape(-1))
    assert np.array_equal(row, painted(painter, picture, shown["row"]))


@pytest.mark.parametrize("shift", [0, 3])
def test_rows_past_the_cache_are_the_same(shift: int) -> None:
    """Whatever the alignment of the row, and where the damage ends within a line."""
    picture = np.random.default_rng(4).integers(0, 256, (40, 1100, 3), np.uint8)
    made = np.zeros(picture.size + shift, np.uint8)[shift:]
    painter = Painter(1100, 40, 3, streams=True)
    painter.publish(packed(picture), tiles(picture), 0, made)
    assert np.array_equal(made.reshape(picture.shape), picture)
    changed_at = tiles(picture)
    changed_at[1, 3:60] = 5
    changed = picture.copy()
    changed[16:32, 48:960] = 255 - changed[16:32, 48:960]
    painter.publish(packed(changed), changed_at, 4, made)
    assert np.array_equal(made.reshape(picture.shape), changed)


def test_padding_of_lines_is_not_shown() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    padded = np.concatenate([picture, np.full((40, 14, 3), 255, np.uint8)], axis=1)
    row = np.zeros((20, 20, 3), np.uint8)
    Painter(20, 20, 3, (50, 40)).publish(packed(padded), tiles(picture), 0, row.reshape(-1), 50)
    assert close(row, expected(picture, row.shape))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((8, 8, 2), "a segment of 2 channels"),
        ((8, 8, 3, (8, 7)), "rows of 8x8, expected at most 8x7"),
        ((8, 8, 3, (20, 20), (13, 0, 8, 8)), "leaves the 20x20 screen"),
        ((8, 8, 3, (20, 20), (0, -1, 8, 8)), "leaves the 20x20 screen"),
        ((8, 8, 3, (20, 20), (0, 0, 7, 8)), "rows of 8x8, expected at most 7x8"),
    ],
)
def test_rows_that_cannot_be(arguments: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Painter(*arguments)


def letterboxed(screen: Picture) -> Picture:
    """The desktop in the middle of the session's screen, by padding and cutting."""
    width, height = SCREEN
    found = screen
    for axis, side in ((0, height), (1, width)):
        room = side - found.shape[axis]
        if room >= 0:
            around = [(0, 0)] * 3
            around[axis] = (room // 2, room - room // 2)
            found = np.pad(found, around)
        else:
            found = np.take(found, range(-room // 2, -room // 2 + side), axis=axis)
    return found


def full_conversion(screen: Picture, shown: dict[str, Any]) -> Picture:
    x, y, width, height = shown.get("crop", (0, 0, *SCREEN))
    cut = np.ascontiguousarray(letterboxed(screen)[y : y + height, x : x + width])
    return expected(cut, shown["row"])


OPERATION = st.one_of(
    st.tuples(
        st.just("paint"), st.integers(0, 2**20), st.integers(0, 99), st.integers(0, 69),
        st.integers(1, 60), st.integers(1, 60),
    ),
    st.tuples(st.just("step")),
    st.tuples(st.just("step")),
    st.tuples(st.just("hold")),
    st.tuples(st.just("resize"), st.sampled_from([(100, 70), (64, 33), (131, 70), (100, 200)])),
    st.tuples(st.just("reconnect")),
    st.tuples(st.just("restart")),
)  # fmt: skip


def shown_rig(shown: dict[str, Any], slots: int, **config: Any) -> HotRig:
    height, width, channels = shown["row"]
    crop = {"crop": shown["crop"]} if "crop" in shown else {}
    return HotRig(width, height, slots, channels, screen=SCREEN, **crop, **config)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    operations=st.lists(OPERATION, max_size=30),
    slots=st.integers(2, 4),
    shown=st.sampled_from(SHOWN),
)
def test_row_equals_full_conversion(
    operations: list[tuple[Any, ...]], slots: int, shown: dict[str, Any], rigs: list[HotRig]
) -> None:
    rig = shown_rig(shown, slots, autoreset="disabled")
    rigs.append(rig)
    episode = 1
    screen = Screen(*SCREEN)
    screen.paint_all(1)
    rig.connect(screen)
    rig.reset(episode, screen)
    for operation, *arguments in operations:
        if operation == "paint":
            seed, x, y, width, height = arguments
            x, y = x % screen.pixels.shape[1], y % screen.pixels.shape[0]
            width = min(width, screen.pixels.shape[1] - x)
            height = min(height, screen.pixels.shape[0] - y)
            random = np.random.default_rng(seed)
            screen.paint(x, y, random.integers(0, 256, (height, width, 3), np.uint8))
        elif operation == "resize":
            width, height = arguments[0]
            screen.resize(width, height, episode)
        elif operation == "hold":
            before = rig.picture().copy()
            rig.step(kind=EntryKind.HOLD)
            assert np.array_equal(rig.picture(), before)
        elif operation == "step":
            record = rig.step()
            assert close(rig.picture(), full_conversion(screen.pixels, shown))
            other_size = screen.pixels.shape[1::-1] != SCREEN
            assert bool(record["flags"] & Flag.LETTERBOXED) == other_size
        else:
            if operation == "restart":
                rig.stop_worker()
                rig.start_worker()
            episode += 1
            screen = Screen(*SCREEN)
            screen.paint_all(episode)
            rig.connect(screen)
            rig.reset(episode, screen)
    rig.step()
    assert close(rig.picture(), full_conversion(screen.pixels, shown))
    rigs.remove(rig)
    rig.close()


@pytest.mark.parametrize("shown", SHOWN)
def test_final_observation_has_the_shape_of_a_row(shown: dict[str, Any], rigs: Any) -> None:
    rig = shown_rig(shown, 3, autoreset="same_step")
    rigs.append(rig)
    screen = Screen(*SCREEN)
    screen.paint_all(1)
    rig.connect(screen)
    rig.reset(1, screen)
    terminal = screen.pixels.copy()
    assert rig.hot.post_reward(Letter.REWARD, 0, 1, 1.0, True, False, 0, b"", 0)
    step = rig.ask()
    rig.until(lambda: rig.ring.control(0)["phase"] == Phase.RESETTING)
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    rig.first_picture(screen, 9)
    assert rig.answer(step)["flags"] & Flag.HAS_FINAL
    assert close(rig.ring.spare(0), full_conversion(terminal, shown))
    assert close(rig.picture(), full_conversion(screen.pixels, shown))


@pytest.mark.parametrize("shown", SHOWN)
def test_maximum_is_taken_before_the_resize(shown: dict[str, Any], rigs: Any) -> None:
    """As Gymnasium's AtariPreprocessing: grey, then the larger of two frames, then the resize."""
    rig = shown_rig(shown, 3, autoreset="disabled", clock="step", frame_skip=2, max_pool=True)
    rigs.append(rig)
    screen = Screen(*SCREEN, fences=True)
    screen.paint_all(1)
    rig.connect(screen)
    rig.resets += 1
    rig.put(EntryKind.RESET, step=rig.resets)
    step = rig.ask()
    assert rig.letter(Letter.RESET_WANTED)[0] == rig.resets
    assert rig.hot.post(Letter.RUNNING, rig.resets, 1)
    screen.answer_fence(next_fence(screen))
    rig.answer(step)
    for seed in (2, 4):
        frames = []
        step = rig.ask()
        for frame in (0, 1):
            fence = next_fence(screen)
            random = np.random.default_rng(seed + frame)
            screen.paint(10, 5, random.integers(0, 256, (60, 70, 3), np.uint8))
            frames.append(screen.pixels.copy())
            number = int.from_bytes(fence, "big")
            assert rig.hot.post_reward(Letter.REWARD, number, 1, 0.0, False, False, 0, b"", 0)
            screen.answer_fence(fence)
        rig.answer(step)
        if shown["row"][2] == 1:
            grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None] for frame in frames]
            frames = [np.asarray(frame, np.uint8).repeat(3, axis=-1) for frame in grey]
        pooled = np.maximum(*frames)
        assert close(rig.picture(), full_conversion(pooled, shown))


def next_fence(screen: Screen) -> bytes:
    while True:
        kind, payload = screen.hear()
        if kind == "fence":
            return bytes(payload)
