"""One environment's steps: when a row is due, and what goes into it.

Theory of operation. One STEP (or HOLD) entry is pending at a time; `answer` is called whenever something happened and publishes
its row when it is due. In which picture a row ends is decided by the episode's phase:

    RUNNING            the source's newest frame; the frozen terminal picture once the episode has ended in real time
    RESETTING, ENDED   with "mask" the newest row again, marked `resetting`; with "wait" nothing until the next episode's first picture
    fault              the newest row again, truncated, once

In step clock a STEP makes `frame_skip` environment steps first, each one a barrier out and a barrier and a reward back. The
first row of an episode shows its first picture and what is known of it: it takes no environment step, and rewards that came
meanwhile count for the next row. SAME_STEP keeps the end of an episode in `terminal` and a picture until the next episode's
first picture is there.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from posix.unistd cimport write

from cython_vnc.surface cimport Rect, repainted
from shm.atomic cimport load_acquire, monotonic_ns
from shm.layout cimport EMPTY, Record, record_at
from shm.row cimport row_arrive, row_claim, row_finish
from workers.entries cimport (
    AT, AWAIT_EPISODE, CHANGED, ENDED, HAS_FINAL, HOLD, INFO_ELSEWHERE, LETTERBOXED, NOW, PARTIAL, QUIET, RESET_FAILED, RUNNING,
)
from workers.episode cimport (
    Episode, Numbers, episode_over, episode_start_reset, info_into, info_range, numbers_into,
)
from workers.input cimport input_empty, input_release
from workers.mail cimport BROKEN, INFO_PUBLISHED, MAIL_LETTERS, RESET_WANTED, Mail, mail_post, mail_room, mail_waiting
from workers.publish cimport damaged, surface_shift
from workers.rows cimport (
    rows_final, rows_freeze, rows_frozen, rows_live, rows_pool, rows_repeat,
)
from workers.source cimport ScreenSource

cdef int64_t NEVER_NS = 0x7FFFFFFFFFFFFFFF

cdef enum:
    OVERDUE_NS = 500_000

cpdef enum Autoreset:
    NEXT_STEP = 0
    SAME_STEP = 1
    DISABLED = 2


cdef class Stepper:
    """Everything about steps that needs no descriptor; `HotLoop` feeds it."""

    cdef void tell(self, uint32_t kind, uint64_t number, int64_t episode) noexcept nogil:
        """Post a letter to the main thread. Should that be slow, infos are lost before anything else would be."""
        cdef uint64_t one = 1
        cdef Mail* mail = mail_room(self.to_main)
        if mail == NULL or (kind == INFO_PUBLISHED and mail_waiting(self.to_main) > MAIL_LETTERS // 2):
            return
        mail.kind = kind
        mail.number = number
        mail.episode = episode
        mail_post(self.to_main)
        write(self.main_bell, &one, sizeof(one))

    cdef void broke(self) noexcept nogil:
        """The source is broken: it is not touched again; the main thread says what that means (LOST)."""
        if self.usable:
            self.usable = False
            self.tell(BROKEN, 0, 0)

    cdef bint settled(self, ScreenSource source) noexcept nogil:
        """Bring its pixels up to date. False: it is broken, and they are not to be looked at."""
        if self.usable and not source.settle():
            self.broke()
        return self.usable

    cdef bint drain(self, ScreenSource source) noexcept nogil:
        """Take in what has arrived, up to its pixels. False: as `settled`."""
        if self.usable and source.descriptor >= 0 and not source.readable():
            self.broke()
        return self.settled(source)

    cdef void release(self, ScreenSource source) noexcept nogil:
        if self.usable and not (input_release(&self.input, source) and source.flush()):
            self.broke()

    cdef bint claim(self) noexcept nogil:
        """Claim the pending step's row; False when the trainer gave it up, and then the step is over."""
        if row_claim(&self.view, self.pending.entry.step, self.env):
            return True
        self.control.late_ticks += 1
        self.pending.active = False
        return False

    cdef Record* blank_record(self) noexcept nogil:
        cdef Record* record = record_at(&self.view, self.pending.entry.step, self.env)
        record.reward = record.final_reward = 0
        record.episode = record.final_episode = self.episode.now.episode
        record.reward_remote_ns = record.reward_arrival_ns = 0
        record.terminated = record.truncated = record.late = record.resetting = record.flags = record.fault = 0
        record.info_bytes = record.final_info_bytes = 0
        return record

    cdef void finish(self, ScreenSource source, Record* record) noexcept nogil:
        record.updates = source.updates
        record.due_ns = self.pending.entry.due_ns
        record.pixel_ns = source.pixel_ns
        record.server_ns = source.server_ns
        record.action_ns = self.input.sent_ns
        record.action = self.pending.entry.value
        if source.partial:
            record.flags |= PARTIAL
        if source.has_picture and (
            source.surface.width != self.rows.shown.screen_width or source.surface.height != self.rows.shown.screen_height
        ):
            record.flags |= LETTERBOXED
        record.published_ns = monotonic_ns()
        self.count_frames(source)
        self.pending.active = False
        row_finish(&self.view, self.pending.entry.step, self.env)
        row_arrive(&self.view, self.env)

    cdef void count_frames(self, ScreenSource source) noexcept nogil:
        """A row was published: see whether more than one frame came for it, and for the one before."""
        cdef bint crowding = source.frame >= self.row_frame + 2
        source.crowded = crowding and self.crowding
        self.crowding = crowding
        self.row_frame = source.frame

    # When is a row due?

    cdef void begin_step(self, ScreenSource source, int64_t now_ns) noexcept nogil:
        """`pending.entry` was just taken."""
        self.pending.active = True
        self.pending.began_ns = now_ns
        self.pending.events_sent_ns = 0
        self.input.acted_frame = source.frame
        self.pending.ahead_frame = self.row_frame
        self.pending.substeps_left = self.frame_skip
        self.pending.stepping = False
        self.pending.pooled = False
        if self.pending.entry.kind != HOLD and self.episode.phase == RUNNING:
            source.step_begins(self.pending.entry.step)

    cdef bint overdue(self, int64_t now_ns) noexcept nogil:
        """Whether a tick passed a while ago, as it does where processors are short: what was not read yet is for the next row."""
        return (
            self.pending.active and self.pending.entry.due == AT and not self.step_clock
            and self.episode.phase == RUNNING and not self.episode.first_row  # the others wait for a picture
            and self.pending.began_ns < self.pending.entry.due_ns < now_ns - OVERDUE_NS
        )

    cdef int64_t due_ns(self) noexcept nogil:
        """When to look at the pending step again if nothing happens until then."""
        cdef bint publishes = self.episode.phase == RUNNING or self.episode.phase == ENDED or self.masks()
        publishes = publishes or self.reset_failed()
        if not self.pending.active or not publishes or (
            self.episode.phase == RUNNING and not self.usable and not episode_over(&self.episode)
        ):
            # A letter or the socket brings it on.
            return NEVER_NS
        if self.pending.entry.due == QUIET and self.pending.events_sent_ns != 0:
            return min(self.pending.entry.due_ns, self.pending.quiet_since_ns + self.pending.entry.quiet_ns)
        if self.pending.entry.due == NOW:
            return NEVER_NS
        return self.pending.entry.due_ns

    cdef int64_t wanted_ns(self) noexcept nogil:
        """When the picture is wanted next: 0 where nobody knows better than at once, `NEVER_NS` before a step is asked for."""
        if not self.pending.active:
            return NEVER_NS
        if self.step_clock:
            return NEVER_NS if self.pending.substeps_left > 1 else 0
        return self.pending.entry.due_ns if self.pending.entry.due == AT else 0

    cdef bint masks(self) noexcept nogil:
        """Whether a row between episodes does not wait for the next one."""
        return self.mask and not self.pending.entry.flags & AWAIT_EPISODE

    cdef bint reset_failed(self) noexcept nogil:
        """Whether the row of a reset has to say that there is no new episode."""
        return self.episode.now.fault == RESET_FAILED and self.pending.entry.flags & AWAIT_EPISODE != 0

    cdef bint is_due(self, ScreenSource source, int64_t now_ns) noexcept nogil:
        cdef Rect region
        cdef int32_t shift_x, shift_y
        cdef Pending* pending = &self.pending
        if pending.entry.due == AT or (pending.entry.due != NOW and now_ns >= pending.entry.due_ns):
            return now_ns >= pending.entry.due_ns
        if not input_empty(&self.input):
            return False
        if pending.entry.due == NOW or self.episode.first_row or episode_over(&self.episode):
            return True
        if pending.events_sent_ns == 0:
            pending.events_sent_ns = pending.quiet_since_ns = now_ns
            pending.seen_frame = source.frame
        surface_shift(&source.surface, &self.rows.shown, &shift_x, &shift_y)
        region.x = pending.entry.x - shift_x
        region.y = pending.entry.y - shift_y
        region.width = pending.entry.width
        region.height = pending.entry.height
        if pending.entry.due == CHANGED:
            return damaged(&source.damage, &region, self.input.acted_frame)
        if source.frame != pending.seen_frame:
            if damaged(&source.damage, &region, pending.seen_frame):
                pending.quiet_since_ns = now_ns
            pending.seen_frame = source.frame
        return now_ns - pending.quiet_since_ns >= pending.entry.quiet_ns

    cdef bint stepped(self, ScreenSource source) noexcept nogil:
        """Step clock: whether the environment steps of this row are made; begins the next one if not."""
        cdef Pending* pending = &self.pending
        if not input_empty(&self.input):
            return False
        while True:
            if pending.stepping:
                if source.barrier_seen != self.environment_step or self.reward_seen != self.environment_step:
                    return False
                pending.stepping = False
                pending.substeps_left -= 1
            if pending.substeps_left == 0 or episode_over(&self.episode):
                return True
            if self.rows.pool.pixels != NULL and pending.substeps_left == 1 and self.frame_skip > 1:
                if not self.settled(source):
                    return False
                rows_pool(&self.rows, source)
                pending.pooled = True
            self.environment_step += 1
            pending.stepping = True
            if not (source.barrier(self.environment_step) and source.flush()):
                self.broke()
                return False

    # Between episodes.

    cdef void begin_picture(self, ScreenSource source) noexcept nogil:
        """The remote runs the next episode: wait for a picture that is later than that.

        What is on its way may be older. A fence that came back has everything older before it; a server without
        fences gets the benefit of what has arrived. Then the whole screen is asked for (in step clock the
        server sends the first picture before its fence reply).
        """
        if not self.usable or self.no_screen:
            return
        if source.fences:
            self.barriers += 1
            self.picture_barrier = (<uint64_t>1 << 63) | self.barriers
            self.fenced = True
            if not (source.barrier(self.picture_barrier) and source.flush()):
                self.broke()
        else:
            self.drain(source)
            self.ask_picture(source)

    cdef void ask_picture(self, ScreenSource source) noexcept nogil:
        self.fenced = False
        self.picture_frame = source.frame
        if self.usable and not (source.refresh() and source.flush()):
            self.broke()

    cdef void watch_picture(self, ScreenSource source) noexcept nogil:
        cdef bint there
        if not self.episode.awaits_picture or not self.usable:
            return
        if self.no_screen:
            there = True
        elif self.fenced:
            there = source.barrier_seen == self.picture_barrier
            if there and not self.step_clock:
                self.ask_picture(source)
                return
        else:
            there = source.has_picture and repainted(&source.damage, self.picture_frame)
        if there:
            self.episode.awaits_picture = False
            self.episode.phase = RUNNING
            self.episode.reset_id = 0

    cdef void freeze(self, ScreenSource source) noexcept nogil:
        """Keep the terminal picture of an episode that just ended: in real time the remote goes on by itself."""
        if not self.step_clock and not self.frozen and not self.no_screen:
            self.frozen = rows_freeze(&self.rows, source, self.drain(source), False)

    cdef void end_episode(self, ScreenSource source) noexcept nogil:
        """The end of the episode is published (or kept in `terminal`)."""
        cdef bint asks = not self.episode.remote_restarts or self.step_clock
        self.frozen = False
        self.release(source)
        if self.autoreset == DISABLED:
            self.episode.phase = ENDED
            return
        episode_start_reset(&self.episode, 0)
        if self.episode.awaits_picture:
            self.begin_picture(source)
        elif asks:
            self.tell(RESET_WANTED, 0, self.episode.now.episode)

    # Rows.

    cdef void answer(self, ScreenSource source, int64_t now_ns) noexcept nogil:
        """Publish the pending step's row if it is due."""
        cdef bint fault
        if load_acquire(&record_at(&self.view, self.pending.entry.step, self.env).state) != (
            self.pending.entry.step << 2 | <uint64_t>EMPTY
        ):
            self.claim()
        elif self.pending.entry.kind == HOLD:
            self.publish_masked(source, self.episode.phase != RUNNING)
        elif self.episode.phase == RUNNING:
            fault = self.episode.now.fault != 0
            if not self.usable and not episode_over(&self.episode):
                return
            if self.step_clock and not fault and not self.episode.first_row and not self.stepped(source):
                return
            if self.step_clock or self.is_due(source, now_ns):
                self.publish_running(source)
        elif self.episode.phase == ENDED or self.masks() or self.reset_failed():
            if self.pending.entry.due != AT or now_ns >= self.pending.entry.due_ns:
                self.publish_masked(source, True)

    cdef void publish_masked(self, ScreenSource source, bint resetting) noexcept nogil:
        """The newest row again: no step was made."""
        cdef Record* record
        if not self.claim():
            return
        record = self.blank_record()
        record.resetting = resetting
        record.fault = self.episode.now.fault if resetting else 0
        rows_repeat(&self.rows, self.pending.entry.step)
        self.finish(source, record)

    cdef void publish_running(self, ScreenSource source) noexcept nogil:
        cdef Record* record
        cdef Episode* episode = &self.episode
        cdef int64_t infos
        cdef bint over, good, fault = episode.now.fault != 0
        if not fault:
            good = self.settled(source) if self.step_clock or self.overdue(monotonic_ns()) else self.drain(source)
            if not good and not episode_over(episode):
                return
        if not episode.first_row and self.max_steps and episode.steps + 1 >= self.max_steps:
            episode.now.truncated = True
        over = episode_over(episode) and (not episode.first_row or fault)
        if over and self.autoreset == SAME_STEP and not self.has_terminal:
            if fault or not self.frozen:
                rows_freeze(&self.rows, source, not fault and self.settled(source), self.pending.pooled)
            self.terminal = episode.now
            self.has_terminal = True
            self.end_episode(source)
            if not self.masks():
                self.watch_picture(source)
                if episode.phase == RUNNING:
                    self.publish_running(source)
                return
        if not self.claim():
            return
        record = self.blank_record()
        if self.has_terminal:
            # What else has ended by now ends with a row of its own.
            self.has_terminal = over = False
            infos = info_range(&self.terminal)
            if self.rows.frozen != NULL:
                rows_final(&self.rows)
            if episode.phase == RUNNING or self.rows.frozen == NULL:
                rows_live(&self.rows, source, self.settled(source), self.pending.entry.step, False)
            else:
                rows_frozen(&self.rows, self.pending.entry.step)
            if self.terminal.info_bytes <= sizeof(record.final_info):
                record.final_info_bytes = self.terminal.info_bytes
                memcpy(record.final_info, self.terminal.info, self.terminal.info_bytes)
                self.terminal.info_bytes = 0
            numbers_into(&self.terminal, record)
            record.final_episode = record.episode
            record.final_reward = record.reward
            record.episode = episode.now.episode
            record.flags |= HAS_FINAL
            if episode.phase == RUNNING and episode.now.info_bytes <= sizeof(record.info):
                info_into(&episode.now, record)
            episode.first_row = False
        else:
            infos = info_range(&episode.now)
            if self.frozen:
                rows_frozen(&self.rows, self.pending.entry.step)
            else:
                good = not fault and self.settled(source)
                rows_live(&self.rows, source, good, self.pending.entry.step, self.pending.pooled)
            if episode.first_row and not fault:
                episode.first_row = False
                info_into(&episode.now, record)
            else:
                numbers_into(&episode.now, record)
                episode.steps += 1
        if record.flags & INFO_ELSEWHERE:
            self.tell(INFO_PUBLISHED, self.pending.entry.step, infos)
        self.finish(source, record)
        if over and episode.phase == RUNNING:
            self.end_episode(source)
