"""What the RFB server paints: encodings, JPEG, regions and formats, as another viewer sees."""

import struct

import numpy as np
import pytest
from fakes.rfb_desk import canvas_rgb, desk, frame, noise, run
from numpy.typing import NDArray
from reference.small_viewer import RAW, TIGHT, ZLIB, SmallViewer

from envserver.runtimes.gym_core.changes import Rect
from envserver.runtimes.gym_core.pixels import PixelFormat


@pytest.mark.parametrize("encoding", [RAW, ZLIB, TIGHT])
@pytest.mark.parametrize("colours", [1, 2, 3, 16, 255, 400])
def test_updates_show_the_canvas(encoding: int, colours: int) -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(encoding)
            for turn in range(5):
                viewer.request()
                update = await viewer.update()
                assert {rect[4] for rect in update.rects} == {encoding}
                np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))
                one.show(frame(turn + 1, colours), f"turn {turn}")

    run(test())


def test_only_what_changed_is_sent() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(TIGHT)
            viewer.request()
            await viewer.update()
            changed = frame(0).copy()
            changed[5:7, 10:13] ^= 255
            one.show(changed, "first")
            viewer.request()
            update = await viewer.update()
            # Scale 3, and the game's corner at (41, 5).
            assert [rect[:4] for rect in update.rects] == [(41 + 30, 5 + 15, 9, 6)]
            np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))

    run(test())


def test_first_preferred_known_encoding_is_used() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(16, 5, ZLIB, TIGHT, RAW, -239)
            viewer.request()
            assert {rect[4] for rect in (await viewer.update()).rects} == {ZLIB}

    run(test())


@pytest.mark.parametrize(
    ("wishes", "mode", "worst"),
    [((-412,), "RGB", 12), ((-412, -768), "RGB", 6), ((-23,), "RGB", 6), ((-412, -765), "L", 200)],
)
def test_noise_is_sent_as_jpeg_where_quality_is_wished(
    wishes: tuple[int, ...], mode: str, worst: int
) -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(TIGHT, *wishes)
            # Smooth, so that sharing chroma among pixels loses little.
            ramp = np.arange(1200, dtype=np.uint16).reshape(30, 40, 1)
            one.show((ramp // (5, 7, 9)).astype(np.uint8), "jpeg")
            viewer.request()
            update = await viewer.update()
            assert f"jpeg {mode}" in update.kinds
            lost = np.abs(viewer.picture.astype(int) - canvas_rgb(one.canvas))
            assert lost.max() <= worst

    run(test())


def test_lower_quality_is_smaller() -> None:
    async def test() -> None:
        async with desk() as one:
            sizes = []
            one.show(noise(1))
            for wish in (-512 + 5, -512 + 50, -512 + 95):
                viewer = await one.connect()
                viewer.set_encodings(TIGHT, wish)
                viewer.request()
                viewer.fence(b"end")
                sizes.append(len(await viewer.reader.readuntil(b"\x03end")))
            assert sizes[0] < sizes[1] < sizes[2]

    run(test())


def test_region_requests_get_their_region_only() -> None:
    async def test() -> None:
        async with desk() as one:
            viewer = await one.connect()
            viewer.set_encodings(TIGHT)
            viewer.request(rect=(50, 20, 31, 17))
            update = await viewer.update()
            region = Rect(50, 20, 31, 17)
            assert all(region.covers(Rect(*rect[:4])) for rect in update.rects)
            inside = (slice(20, 37), slice(50, 81))
            np.testing.assert_array_equal(viewer.picture[inside], canvas_rgb(one.canvas)[inside])
            viewer.request()
            await viewer.update()
            np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))

    run(test())


@pytest.mark.parametrize(
    ("pixel_format", "encoding"),
    [
        (PixelFormat(16, 16, False, (31, 63, 31), (11, 5, 0)), RAW),
        (PixelFormat(16, 15, True, (31, 31, 31), (10, 5, 0)), ZLIB),
        (PixelFormat(8, 8, False, (7, 7, 3), (0, 3, 6)), RAW),
        (PixelFormat(32, 24, True, (255, 255, 255), (0, 8, 16)), RAW),
        (PixelFormat(32, 24, False, (255, 255, 255), (0, 8, 16)), TIGHT),
    ],
)
def test_other_pixel_formats(pixel_format: PixelFormat, encoding: int) -> None:
    async def test() -> None:
        async with desk() as one:
            one.show(noise(5))
            viewer = await one.connect()
            viewer.writer.write(b"\0\0\0\0" + pixel_format.pack())
            viewer.set_encodings(encoding)
            viewer.request()
            if encoding == TIGHT:
                # TPIXEL is R, G, B whatever the shifts are.
                await viewer.update()
                np.testing.assert_array_equal(viewer.picture, canvas_rgb(one.canvas))
            else:
                got = await _picture(viewer, pixel_format, encoding)
                steps = np.array(pixel_format.maxima)
                wanted = (canvas_rgb(one.canvas).astype(int) * steps + 127) // 255
                np.testing.assert_array_equal(got, wanted)

    run(test())


async def _picture(
    viewer: SmallViewer, pixel_format: PixelFormat, encoding: int
) -> NDArray[np.int64]:
    """The channels of one update of the whole screen in a format of few bytes."""
    head = await viewer.reader.readexactly(16)
    width, height = struct.unpack(">HH", head[8:12])
    size = width * height * pixel_format.bytes_per_pixel
    if encoding == ZLIB:
        (packed,) = struct.unpack(">I", await viewer.reader.readexactly(4))
        raw = viewer._zlib.decompress(await viewer.reader.readexactly(packed))
    else:
        raw = await viewer.reader.readexactly(size)
    order = ">" if pixel_format.big_endian else "<"
    pixels = np.frombuffer(raw, f"{order}u{pixel_format.bytes_per_pixel}").astype(np.int64)
    channels = zip(pixel_format.shifts, pixel_format.maxima, strict=True)
    return np.stack([pixels >> shift & top for shift, top in channels], -1).reshape(
        height, width, 3
    )
