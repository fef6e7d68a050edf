"""The other messages, from the server and to it; the memory that Python looks at."""

import struct

import numpy as np
import pytest
from fakes.clients import NewClient
from fakes.server_bytes import (
    BELL,
    END_OF_CONTINUOUS_UPDATES,
    FENCE_REQUEST,
    colour_map,
    cut_text,
    feed,
    feed_in_pieces,
    fence,
    raw,
    rectangle,
    update,
)

from cython_vnc.constants import Encoding
from cython_vnc.errors import ProtocolError
from cython_vnc.events import Bell, CutText, FenceReply, FramebufferUpdated
from cython_vnc.protocol import RFBProtocol


@pytest.fixture
def protocol(new_client: NewClient) -> RFBProtocol:
    return new_client(16, 16)


@pytest.mark.parametrize("piece_bytes", [1, 3, 1000])
def test_messages_come_in_order(protocol: RFBProtocol, piece_bytes: int) -> None:
    said = [
        BELL,
        cut_text(b"caf\xe9"),
        update(raw(0, 0, 1, 1)),
        colour_map(0, 7),
        BELL,
        cut_text(b""),
    ]
    events = feed_in_pieces(protocol, b"".join(said), piece_bytes)
    assert [type(event) for event in events] == [Bell, CutText, FramebufferUpdated, Bell, CutText]
    assert events[1] == CutText("café")
    assert events[4] == CutText("")
    assert protocol.newest_cut_text() == ""


def test_an_extended_clipboard_is_skipped_as_it_comes(protocol: RFBProtocol) -> None:
    assert feed(protocol, cut_text(bytes(1000), -1000) + BELL) == [Bell()]
    assert feed(protocol, cut_text(b"", -(16 << 20))) == []
    for _ in range(16):
        assert feed(protocol, bytes(1 << 20)) == []
    assert feed(protocol, BELL) == [Bell()]


class TestSubscription:
    """Updates are asked for, and continued, in parts of the screen."""

    @staticmethod
    def request(incremental: bool, *area: int) -> bytes:
        return struct.pack("!BBHHHH", 3, incremental, *area)

    def test_incremental_requests_are_confined(self, protocol: RFBProtocol) -> None:
        protocol.subscribe([(0, 0, 4, 5), (8, 9, 100, 100), (40, 0, 1, 1)])
        protocol.write_update_request()
        assert protocol.data_to_send() == self.request(True, 0, 0, 16, 16)
        feed(protocol, update(raw(0, 0, 16, 16)))
        assert protocol.has_picture
        protocol.write_update_request()
        # Clipped to the screen; what lies outside of it is not asked for.
        assert protocol.data_to_send() == self.request(True, 0, 0, 4, 5) + self.request(
            True, 8, 9, 8, 7
        )
        protocol.write_update_request(incremental=False)
        assert protocol.data_to_send() == self.request(False, 0, 0, 16, 16)
        protocol.subscribe([])
        protocol.write_update_request()
        assert protocol.data_to_send() == self.request(True, 0, 0, 16, 16)

    def test_the_whole_screen_is_asked_for_until_it_has_come(self, protocol: RFBProtocol) -> None:
        protocol.subscribe([(0, 0, 4, 5)])
        feed(protocol, update(raw(0, 0, 16, 16)))
        protocol.write_update_request(incremental=False)
        # Servers spend a request on a change of size, or on none, before they paint.
        feed(protocol, update(rectangle(0, 0, 16, 16, Encoding.DESKTOP_SIZE)))
        protocol.data_to_send()
        protocol.write_update_request()
        assert protocol.data_to_send() == self.request(True, 0, 0, 16, 16)
        feed(protocol, update(raw(0, 0, 16, 16)))
        protocol.write_update_request()
        assert protocol.data_to_send() == self.request(True, 0, 0, 4, 5)

    @pytest.mark.parametrize(
        "rectangles", [[(0, 0, 1, 1)] * 17, [(-1, 0, 1, 1)], [(0, 0, 0, 1)], [(0, 0, 1, 1 << 16)]]
    )
    def test_no_rectangles(
        self, protocol: RFBProtocol, rectangles: list[tuple[int, int, int, int]]
    ) -> None:
        with pytest.raises(ValueError, match="rectangle"):
            protocol.subscribe(rectangles)


