"""Which encodings to ask a server for, in which order."""

from collections.abc import Sequence

from .constants import Encoding

PICTURES = {
    "tight": Encoding.TIGHT,
    "zrle": Encoding.ZRLE,
    "hextile": Encoding.HEXTILE,
    "zlib": Encoding.ZLIB,
    "rre": Encoding.RRE,
    "raw": Encoding.RAW,
}
NOT_ASKED = -1
LEVELS = {
    "quality_level": (9, Encoding.QUALITY_LEVEL_0),
    "compress_level": (9, Encoding.COMPRESS_LEVEL_0),
    "fine_quality_level": (100, Encoding.FINE_QUALITY_0),
    "subsample_level": (5, Encoding.SUBSAMPLE_1X),
}
"""The highest of each level, and the encoding that asks for level 0."""
OPTIONS: dict[str, Sequence[str] | range] = {
    "encoding": tuple(PICTURES),
    **{name: range(NOT_ASKED, most + 1) for name, (most, _) in LEVELS.items()},
}
"""What a user may choose, and among what: the first arguments of `encodings_for`."""


def encodings_for(
    encoding: str = "tight",
    quality_level: int = NOT_ASKED,
    compress_level: int = NOT_ASKED,
    fine_quality_level: int = NOT_ASKED,
    subsample_level: int = NOT_ASKED,
    *,
    fence: bool = True,
    continuous: bool = True,
    cursor: bool = True,
    timestamp: bool = True,
    resize: bool = True,
    clipboard: bool = True,
) -> list[int]:
    """List encodings for SetEncodings, the preferred first (RFC 6143 section 7.5.2).

    Args:
        encoding: "tight", "zrle", "hextile", "zlib", "rre" or "raw"; a server without it takes
            the next of them.
        quality_level: 0 (smallest) to 9, of JPEG in Tight. -1, like in the other levels, asks for
            none; without a quality, coarse or fine, Tight stays lossless.
        compress_level: 0 to 9, of zlib.
        fine_quality_level: 0 to 100, percent of JPEG quality; goes before `quality_level`.
        subsample_level: 0 to 5, chroma of JPEG: 0 is full, 1 is 4:2:0, 2 is 4:2:2, 3 is gray,
            4 and 5 keep one sample of 8 and 16 (rfbproto, "JPEG Subsampling Level").
        cursor: let the server send the pointer's shape instead of drawing it.
        timestamp: ask for the time at which updates were sent.
        resize: follow a desktop that changes its size.
        clipboard: exchange any text that is cut, not latin-1 alone.

    Raises:
        ValueError: an unknown encoding, or a level out of its range; the message names it.
    """
    if encoding not in PICTURES:
        raise ValueError(f"encoding is {encoding!r}, expected one of {', '.join(PICTURES)}")
    fallbacks = [] if encoding == "raw" else [e for e in PICTURES.values() if e != Encoding.RAW]
    wanted = [PICTURES[encoding], Encoding.COPYRECT, *fallbacks, Encoding.RAW]
    asked: list[int] = list(dict.fromkeys(wanted))
    levels = (quality_level, compress_level, fine_quality_level, subsample_level)
    for (name, (most, base)), level in zip(LEVELS.items(), levels, strict=True):
        if not NOT_ASKED <= level <= most:
            raise ValueError(f"{name} is {level}, expected 0 to {most}, or -1 to ask for none")
        if level != NOT_ASKED:
            asked.append(base + level)
    asked.append(Encoding.LAST_RECT)
    if resize:
        asked += [Encoding.EXTENDED_DESKTOP_SIZE, Encoding.DESKTOP_SIZE]
    if cursor:
        asked.append(Encoding.CURSOR)
    if fence or continuous:
        # Continuous updates need fences (rfbproto, "ContinuousUpdates Pseudo-encoding").
        asked.append(Encoding.FENCE)
    if continuous:
        asked.append(Encoding.CONTINUOUS_UPDATES)
    asked.append(Encoding.QEMU_EXTENDED_KEY)
    if clipboard:
        asked.append(Encoding.EXTENDED_CLIPBOARD)
    if timestamp:
        asked.append(Encoding.TIMESTAMP)
    return [int(number) for number in asked]
