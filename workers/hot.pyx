"""The hot thread of a worker: it alone touches the screen source, the rows and the queue. [I/O]

Theory of operation. One loop without the GIL sleeps in ppoll on two descriptors: the source's socket and the doorbell, which
the trainer rings, and the main thread for its letters. After each wake it handles letters, queue entries, scheduled events and
the pending step, in this order, until nothing is left to do now; then it sleeps until the next time something is due, 250 ms at
most (the heartbeat). A row that is due waits a little for rewards that are in the rewarder's socket already, so that what was
sent in time is not shown a row later because the main thread had not read it. The main thread connects and speaks with the
rewarder; the two share only the mailboxes. To use another source the main thread hands it over by `switch`: the loop returns,
takes the GIL once, and goes on with the new one.
"""

import os

from libc.errno cimport errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from posix.unistd cimport read, write

from shm.atomic cimport load_acquire, monotonic_ns, store_release
from shm.layout cimport INFO_BYTES, Control, Entry, control_at
from shm.row cimport queue_peek, queue_take
from shm.view cimport Mapping
from workers.ahead cimport ahead_write
from workers.entries cimport AT, FAULTY, HOLD, KEY, POINTER, RESET, STEP
from workers.entries cimport ENDED as ENDED_PHASE, RESETTING as RESETTING_PHASE, RUNNING as RUNNING_PHASE, STARTING
from workers.episode cimport episode_lost, episode_over, episode_reward, episode_runs, episode_start_reset
from workers.input cimport input_drop, input_empty, input_forget, input_full, input_next_ns, input_schedule, input_send
from workers.mail cimport (
    COPIED, EXCHANGE, EXCHANGED, LOST, PICTURE, READY, REMOTE_RESETS, RESET_WANTED, REWARD, RUNNING, STOP, SWITCH,
    Mail, Mailbox, mail_peek, mail_post, mail_room, mail_take,
)
from workers.observation cimport observation_new
from workers.publish cimport surface_shift
from workers.rows cimport rows_find_newest, rows_free, rows_pools, rows_switch
from workers.source cimport ScreenSource

from workers.messages import WorkerConfig
from workers.stepper import Autoreset


cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    struct timespec:
        long tv_sec
        long tv_nsec
    int ppoll(pollfd* descriptors, unsigned long count, const timespec* timeout, const void* signals)
    const short POLLIN
    const short POLLOUT

cdef enum:
    SWITCHED = 1
    STOPPED = 2
    HEARTBEAT_NS = 250_000_000
    LOOK_AGAIN_NS = 50_000
    AT_ONCE_NS = 1_000_000
    # So many bytes of rows (4 environments of 1024x768 in 2 slots), and the framebuffers, push each other out of most caches.
    STREAMED_BYTES = 16 << 20

PATIENCE_NS = 1_500_000

cdef int64_t NEVER_NS = 0x7FFFFFFFFFFFFFFF


