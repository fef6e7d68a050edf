"""Numbers of the protocol (RFC 6143; rfbproto for the extensions) and the limits we set; `constants.pyx` makes them importable."""

cpdef enum Encoding:
    RAW = 0
    COPYRECT = 1
    RRE = 2
    HEXTILE = 5
    ZLIB = 6
    TIGHT = 7
    ZRLE = 16
    # Pseudo-encodings. QUALITY_LEVEL_0 + q, COMPRESS_LEVEL_0 + c, FINE_QUALITY_0 + percent, SUBSAMPLE_1X + s.
    QUALITY_LEVEL_0 = -32
    DESKTOP_SIZE = -223
    LAST_RECT = -224
    CURSOR = -239
    COMPRESS_LEVEL_0 = -256
    QEMU_EXTENDED_KEY = -258
    LED_STATE = -261
    DESKTOP_NAME = -307
    EXTENDED_DESKTOP_SIZE = -308
    FENCE = -312
    CONTINUOUS_UPDATES = -313
    FINE_QUALITY_0 = -512
    SUBSAMPLE_1X = -768
    EXTENDED_CLIPBOARD = -1063131698
    # Ours: a rectangle without payload whose position and size are CLOCK_MONOTONIC nanoseconds (see ARCHITECTURE.md).
    TIMESTAMP = -1162760788

cpdef enum ServerMessage:
    FRAMEBUFFER_UPDATE = 0
    SET_COLOUR_MAP_ENTRIES = 1
    BELL = 2
    SERVER_CUT_TEXT = 3
    END_OF_CONTINUOUS_UPDATES = 150
    SERVER_FENCE = 248

cpdef enum ClientMessage:
    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    FRAMEBUFFER_UPDATE_REQUEST = 3
    KEY_EVENT = 4
    POINTER_EVENT = 5
    CLIENT_CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    CLIENT_FENCE = 248
    QEMU_CLIENT = 255

cpdef enum SecurityType:
    INVALID = 0
    NONE = 1
    VNC_AUTHENTICATION = 2

cpdef enum FenceFlag:
    BLOCK_BEFORE = 1
    BLOCK_AFTER = 2
    SYNC_NEXT = 4

cpdef enum Clipboard:
    # Flags of a message (rfbproto, "Extended Clipboard"): the format, and what is said about it.
    TEXT = 1
    CAPS = 1 << 24
    REQUEST = 1 << 25
    PEEK = 1 << 26
    NOTIFY = 1 << 27
    PROVIDE = 1 << 28

cpdef enum Limit:
    # What we accept from a server, whatever the protocol allows.
    MAX_WIDTH_PX = 16384
    MAX_HEIGHT_PX = 16384
    MAX_AREA_PX = 1 << 26
    MAX_UPDATE_BYTES = 8 << 20      # a longer FramebufferUpdate is decoded as it comes
    MAX_CUT_TEXT_BYTES = 16 << 20
    MAX_TEXT_BYTES = 1 << 20        # of UTF-8: longer cut texts are dropped
    MAX_KEPT_TEXT_BYTES = (1 << 20) + (1 << 12)  # as it comes, what zlib adds included
    MAX_NAME_BYTES = 1 << 16
    MAX_REASON_BYTES = 1 << 16
    MAX_FENCE_BYTES = 64
    MAX_CURSOR_PX = 512             # of its width, and of its height
    MAX_OUTBOUND_BYTES = 1 << 20    # waiting to be sent: a server that floods us and reads nothing

cpdef enum Breach:
    # How the server broke the protocol where no decoder's Status says it; `failures.py` has the words.
    NO_BREACH = 0
    RECTANGLE_OUTSIDE = 1
    FRAMEBUFFER_SIZE = 2
    CURSOR_SIZE = 3
    NAME_LENGTH = 4
    MESSAGE_TYPE = 5
    CUT_TEXT_LENGTH = 6
    FENCE_LENGTH = 7
    READS_NOTHING = 8

cdef enum:
    FENCE_REQUEST = 0x80000000