class TestFence:
    """(rfbproto, "ServerFence")"""

    def test_a_request_is_answered_at_once(self, protocol: RFBProtocol) -> None:
        assert not protocol.fence_supported
        assert feed_in_pieces(protocol, fence(FENCE_REQUEST | 0xFF, b"payload"), 1) == []
        assert protocol.data_to_send() == fence(7, b"payload")
        assert protocol.fence_supported

    def test_the_longest_payload(self, protocol: RFBProtocol) -> None:
        feed(protocol, fence(FENCE_REQUEST, bytes(range(64))))
        assert protocol.data_to_send() == fence(0, bytes(range(64)))

    def test_replies_to_ours(self, protocol: RFBProtocol) -> None:
        feed(protocol, fence(FENCE_REQUEST))
        protocol.data_to_send()
        protocol.write_fence(b"\0\0\0\0\0\0\1\2", 1)
        assert protocol.data_to_send() == fence(FENCE_REQUEST | 1, b"\0\0\0\0\0\0\1\2")
        assert feed(protocol, fence(1, b"\x80\0\0\0\0\0\1\2")) == [FenceReply(1 << 63 | 0x102)]
        assert (protocol.fence_reply, protocol.fence_replies) == (1 << 63 | 0x102, 1)
        assert feed(protocol, fence(0, b"other")) == []
        assert protocol.fence_replies == 1

    def test_needs_a_server_that_knows_it(self, protocol: RFBProtocol) -> None:
        with pytest.raises(ValueError, match="has not shown"):
            protocol.write_fence(b"", 0)
        feed(protocol, fence(FENCE_REQUEST))
        with pytest.raises(ValueError, match="65 bytes"):
            protocol.write_fence(bytes(65), 0)


class TestContinuousUpdates:
    """(rfbproto, "EnableContinuousUpdates")"""

    def test_are_announced_enabled_and_disabled(self, protocol: RFBProtocol) -> None:
        with pytest.raises(ValueError, match="has not shown"):
            protocol.write_enable_continuous(True)
        feed(protocol, END_OF_CONTINUOUS_UPDATES)
        assert (protocol.continuous_supported, protocol.continuous_enabled) == (True, False)
        protocol.write_enable_continuous(True)
        assert protocol.continuous_enabled
        assert protocol.data_to_send() == b"\x96\x01\0\0\0\0\x00\x10\x00\x10"
        protocol.write_enable_continuous(False)
        assert not protocol.continuous_enabled
        feed(protocol, END_OF_CONTINUOUS_UPDATES)
        assert not protocol.continuous_enabled

    def test_a_late_answer_does_not_end_what_was_enabled_again(self, protocol: RFBProtocol) -> None:
        feed(protocol, END_OF_CONTINUOUS_UPDATES)
        for enable in (True, False, True):
            protocol.write_enable_continuous(enable)
        feed(protocol, END_OF_CONTINUOUS_UPDATES)
        assert protocol.continuous_enabled
        feed(protocol, END_OF_CONTINUOUS_UPDATES)
        assert not protocol.continuous_enabled


