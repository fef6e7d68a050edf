"""A row always equals a full conversion of the screen, whatever its slot showed before."""

from typing import Any

import numpy as np
from fakes.hot_rig import HotRig, Picture, Screen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.entries import EntryKind
from workers.painter import Painter

WIDTH, HEIGHT = 100, 70


def centred(screen: Picture, width: int, height: int) -> Picture:
    """The obvious way: the screen in the middle of a black picture, what does not fit cut off."""
    row = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            shift_x = (width - screen.shape[1]) // 2
            shift_y = (height - screen.shape[0]) // 2
            if width < screen.shape[1]:
                shift_x = -((screen.shape[1] - width) // 2)
            if height < screen.shape[0]:
                shift_y = -((screen.shape[0] - height) // 2)
            if 0 <= y - shift_y < screen.shape[0] and 0 <= x - shift_x < screen.shape[1]:
                row[y, x] = screen[y - shift_y, x - shift_x]
    return row


OPERATION = st.one_of(
    st.tuples(
        st.just("paint"), st.integers(0, 2**20), st.integers(0, 99), st.integers(0, 69),
        st.integers(1, 60), st.integers(1, 60),
    ),
    st.tuples(st.just("burst"), st.integers(0, 2**20)),
    st.tuples(st.just("step")),
    st.tuples(st.just("step")),
    st.tuples(st.just("hold")),
    st.tuples(st.just("abandon")),
    st.tuples(st.just("resize"), st.sampled_from([(100, 70), (64, 38), (131, 70), (100, 200)])),
    st.tuples(st.just("reconnect")),
    st.tuples(st.just("restart")),
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=st.lists(OPERATION, max_size=40), slots=st.integers(2, 5))
def test_row_equals_full_conversion(
    operations: list[tuple[Any, ...]], slots: int, rigs: list[HotRig]
) -> None:
    rig = HotRig(WIDTH, HEIGHT, slots, autoreset="disabled")
    rigs.append(rig)
    episode = 1
    screen = Screen(WIDTH, HEIGHT)
    screen.paint_all(1)
    rig.connect(screen)
    rig.reset(episode, screen)
    shown = rig.picture().copy()
    for operation, *arguments in operations:
        if operation == "paint":
            seed, x, y, width, height = arguments
            x, y = x % screen.pixels.shape[1], y % screen.pixels.shape[0]
            width = min(width, screen.pixels.shape[1] - x)
            height = min(height, screen.pixels.shape[0] - y)
            colours = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
            screen.paint(x, y, colours)
        elif operation == "burst":
            # More rectangles than are remembered one by one.
            random = np.random.default_rng(*arguments)
            for _ in range(20):
                x, y = random.integers(0, screen.pixels.shape[1]), random.integers(0, 33)
                width = min(9, screen.pixels.shape[1] - x)
                screen.paint(int(x), int(y), random.integers(0, 256, (5, width, 3), np.uint8))
        elif operation == "resize":
            (size,) = arguments
            screen.resize(size[0], size[1], episode)
        elif operation == "hold":
            rig.step(kind=EntryKind.HOLD)
            assert np.array_equal(rig.picture(), shown)
        elif operation == "abandon":
            rig.now += 1
            rig.ring.open_step(rig.now)
            assert rig.ring.abandon(rig.now, 0)
            rig.ring.fill_abandoned(rig.now, 0)
            assert np.array_equal(rig.picture(), shown)
        elif operation == "step":
            rig.step()
            shown = rig.picture().copy()
            assert np.array_equal(shown, centred(screen.pixels, WIDTH, HEIGHT))
        else:
            if operation == "restart":
                rig.stop_worker()
                rig.start_worker()
            episode += 1
            screen = Screen(WIDTH, HEIGHT)
            screen.paint_all(episode)
            rig.connect(screen)
            rig.reset(episode, screen)
            shown = rig.picture().copy()
    rig.step()
    assert np.array_equal(rig.picture(), centred(screen.pixels, WIDTH, HEIGHT))
    rigs.remove(rig)
    rig.close()


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    width=st.sampled_from([90, 700]),
    rects=st.lists(
        st.tuples(
            st.integers(1, 9),
            st.integers(0, 699),
            st.integers(0, 39),
            st.integers(1, 700),
            st.integers(1, 40),
        ),
        max_size=20,
    ),
    since=st.integers(1, 9),
    channels=st.sampled_from([1, 3]),
    streams=st.booleans(),
    shift=st.integers(0, 3),
)
def test_just_what_was_painted_is_converted(
    seed: int,
    width: int,
    rects: list[tuple[int, int, int, int, int]],
    since: int,
    channels: int,
    streams: bool,
    shift: int,
) -> None:
    """Rectangles that overlap as they like; what none newer than `since` holds is left alone.

    Past the cache whole cache lines are written, which never reach 64 pixels further, or whole
    lines of the picture, where more than half of one was painted.
    """
    random = np.random.default_rng(seed)
    shape = (40, width, channels)
    picture = random.integers(0, 256, (40, width, 3), np.uint8)
    pixels = picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    painter = Painter(width, 40, channels, streams=streams)
    whole, row = (np.full(40 * width * channels + shift, 77, np.uint8)[shift:] for _ in range(2))
    tiles = np.zeros((3, -(-width // 16)), np.uint64)
    painter.publish(pixels, tiles, 0, whole)
    painted = [
        (frame, (x % width, y, min(wide, width - x % width), min(high, 40 - y)))
        for frame, x, y, wide, high in sorted(rects)
    ]
    painter.publish(pixels, tiles, since, row, painted=painted)
    changed = np.zeros((40, width), np.bool_)
    for frame, (x, y, wide, high) in painted:
        changed[y : y + high, x : x + wide] |= frame > since
    found, right = row.reshape(shape), whole.reshape(shape)
    assert np.array_equal(found[changed], right[changed])
    if len(painted) <= 16:
        alone = ~changed
        if streams and channels == 3:
            for further in range(1, 64):
                alone[:, further:] &= ~changed[:, :-further]
                alone[:, :-further] &= ~changed[:, further:]
            alone[2 * changed.sum(axis=1) > width] = False
        assert (found[alone] == 77).all()
        assert ((found == 77) | (found == right)).all()


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    desktop=st.sampled_from([(400, 24), (300, 30), (330, 20), (800, 40)]),
    crop=st.sampled_from([(0, 0, 400, 24), (3, 1, 390, 20), (33, 0, 161, 24), (200, 9, 200, 3)]),
    rects=st.lists(
        st.tuples(st.integers(0, 799), st.integers(0, 39), st.integers(1, 500), st.integers(1, 40)),
        max_size=18,
    ),
    shift=st.integers(0, 63),
)
def test_past_the_cache_no_byte_beside_what_is_shown_is_written(
    seed: int,
    desktop: tuple[int, int],
    crop: tuple[int, int, int, int],
    rects: list[tuple[int, int, int, int]],
    shift: int,
) -> None:
    """Desktops of any size, any part of them, wherever the row begins within a cache line."""
    random = np.random.default_rng(seed)
    width, height = desktop
    pixels = random.integers(0, 1 << 24, (height, width), np.uint32)
    tiles = np.zeros((-(-height // 16), -(-width // 16)), np.uint64)
    painter = Painter(*crop[2:], 3, (400, 24), crop, streams=True)
    size = crop[2] * crop[3] * 3
    memory, again = (np.full(size + 256, 77, np.uint8) for _ in range(2))
    row = memory[64 + shift :][:size]
    painter.publish(pixels, tiles, 0, row)
    painted = []
    for frame, (x, y, wide, high) in enumerate(rects, 2):
        x, y = x % width, y % height
        wide, high = min(wide, width - x), min(high, height - y)
        pixels[y : y + high, x : x + wide] = random.integers(0, 1 << 24, (high, wide))
        painted.append((frame, (x, y, wide, high)))
    painter.publish(pixels, tiles, 1, row, painted=painted)
    painter.publish(pixels, tiles, 0, again[64 + shift :][:size])
    assert np.array_equal(memory, again)
    assert (np.delete(memory, np.s_[64 + shift : 64 + shift + size]) == 77).all()
