"""The space of many pictures beside the Box that it stands for."""

import tracemalloc

import gymnasium
import numpy as np

from envserver.spaces import PictureSpace

SHAPE = (3, 4, 5, 3)


def test_it_is_the_box() -> None:
    ours, box = PictureSpace(SHAPE), gymnasium.spaces.Box(0, 255, SHAPE, np.uint8)
    assert ours == box
    assert box == ours
    assert repr(ours) == repr(box)
    assert ours.is_bounded()
    for name in ("low", "high", "bounded_below", "bounded_above"):
        found, expected = getattr(ours, name), getattr(box, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    ours.seed(5)
    box.seed(5)
    sample = ours.sample()
    np.testing.assert_array_equal(sample, box.sample())
    assert ours.contains(sample)
    assert not ours.contains(sample[0])


def test_it_takes_no_memory() -> None:
    tracemalloc.start()
    space = PictureSpace((256, 768, 1024, 3))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert space.shape == (256, 768, 1024, 3)
    assert peak_bytes < 1 << 20
