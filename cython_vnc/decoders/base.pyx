"""The Python face of `Status`, and its words."""

_TEXTS = {
    Status.OK: "nothing is wrong",
    Status.TRUNCATED: "the payload ends inside a field",
    Status.TRAILING: "bytes are left over at the end of the payload",
    Status.OUT_OF_BOUNDS: "a subrectangle, run or copy source leaves its bounds",
    Status.BAD_ZLIB: "the zlib stream is corrupt, ends, or needs a dictionary",
    Status.SHORT_ZLIB: "the zlib data inflates to fewer bytes than the rectangle needs",
    Status.LONG_ZLIB: "the zlib data inflates to more bytes than the rectangle needs",
    Status.BAD_JPEG: "the JPEG is corrupt, not RGB or gray, or not of the rectangle's size",
    Status.BAD_PALETTE: "a palette has a size that is not allowed, or an index points beyond it",
    Status.BAD_SUBENCODING: "a control byte, filter or subencoding does not exist or lacks its color",
    Status.TOO_LARGE: "a length or count is beyond any sensible limit",
    Status.NO_MEMORY: "there is no memory for it",
    Status.BAD_MESSAGE: "the message breaks the protocol",
    Status.UNKNOWN_ENCODING: "the encoding was never asked for",
}


def status_text(status):
    return _TEXTS[Status(status)]
