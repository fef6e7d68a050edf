"""What a server is asked for."""

import pytest

from cython_vnc.constants import Encoding
from cython_vnc.encodings import PICTURES, encodings_for


@pytest.mark.parametrize("name", PICTURES)
def test_the_preferred_comes_first_and_raw_last(name: str) -> None:
    asked = encodings_for(name)
    assert asked[:2] == [PICTURES[name], Encoding.COPYRECT]
    pictures = [encoding for encoding in asked if encoding >= 0]
    assert pictures[-1] == Encoding.RAW or name == "raw"
    assert len(set(asked)) == len(asked)


def test_raw_is_raw() -> None:
    assert [encoding for encoding in encodings_for("raw") if encoding >= 0] == [0, 1]


def test_no_level_is_asked_for_unless_given() -> None:
    levels = {*range(-32, -22), *range(-256, -246), *range(-512, -411), *range(-768, -762)}
    assert not levels & set(encodings_for("tight"))


@pytest.mark.parametrize(
    ("argument", "level", "number"),
    [
        ("quality_level", 0, -32),
        ("quality_level", 9, -23),
        ("compress_level", 0, -256),
        ("compress_level", 9, -247),
        ("fine_quality_level", 0, -512),
        ("fine_quality_level", 100, -412),
        ("subsample_level", 0, -768),
        ("subsample_level", 5, -763),
    ],
)
def test_levels(argument: str, level: int, number: int) -> None:
    assert set(encodings_for(**{argument: level})) - set(encodings_for()) == {number}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "level", "most"),
    [
        ("quality_level", 10, 9),
        ("compress_level", -2, 9),
        ("fine_quality_level", 101, 100),
        ("subsample_level", 6, 5),
    ],
)
def test_levels_out_of_range(argument: str, level: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"^{argument} is {level}, expected 0 to {most}"):
        encodings_for(**{argument: level})  # type: ignore[arg-type]


def test_an_unknown_encoding() -> None:
    with pytest.raises(ValueError, match="'jpeg', expected one of tight, zrle"):
        encodings_for("jpeg")


def test_extensions_can_be_left_out() -> None:
    extensions = {"fence", "continuous", "cursor", "timestamp", "resize", "clipboard"}
    bare = encodings_for(**dict.fromkeys(extensions, False))  # type: ignore[arg-type]
    assert {encoding for encoding in bare if encoding < 0} == {
        Encoding.LAST_RECT,
        Encoding.QEMU_EXTENDED_KEY,
    }
    assert set(encodings_for()) - set(bare) == {
        Encoding.FENCE,
        Encoding.CONTINUOUS_UPDATES,
        Encoding.CURSOR,
        Encoding.TIMESTAMP,
        Encoding.DESKTOP_SIZE,
        Encoding.EXTENDED_DESKTOP_SIZE,
        Encoding.EXTENDED_CLIPBOARD,
    }
    # Continuous updates need fences.
    assert Encoding.FENCE in encodings_for(fence=False)
