"""What a row shows of the screen, from the session's description and the segment's sizes."""

from workers.area cimport area_new


cdef int observation_new(Observation* shown, int width, int height, int channels, screen, crop) except -1:
    """Describe rows of `width` x `height` x `channels`.

    Args:
        screen: (width, height), or () for the row's.
        crop: (x, y, width, height) of the screen, or () for all of it.

    Raises:
        ValueError: no such row can be made.
    """
    if channels != 1 and channels != 3:
        raise ValueError(f"a segment of {channels} channels, expected 3 (R, G, B) or 1 (grey)")
    shown.width, shown.height, shown.gray = width, height, channels == 1
    shown.screen_width, shown.screen_height = screen or (crop or (0, 0, width, height))[2:]
    shown.crop.x, shown.crop.y, shown.crop.width, shown.crop.height = crop or (
        0, 0, shown.screen_width, shown.screen_height
    )
    if not (
        0 <= shown.crop.x <= shown.screen_width - shown.crop.width
        and 0 <= shown.crop.y <= shown.screen_height - shown.crop.height
    ):
        raise ValueError(f"crop {tuple(crop)} leaves the {shown.screen_width}x{shown.screen_height} screen")
    if not (0 < width <= shown.crop.width and 0 < height <= shown.crop.height):
        raise ValueError(f"rows of {width}x{height}, expected at most {shown.crop.width}x{shown.crop.height}")
    shown.resized = width != shown.crop.width or height != shown.crop.height
    shown.small = shown.crop.width >= SMALL_PX * width and shown.crop.height >= SMALL_PX * height
    if shown.resized and not area_new(
        &shown.area, shown.crop.width, shown.crop.height, width, height, shown.gray
    ):
        raise MemoryError
    return 0
