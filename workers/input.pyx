"""Events on their way to the remote, and what is held there.

Events leave in the order in which they were queued, each not before its time. Programs that poll their keyboard miss a
press and release that come in one write: that is what the times are for (a tap lasts `tap_ms`).
What is held is released before a reset and at the end, so that no key stays down in a program that nobody drives.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from shm.layout cimport Entry
from workers.entries cimport KEY, POINTER
from workers.source cimport ScreenSource

cdef int64_t NEVER_NS = 0x7FFFFFFFFFFFFFFF


cdef bint input_full(const Input* events) noexcept nogil:
    return events.head - events.tail >= SCHEDULED_EVENTS


cdef bint input_empty(const Input* events) noexcept nogil:
    return events.head == events.tail


cdef void input_schedule(Input* events, const Entry* entry, int64_t at_ns) noexcept nogil:
    """Queue one event (not when full); never before those already queued."""
    cdef Scheduled* place = &events.events[events.head % SCHEDULED_EVENTS]
    if events.head != events.tail:
        at_ns = max(at_ns, events.events[(events.head - 1) % SCHEDULED_EVENTS].at_ns)
    place.at_ns = at_ns
    place.event = entry[0]
    events.head += 1


cdef int64_t input_next_ns(const Input* events) noexcept nogil:
    if events.head == events.tail:
        return NEVER_NS
    return events.events[events.tail % SCHEDULED_EVENTS].at_ns


cdef void hold(Input* events, uint32_t keysym, bint down) noexcept nogil:
    cdef int i
    for i in range(events.held_count):
        if events.held[i] == keysym:
            if not down:
                events.held_count -= 1
                events.held[i] = events.held[events.held_count]
            return
    if down and events.held_count < HELD_KEYS:
        events.held[events.held_count] = keysym
        events.held_count += 1


cdef bint input_send(Input* events, ScreenSource source, int64_t now_ns, int32_t shift_x, int32_t shift_y) noexcept nogil:
    """Send every event whose time has come. False: the source is broken.

    Positions are the observation's, in which the screen lies at (shift_x, shift_y); beside it, its nearest pixel is meant.
    """
    cdef Entry* event
    cdef bint alive = True
    while alive and events.head != events.tail and events.events[events.tail % SCHEDULED_EVENTS].at_ns <= now_ns:
        event = &events.events[events.tail % SCHEDULED_EVENTS].event
        if event.kind == KEY:
            hold(events, <uint32_t>event.argument, event.value != 0)
            alive = source.key(<uint32_t>event.argument, event.value != 0)
        else:
            events.buttons = <uint8_t>event.argument
            events.x = <uint16_t>max(0, min(<int32_t>event.x - shift_x, source.surface.width - 1))
            events.y = <uint16_t>max(0, min(<int32_t>event.y - shift_y, source.surface.height - 1))
            alive = source.pointer(events.x, events.y, events.buttons)
        if event.kind != KEY or event.value != 0:
            events.acted_frame = source.frame
        events.sent_ns = now_ns
        events.tail += 1
    return alive


cdef void input_drop(Input* events) noexcept nogil:
    """Forget what is scheduled."""
    events.tail = events.head


cdef bint input_release(Input* events, ScreenSource source) noexcept nogil:
    """Drop what is scheduled, release every key and button. False: the source is broken."""
    cdef bint alive = True
    events.tail = events.head
    while alive and events.held_count > 0:
        events.held_count -= 1
        alive = source.key(events.held[events.held_count], False)
    if alive and events.buttons != 0:
        alive = source.pointer(events.x, events.y, 0)
    events.buttons = 0
    return alive


cdef void input_forget(Input* events) noexcept nogil:
    """The connection is gone, and with it whatever was held over it."""
    events.tail = events.head
    events.held_count = 0
    events.buttons = 0
