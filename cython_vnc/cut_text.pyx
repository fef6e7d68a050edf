"""Keeps the newest text that a server cut, and answers what it asks about ours. What is in a text, `clipboard.py` knows.

A server announces an extended clipboard, and is told that we take texts unasked. One that only notifies us is asked at once.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from cython_vnc.buffer cimport Bytes, bytes_free, bytes_live, bytes_reserve, put_bytes
from cython_vnc.client_messages cimport put_clipboard, put_clipboard_caps, put_message
from cython_vnc.constants cimport Clipboard, Limit
from cython_vnc.decoders.base cimport NO_MEMORY, OK, Status
from cython_vnc.wire cimport Cursor, left, take_u32

cdef enum:
    FLAGS_BYTES = 4


cdef Status replace(Bytes* kept, const uint8_t* data, Py_ssize_t count) noexcept nogil:
    kept.start = kept.end = 0
    if count > 0:
        if bytes_reserve(kept, count) == NULL:
            return NO_MEMORY
        put_bytes(kept, data, count)
    return OK


cdef Status keep(CutText* cut, const uint8_t* data, Py_ssize_t count, bint packed) noexcept nogil:
    cut.texts += 1
    cut.packed = packed
    cut.too_long = count > Limit.MAX_KEPT_TEXT_BYTES
    return replace(&cut.newest, data, 0 if cut.too_long else count)


cdef Status cut_text_take(CutText* cut, Cursor* cursor, int64_t length, Bytes* out, Py_ssize_t* taken) noexcept nogil:
    cdef Py_ssize_t whole = <Py_ssize_t>(length if length >= 0 else -length)
    cdef bint kept = whole <= Limit.MAX_KEPT_TEXT_BYTES
    cdef uint32_t flags
    taken[0] = CUT_TEXT_WAITS
    if left(cursor) < (whole if kept else min(whole, <Py_ssize_t>FLAGS_BYTES)):
        return OK
    taken[0] = whole if kept else 0
    if length >= 0:
        return keep(cut, cursor.at, whole, False)
    if whole < FLAGS_BYTES:
        return OK
    flags = take_u32(cursor)
    if flags & Clipboard.CAPS:
        cut.caps = flags
        cut.most_unasked_bytes = take_u32(cursor) if flags & Clipboard.TEXT and kept and whole >= 2 * FLAGS_BYTES else 0
        return put_clipboard_caps(out)
    if flags & Clipboard.PEEK:
        return put_clipboard(out, Clipboard.NOTIFY | (Clipboard.TEXT if bytes_live(&cut.offered) > 0 else 0))
    if not flags & Clipboard.TEXT:
        return OK
    if flags & Clipboard.PROVIDE:
        return keep(cut, cursor.at, whole - FLAGS_BYTES if kept else whole, True)
    if flags & Clipboard.NOTIFY:
        return put_clipboard(out, Clipboard.REQUEST | Clipboard.TEXT)
    if flags & Clipboard.REQUEST:
        return put_message(out, cut.offered.data + cut.offered.start, bytes_live(&cut.offered))
    return OK


cdef Status cut_text_offer(CutText* cut, const uint8_t* message, Py_ssize_t message_bytes) noexcept nogil:
    return replace(&cut.offered, message, message_bytes)


cdef void cut_text_free(CutText* cut) noexcept nogil:
    bytes_free(&cut.newest)
    bytes_free(&cut.offered)
