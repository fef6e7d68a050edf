"""The words for what `RFBProtocol.parse` found wrong."""

from .constants import Breach, Encoding, Limit
from .decoders.base import Status
from .errors import DecodeError, ProtocolError, RFBError

DECODING = {
    Status.TRUNCATED: "ends inside a field",
    Status.TRAILING: "has bytes left over",
    Status.OUT_OF_BOUNDS: "has a part, run or copy source outside of it",
    Status.BAD_ZLIB: "has a corrupt zlib stream",
    Status.SHORT_ZLIB: "inflates to fewer bytes than it needs",
    Status.LONG_ZLIB: "inflates to more bytes than it needs",
    Status.BAD_JPEG: "has a corrupt JPEG image, or one of another size",
    Status.BAD_PALETTE: "has a palette of a wrong size, or an index beyond it",
    Status.BAD_SUBENCODING: "has a control byte that does not exist",
    Status.TOO_LARGE: "says a length beyond any sensible limit",
}

NAMES = {encoding.value: encoding.name.lower().replace("_", " ") for encoding in Encoding}


def encoding_name(encoding: int) -> str:
    """In lower case: "tight", "desktop size", or "encoding 1234"."""
    return NAMES.get(encoding, f"encoding {encoding}")


def error_of(
    status: int,
    breach: int,
    encoding: int,
    rectangle: tuple[int, int, int, int],
    value: int,
    framebuffer: tuple[int, int],
) -> RFBError:
    """The exception for a Status that is not OK."""
    x, y, width, height = rectangle
    rect = f"{encoding_name(encoding)}: rectangle {width}x{height}+{x}+{y}"
    match breach:
        case Breach.RECTANGLE_OUTSIDE:
            return DecodeError(f"{rect} leaves the {framebuffer[0]}x{framebuffer[1]} framebuffer")
        case Breach.FRAMEBUFFER_SIZE:
            return ProtocolError(
                f"the server resizes its framebuffer to {width}x{height}, which is not accepted"
            )
        case Breach.CURSOR_SIZE:
            limit = int(Limit.MAX_CURSOR_PX)
            return ProtocolError(
                f"cursor: shape of {width}x{height}, at most {limit}x{limit} is accepted"
            )
        case Breach.NAME_LENGTH:
            return ProtocolError(_too_long("desktop name", value, Limit.MAX_NAME_BYTES))
        case Breach.MESSAGE_TYPE:
            return ProtocolError(f"server message of type {value} is not known")
        case Breach.CUT_TEXT_LENGTH:
            return ProtocolError(_too_long("server cut text", value, Limit.MAX_CUT_TEXT_BYTES))
        case Breach.FENCE_LENGTH:
            return ProtocolError(_too_long("fence payload", value, Limit.MAX_FENCE_BYTES))
        case Breach.READS_NOTHING:
            return ProtocolError(
                f"the server asks for answers and reads none: {value} bytes wait to be sent"
            )
    if status == Status.UNKNOWN_ENCODING:
        return ProtocolError(f"rectangle {width}x{height}+{x}+{y} has unknown encoding {encoding}")
    if status == Status.NO_MEMORY:
        return ProtocolError("out of memory for what the server sends")
    return DecodeError(f"{rect} {DECODING[Status(status)]}")


def _too_long(what: str, found_bytes: int, most_bytes: int) -> str:
    return f"{what} of {found_bytes} bytes, at most {int(most_bytes)} are accepted"