class TestClientMessages:
    """RFC 6143 section 7.5."""

    def test_start(self, protocol: RFBProtocol) -> None:
        protocol.start([Encoding.TIGHT, -1, 0])
        pixel_format = bytes([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0])
        assert protocol.data_to_send() == (
            b"\0\0\0\0"
            + pixel_format
            + struct.pack(">BxH3i", 2, 3, 7, -1, 0)
            + b"\x03\0\0\0\0\0\0\x10\0\x10"
        )
        assert protocol.data_to_send() == b""

    @pytest.mark.parametrize("count", [0, 257])
    def test_start_takes_1_to_256_encodings(self, protocol: RFBProtocol, count: int) -> None:
        with pytest.raises(ValueError, match=f"{count} encodings"):
            protocol.start([0] * count)

    def test_keys(self, protocol: RFBProtocol) -> None:
        protocol.write_key_event(0xFF0D, True)
        protocol.write_key_event(0x010020AC, False)
        assert protocol.data_to_send() == b"\x04\x01\0\0\0\0\xff\x0d" + b"\x04\0\0\0\x01\0\x20\xac"

    def test_key_codes_need_a_server_that_takes_them(self, protocol: RFBProtocol) -> None:
        with pytest.raises(ValueError, match="only keysyms"):
            protocol.write_key_event(0x61, True, 30)
        feed(protocol, update(rectangle(0, 0, 0, 0, Encoding.QEMU_EXTENDED_KEY)))
        protocol.write_key_event(0x61, True, 30)
        assert protocol.data_to_send() == b"\xff\0\0\x01\0\0\0\x61\0\0\0\x1e"

    def test_pointer(self, protocol: RFBProtocol) -> None:
        protocol.write_pointer_event(15, 3, 0b101)
        assert protocol.data_to_send() == b"\x05\x05\0\x0f\0\x03"
        assert protocol.pointer_position == (15, 3)

    @pytest.mark.parametrize("place", [(16, 0), (0, 16), (-1, 0), (0, -1)])
    def test_the_pointer_stays_inside(self, protocol: RFBProtocol, place: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="leaves the 16x16 framebuffer"):
            protocol.write_pointer_event(*place)

    def test_requests(self, protocol: RFBProtocol) -> None:
        protocol.write_update_request()
        protocol.write_update_request(incremental=False)
        assert protocol.data_to_send() == b"\x03\x01\0\0\0\0\0\x10\0\x10\x03\0\0\0\0\0\0\x10\0\x10"

    def test_cut_text(self, protocol: RFBProtocol) -> None:
        protocol.write_cut_text("é!")
        assert protocol.data_to_send() == b"\x06\0\0\0\0\0\0\x02\xe9!"
        with pytest.raises(ValueError, match="latin-1"):
            protocol.write_cut_text("€")

    def test_a_server_that_reads_nothing_is_given_up(self, protocol: RFBProtocol) -> None:
        most = -(-(1 << 20) // 6)
        for _ in range(most):
            protocol.write_pointer_event(1, 1)
        with pytest.raises(ProtocolError, match="reads none"):
            protocol.write_pointer_event(1, 1)
        assert len(protocol.data_to_send()) == 6 * most


class TestMemory:
    """Views outlive what they view."""

    def test_the_picture_is_read_only(self, protocol: RFBProtocol) -> None:
        view = protocol.picture()
        assert (view.readonly, view.shape, view.format) == (True, (16, 16, 4), "B")
        assert not np.asarray(view).flags.writeable

    def test_rows_are_padded(self, new_client: NewClient) -> None:
        view = new_client(17, 3).picture()
        assert (view.shape, view.strides) == ((3, 17, 4), (128, 4, 1))
        assert len(view.tobytes()) == 3 * 17 * 4

    def test_room_survives_growth(self, protocol: RFBProtocol) -> None:
        first = protocol.get_buffer(10)
        first[:4] = update(count=1)
        protocol.buffer_updated(4)
        rooms = [protocol.get_buffer(1 << bits) for bits in range(10, 23)]
        for room in (first, *rooms):
            room[-1] = 1
        last = protocol.get_buffer(12 + 4)
        last[:16] = raw(0, 0, 1, 1)
        assert [type(event) for event in protocol.buffer_updated(16)] == [FramebufferUpdated]
        first[0] = 9

    def test_room_is_at_least_what_was_asked_for(self, protocol: RFBProtocol) -> None:
        assert len(protocol.get_buffer()) >= 1 << 18
        assert len(protocol.get_buffer(1 << 20)) >= 1 << 20

    @pytest.mark.parametrize("count", [-1, 1 << 40])
    def test_more_than_the_room_is_refused(self, protocol: RFBProtocol, count: int) -> None:
        protocol.get_buffer()
        with pytest.raises(ValueError, match="bytes received into a buffer"):
            protocol.buffer_updated(count)

    def test_close(self, protocol: RFBProtocol) -> None:
        feed(protocol, update(raw(0, 0, 16, 16)))
        view = protocol.picture()
        protocol.close()
        protocol.close()
        assert np.asarray(view)[0, 0, 0] == 1
        for call in (protocol.picture, protocol.get_buffer, protocol.write_update_request):
            with pytest.raises(ValueError, match="closed"):
                call()
        with pytest.raises(ValueError, match="closed"):
            protocol.buffer_updated(0)
        assert protocol.data_to_send() == b""