cdef class HotLoop(Stepper):
    """The steps of one environment."""

    def __cinit__(self, Mapping mapping, uint32_t env, int doorbell, config: WorkerConfig):
        self.mapping = mapping
        self.view = mapping.view
        self.env = env
        self.control = control_at(&self.view, env)
        self.doorbell = doorbell
        self.rewarder = -1
        self.step_clock = config.clock == "step"
        self.mask = config.while_resetting == "mask"
        self.no_screen = self.usable = config.source == "rfb" and config.vnc_port == 0
        self.start_episode = config.start_episode
        self.exact = config.exact
        self.autoreset = Autoreset[config.autoreset.upper()]
        self.max_steps = config.max_episode_steps
        self.frame_skip = config.frame_skip if self.step_clock else 1
        observation_new(
            &self.rows.shown, self.view.header.width, self.view.header.height, self.view.header.channels,
            config.screen, config.crop
        )
        self.rows.shown.streams = self.view.header.slots * self.view.header.pixels_slot_stride >= STREAMED_BYTES
        if self.step_clock and config.max_pool and not rows_pools(&self.rows):
            raise MemoryError
        self.to_hot = <Mailbox*>calloc(1, sizeof(Mailbox))
        self.to_main = <Mailbox*>calloc(1, sizeof(Mailbox))
        if self.to_hot == NULL or self.to_main == NULL:
            raise MemoryError
        self.main_bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.rows.view = &self.view
        self.rows.env = env
        self.rows.generation = config.generation
        rows_find_newest(&self.rows)
        self.episode.now.episode = self.control.episode if config.generation > 1 else -1
        self.episode.next.episode = -1

    def __dealloc__(self):
        rows_free(&self.rows)
        free(self.to_hot)
        free(self.to_main)

    # The main thread's side.

    @property
    def screen(self) -> tuple[int, int]:
        """Width and height of the session's screen."""
        return self.rows.shown.screen_width, self.rows.shown.screen_height

    @property
    def last_episode(self) -> int:
        """The number that the remote's episodes must exceed."""
        return self.control.episode

    def post(self, kind: int, number: int = 0, episode: int = -1) -> bool:
        """Post a letter to the hot thread; False when its mailbox is full."""
        return self.post_reward(kind, number, episode, 0.0, False, False, 0, b"", 0)

    def post_reward(self, kind: int, number: int, episode: int, reward: float, terminated: bool, truncated: bool,
                    remote_ns: int, info: bytes, info_number: int, info_replaces: int = 0) -> bool:
        """Post a letter with a reward; False when the mailbox is full."""
        cdef uint64_t one = 1
        cdef Mail* mail = mail_room(self.to_hot)
        cdef const uint8_t* info_data = info
        if mail == NULL:
            return False
        mail.kind = kind
        mail.number = number
        mail.episode = episode
        mail.reward = reward
        mail.terminated = terminated
        mail.truncated = truncated
        mail.remote_ns = remote_ns
        mail.arrival_ns = monotonic_ns()
        mail.info_number = info_number
        mail.info_replaces = info_replaces
        if len(info) <= INFO_BYTES:
            mail.info_bytes = <uint16_t>len(info)
            memcpy(mail.info, info_data, mail.info_bytes)
        else:
            mail.info_bytes = 0xFFFF
        mail_post(self.to_hot)
        write(self.doorbell, &one, sizeof(one))
        return True

    def watch_rewarder(self, descriptor: int, patience_ns: int = PATIENCE_NS) -> None:
        """Say where rewards come from; -1, before the socket is closed: nowhere.

        Args:
            patience_ns: how long a row that is due waits for what has arrived there.
        """
        self.patience_ns = patience_ns
        self.rewarder = descriptor

    def reads_rewarder(self, reads: bool) -> None:
        """Say whether there are messages that were taken from that socket and not posted yet."""
        store_release(&self.main_reads, 1 if reads else 0)

    def switch(self, source: ScreenSource) -> bool:
        """Make the loop use another source; the old one's socket may be closed once this source was used."""
        self.next_source = source
        return self.post(SWITCH)

    def letters(self) -> list[tuple[int, int, int]]:
        """Take what the hot thread posted: (kind, number, episode) each."""
        cdef Mail* mail
        taken: list[tuple[int, int, int]] = []
        while True:
            mail = mail_peek(self.to_main)
            if mail == NULL:
                return taken
            taken.append((mail.kind, mail.number, mail.episode))
            mail_take(self.to_main)

    def run(self, source: ScreenSource) -> None:
        """Serve steps until STOP; the body of the hot thread."""
        cdef ScreenSource current = source
        cdef int outcome
        while True:
            if not self.exact:
                current.shown_as(self.rows.shown.gray and self.rows.pool.pixels == NULL, self.rows.shown.small)
            with nogil:
                outcome = self.loop(current)
            if outcome == STOPPED:
                return
            rows_switch(&self.rows, current.frame)
            current = self.next_source
            self.usable = True
            self.picture_told = False
            self.texts_told = 0
            self.environment_step = self.reward_seen = 0
            input_forget(&self.input)
            if self.episode.awaits_picture:
                self.begin_picture(current)

    # The hot thread's side.

    cdef int loop(self, ScreenSource source) noexcept nogil:
        cdef int outcome
        cdef int32_t shift_x, shift_y
        cdef int64_t now_ns
        cdef bint arrived, was_pending
        while True:
            now_ns = monotonic_ns()
            was_pending = self.pending.active
            arrived = self.reward_arrived()  # before the mail is read: what was posted since is then in it
            outcome = self.read_mail(source)
            if outcome != 0:
                return outcome
            self.watch_picture(source)
            self.take_entries(source, now_ns)
            if self.usable and not input_empty(&self.input) and input_next_ns(&self.input) <= now_ns:
                surface_shift(&source.surface, &self.rows.shown, &shift_x, &shift_y)
                if not (input_send(&self.input, source, now_ns, shift_x, shift_y) and (self.sleeps_next(now_ns) or source.flush())):
                    self.broke()
            if self.rewarder >= 0 and self.pending.active and not was_pending:
                continue  # a step that is due already waits for rewards like any other
            if self.pending.active and not arrived:
                self.state_phase(now_ns)  # who has the row of a new episode is to see that it runs
                self.answer(source, now_ns)
                if not self.pending.active and queue_peek(&self.view, self.env) != NULL:
                    continue
            self.state(source, now_ns)
            if not self.wait(source, now_ns + LOOK_AGAIN_NS if arrived else self.next_wake(source, now_ns)):
                self.broke()

    cdef bint reward_arrived(self) noexcept nogil:
        """Whether a row is due now, and a message is there that the main thread has not posted."""
        cdef pollfd polled
        cdef timespec at_once
        cdef int64_t late_ns
        if self.rewarder < 0 or not self.pending.active or self.pending.entry.due != AT:
            return False
        if self.episode.phase != RUNNING_PHASE or self.pending.entry.kind != STEP:
            return False
        late_ns = monotonic_ns() - self.pending.entry.due_ns
        if late_ns < 0 or late_ns >= self.patience_ns:
            return False
        if load_acquire(&self.main_reads) != 0:
            return True
        polled.fd = self.rewarder
        polled.events = POLLIN
        at_once.tv_sec = at_once.tv_nsec = 0
        return ppoll(&polled, 1, &at_once, NULL) > 0

    cdef bint sleeps_next(self, int64_t now_ns) noexcept nogil:
        """Whether nothing is to be done before `wait` sends what was queued, with what `pace` has to say."""
        return self.pending.active and self.pending.entry.due == AT and now_ns < self.pending.entry.due_ns - AT_ONCE_NS

    cdef bint wait(self, ScreenSource source, int64_t until_ns) noexcept nogil:
        """Send what is queued, sleep until something happens or `until_ns`, take in what was received. False: the source broke."""
        cdef pollfd polled[2]
        cdef timespec timeout
        cdef uint64_t count
        cdef int64_t left_ns, now_ns = monotonic_ns()
        cdef bint alive = not self.usable or source.flush()
        if alive and self.usable and ahead_write(self, source, now_ns):
            now_ns = monotonic_ns()
        polled[0].fd = source.descriptor if self.usable and alive else -1
        polled[0].events = POLLIN | POLLOUT if source.wants_write else POLLIN
        polled[1].fd = self.doorbell
        polled[1].events = POLLIN
        polled[0].revents = polled[1].revents = 0
        left_ns = max(until_ns - now_ns, 0)
        timeout.tv_sec = left_ns // 1_000_000_000
        timeout.tv_nsec = left_ns % 1_000_000_000
        if ppoll(polled, 2, &timeout, NULL) <= 0:
            return alive
        if polled[1].revents:
            read(self.doorbell, &count, sizeof(count))
        if polled[0].revents & POLLOUT and not source.flush():
            return False
        if polled[0].revents & ~POLLOUT and not self.overdue(monotonic_ns()) and not source.readable():
            return False
        return alive

    cdef int64_t next_wake(self, ScreenSource source, int64_t now_ns) noexcept nogil:
        cdef int64_t wake_ns = min(now_ns + HEARTBEAT_NS, self.due_ns())
        source.wanted_ns = self.wanted_ns()
        if self.usable:
            wake_ns = min(wake_ns, source.pace(now_ns))
            wake_ns = min(wake_ns, input_next_ns(&self.input))
        return wake_ns

    cdef void state_phase(self, int64_t now_ns) noexcept nogil:
        cdef uint32_t phase = self.episode.phase
        if phase == RESETTING_PHASE and not self.usable:
            phase = FAULTY
        if self.control.phase != phase:
            self.control.phase = phase
            self.control.phase_since_ns = now_ns

    cdef void state(self, ScreenSource source, int64_t now_ns) noexcept nogil:
        """Tell the world how this environment is, through its control block."""
        cdef Control* control = self.control
        self.state_phase(now_ns)
        control.heartbeat_ns = now_ns
        control.episode = self.episode.now.episode
        control.fault = self.episode.now.fault
        control.updates = source.updates
        control.update_bytes = source.bytes_received
        control.rectangles = source.rectangles
        if source.has_picture and not self.picture_told:
            self.picture_told = True
            self.tell(PICTURE, 0, 0)
        self.tell_copied(source)

    cdef void tell_copied(self, ScreenSource source) noexcept nogil:
        """Tell the main thread that text was cut, before it may see the text."""
        if source.texts != self.texts_told:
            self.texts_told = source.texts
            self.tell(COPIED, <uint64_t>monotonic_ns(), 0)

    cdef int read_mail(self, ScreenSource source) noexcept nogil:
        cdef Mail* mail
        cdef bint was_over
        while True:
            mail = mail_peek(self.to_hot)
            if mail == NULL:
                return 0
            was_over = episode_over(&self.episode)
            if mail.kind == REWARD:
                if mail.number != 0:
                    self.reward_seen = mail.number
                episode_reward(&self.episode, mail)
            elif mail.kind == RUNNING:
                if episode_runs(&self.episode, mail):
                    was_over = True
                    self.begin_picture(source)
            elif mail.kind == REMOTE_RESETS:
                if self.episode.phase == RUNNING_PHASE and self.episode.now.episode < mail.episode and not was_over:
                    self.episode.now.truncated = self.episode.remote_restarts = True
            elif mail.kind == LOST:
                if episode_lost(&self.episode, <uint32_t>mail.number):
                    self.tell(RESET_WANTED, self.episode.reset_id, self.episode.now.episode)
                input_forget(&self.input)
                was_over = True
            elif mail.kind == READY:
                if self.episode.phase == STARTING:
                    self.episode.phase = ENDED_PHASE
                    if self.start_episode:
                        episode_start_reset(&self.episode, 0)
                        self.tell(RESET_WANTED, 0, self.episode.now.episode)
            elif mail.kind == EXCHANGE:
                self.tell_copied(source)
                if self.usable and not source.exchange(mail.number):
                    self.broke()
                self.tell(EXCHANGED, mail.number, 0)
            elif mail.kind == STOP:
                self.release(source)
                mail_take(self.to_hot)
                return STOPPED
            elif mail.kind == SWITCH:
                mail_take(self.to_hot)
                return SWITCHED
            if self.episode.phase == RUNNING_PHASE and not was_over and episode_over(&self.episode):
                input_drop(&self.input)
                self.freeze(source)
            mail_take(self.to_hot)

    cdef void take_entries(self, ScreenSource source, int64_t now_ns) noexcept nogil:
        """Take queue entries up to the next step; its events are scheduled, each at its offset."""
        cdef Entry* entry
        while not self.pending.active:
            entry = queue_peek(&self.view, self.env)
            if entry == NULL:
                return
            if entry.kind == KEY or entry.kind == POINTER:
                if self.batch_ns == 0:
                    self.batch_ns = now_ns
                if input_full(&self.input):
                    return
                # What is done after the end, before the trainer knows of it, is not for the next episode.
                if self.episode.phase == RUNNING_PHASE and self.usable and not episode_over(&self.episode):
                    input_schedule(&self.input, entry,
                                   now_ns if self.step_clock else self.batch_ns + <int64_t>entry.offset_us * 1000)
            elif entry.kind == STEP or entry.kind == HOLD:
                self.pending.entry = entry[0]
                self.batch_ns = 0
                self.begin_step(source, now_ns)
            elif entry.kind == RESET and entry.step > self.last_reset:
                self.last_reset = entry.step
                self.batch_ns = 0
                self.release(source)
                self.frozen = self.has_terminal = False
                episode_start_reset(&self.episode, entry.step)
                self.tell(RESET_WANTED, entry.step, self.episode.now.episode)
            queue_take(&self.view, self.env)
