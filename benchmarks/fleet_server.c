/* Many paced VNC servers in one process, for benchmarks: each desktop plays a recording over and over.
 *
 *     fleet_server UPDATES_PER_S FILE...     one desktop a FILE, prints their ports in a line
 *
 * A FILE is written by fleet_server.py: what ServerInit says, and the updates one by one. Desktops
 * send an update every 1 / UPDATES_PER_S seconds, at phases of their own, spread by milliseconds;
 * one whose client has not taken the last update skips a turn. A request for the whole screen is
 * answered at once, by the recording from its beginning. The first time around, desktop i of n
 * leaves the recording after (i + 1) / n of it, so that not all begin again at once.
 *
 * Lines of the input: "halt" (play to the recording's end and stay there), "go", "counts". To each
 * it answers with a line "sent skipped missed halted latest_us"; at the input's end it ends. Turns are
 * skipped when the client has not taken the update before, and missed when the server came too late.
 *
 * It serves our own client and reads its own files: neither is trusted by anything but a benchmark.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 65536, STAMP_BYTES = 8, MOST = 4096 };

struct update {
    uint64_t begin;
    uint32_t length, stamp_at; /* the stamp's place within the update */
};

struct recording {
    const uint8_t *data, *init;
    uint32_t init_bytes, count;
    const struct update *updates; /* count of them as they are the first time, then as they are later */
};

enum state { VERSION, SECURITY, CLIENT_INIT, MESSAGES };

struct desktop {
    struct recording recording;
    int listener, connection;
    enum state state;
    int asked, halted, round;
    uint32_t next, furthest, cut;
    const struct update *sending;
    uint32_t sent;
    uint8_t stamp[STAMP_BYTES];
    uint8_t room[ROOM];
    size_t filled;
};

static struct desktop *desktops;
static int count, poll_fd, halting;
static uint64_t sent_updates, skipped, missed;
static int64_t latest_ns;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void open_recording(struct recording *recording, const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status)) fail(path);
    const uint8_t *data = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    if (data == MAP_FAILED) fail(path);
    close(file);
    const uint32_t *head = (const uint32_t *)data;
    recording->data = data;
    recording->count = head[0];
    recording->init_bytes = head[1];
    recording->updates = (const struct update *)(data + 8);
    recording->init = data + 8 + 2 * (size_t)head[0] * sizeof(struct update);
}

static void watch(int descriptor, uint32_t events, int operation, uint64_t whose) {
    struct epoll_event event = {.events = events, .data.u64 = whose};
    if (epoll_ctl(poll_fd, operation, descriptor, &event)) fail("epoll_ctl");
}

static void hang_up(struct desktop *desktop) {
    if (desktop->connection >= 0) close(desktop->connection);
    desktop->connection = -1;
    desktop->sending = NULL;
}

static void say(struct desktop *desktop, const void *data, size_t length) {
    if (send(desktop->connection, data, length, MSG_NOSIGNAL) != (ssize_t)length) hang_up(desktop);
}

/* Send what is left of the newest update; its rest goes out when the socket has room. */
static void push(struct desktop *desktop) {
    const struct update *update = desktop->sending;
    const uint8_t *data = desktop->recording.data + update->begin;
    while (desktop->sent < update->length) {
        uint32_t sent = desktop->sent, stamp_at = update->stamp_at, after = stamp_at + STAMP_BYTES;
        struct iovec parts[3];
        int used = 0;
        if (sent < stamp_at) parts[used++] = (struct iovec){(void *)(data + sent), stamp_at - sent};
        if (sent < after) {
            uint32_t from = sent > stamp_at ? sent - stamp_at : 0;
            parts[used++] = (struct iovec){desktop->stamp + from, STAMP_BYTES - from};
        }
        uint32_t from = sent > after ? sent : after;
        parts[used++] = (struct iovec){(void *)(data + from), update->length - from};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = used};
        ssize_t done = sendmsg(desktop->connection, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EAGAIN) {
            watch(desktop->connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD, desktop - desktops);
            return;
        }
        if (done < 0) return hang_up(desktop);
        desktop->sent += done;
    }
    desktop->sending = NULL;
    sent_updates++;
}

static void turn(struct desktop *desktop) {
    struct recording *recording = &desktop->recording;
    if (desktop->connection < 0 || !desktop->asked) return;
    if (desktop->sending) {
        skipped++;
        return;
    }
    uint32_t end = desktop->round ? recording->count : desktop->cut;
    if (desktop->next >= end && !(halting && end < recording->count)) {
        if (halting) {
            desktop->halted = 1;
            return;
        }
        desktop->next = 0;
        desktop->round = 1;
    }
    if (desktop->next >= recording->count) {
        desktop->halted = 1;
        return;
    }
    desktop->halted = 0;
    desktop->sending = &recording->updates[desktop->next];
    if (desktop->next < desktop->furthest) desktop->sending += recording->count;
    if (++desktop->next > desktop->furthest) desktop->furthest = desktop->next;
    desktop->sent = 0;
    uint64_t stamp = now_ns();
    for (int i = 0; i < STAMP_BYTES; i++) desktop->stamp[i] = stamp >> (56 - 8 * i);
    push(desktop);
}

/* How long the client's message is that begins here; 0: that cannot be said yet. */
static uint64_t message_bytes(const uint8_t *data, size_t filled) {
    switch (data[0]) {
    case 0: return 20;                                                              /* SetPixelFormat */
    case 2: return filled < 4 ? 0 : 4 + 4 * (uint64_t)(data[2] << 8 | data[3]);     /* SetEncodings */
    case 3: return 10;                                                              /* FramebufferUpdateRequest */
    case 4: return 8;                                                               /* KeyEvent */
    case 5: return 6;                                                               /* PointerEvent */
    case 6: return filled < 8 ? 0 : 8 + ((uint64_t)data[6] << 8 | data[7]);         /* ClientCutText */
    case 150: return 10;                                                            /* EnableContinuousUpdates */
    case 248: return filled < 9 ? 0 : 9 + (uint64_t)data[8];                        /* ClientFence */
    case 255: return 12;                                                            /* QEMU */
    }
    fprintf(stderr, "fleet_server: a message of type %d\n", data[0]);
    exit(1);
}

static size_t take(struct desktop *desktop, const uint8_t *data, size_t filled) {
    switch (desktop->state) {
    case VERSION:
        if (filled < 12) return 0;
        say(desktop, "\1\1", 2);
        desktop->state = SECURITY;
        return 12;
    case SECURITY:
        say(desktop, "\0\0\0\0", 4);
        desktop->state = CLIENT_INIT;
        return 1;
    case CLIENT_INIT:
        say(desktop, desktop->recording.init, desktop->recording.init_bytes);
        desktop->state = MESSAGES;
        return 1;
    case MESSAGES: break;
    }
    uint64_t length = message_bytes(data, filled);
    if (!length || length > filled) return 0;
    if (data[0] == 3 && !data[1]) {
        desktop->asked = 1;
        desktop->next = 0;
        if (!desktop->sending) turn(desktop);
    }
    return length;
}

static void hear(struct desktop *desktop) {
    ssize_t got = recv(desktop->connection, desktop->room + desktop->filled, ROOM - desktop->filled, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return hang_up(desktop);
    desktop->filled += got;
    size_t used = 0, step;
    while (desktop->connection >= 0 && used < desktop->filled
           && (step = take(desktop, desktop->room + used, desktop->filled - used)))
        used += step;
    desktop->filled -= used;
    memmove(desktop->room, desktop->room + used, desktop->filled);
}

static void welcome(struct desktop *desktop) {
    int one = 1, connection = accept4(desktop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) return;
    hang_up(desktop);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    desktop->connection = connection;
    desktop->state = VERSION;
    desktop->asked = desktop->halted = desktop->round = 0;
    desktop->filled = desktop->next = desktop->furthest = 0;
    watch(connection, EPOLLIN, EPOLL_CTL_ADD, desktop - desktops);
    say(desktop, "RFB 003.008\n", 12);
}

static void listen_for(struct desktop *desktop) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof place;
    desktop->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (desktop->listener < 0 || bind(desktop->listener, (struct sockaddr *)&place, length)
        || listen(desktop->listener, 4) || getsockname(desktop->listener, (struct sockaddr *)&place, &length))
        fail("listen");
    watch(desktop->listener, EPOLLIN, EPOLL_CTL_ADD, MOST + (desktop - desktops));
    printf("%d ", ntohs(place.sin_port));
}

static void obey(void) {
    char line[64];
    if (!fgets(line, sizeof line, stdin)) exit(0);
    if (!strcmp(line, "halt\n")) halting = 1;
    if (!strcmp(line, "go\n")) halting = 0;
    int halted = 0;
    for (int i = 0; i < count; i++) halted += desktops[i].halted;
    printf("%llu %llu %llu %d %lld\n", (unsigned long long)sent_updates, (unsigned long long)skipped,
           (unsigned long long)missed, halted, (long long)latest_ns / 1000);
    latest_ns = 0;
}

int main(int argc, char **argv) {
    count = argc - 2;
    if (count < 1 || count > MOST) return 2;
    double period_ns = 1e9 / atof(argv[1]);
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    desktops = calloc(count, sizeof *desktops);
    if (poll_fd < 0 || !desktops) fail("start");
    int64_t *due_ns = calloc(count, sizeof *due_ns), *turns = calloc(count, sizeof *turns);
    int64_t *phase_ns = calloc(count, sizeof *phase_ns);
    int64_t began_ns = now_ns();
    for (int i = 0; i < count; i++) {
        struct desktop *desktop = &desktops[i];
        desktop->connection = -1;
        open_recording(&desktop->recording, argv[2 + i]);
        desktop->cut = (uint64_t)desktop->recording.count * (i + 1) / count;
        if (!desktop->cut) desktop->cut = 1;
        /* Neighbours, which may play the same recording, are far apart: steps of the golden ratio. */
        phase_ns[i] = (int64_t)(period_ns * ((i * 0.6180339887498949) - (int64_t)(i * 0.6180339887498949)));
        phase_ns[i] -= phase_ns[i] % 1000000;
        due_ns[i] = began_ns + phase_ns[i];
        listen_for(desktop);
    }
    printf("\n");
    watch(0, EPOLLIN, EPOLL_CTL_ADD, 2 * MOST);
    for (;;) {
        int64_t now = now_ns(), next = INT64_MAX;
        for (int i = 0; i < count; i++) {
            if (due_ns[i] <= now) {
                if (desktops[i].asked && now - due_ns[i] > latest_ns) latest_ns = now - due_ns[i];
                turn(&desktops[i]);
                due_ns[i] = began_ns + phase_ns[i] + (int64_t)(++turns[i] * period_ns);
                while (due_ns[i] <= now) {
                    due_ns[i] = began_ns + phase_ns[i] + (int64_t)(++turns[i] * period_ns);
                    missed += desktops[i].asked;
                }
            }
            if (due_ns[i] < next) next = due_ns[i];
        }
        int64_t wait_ns = next - now_ns();
        if (wait_ns < 0) wait_ns = 0;
        struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
        struct epoll_event events[64];
        int ready = epoll_pwait2(poll_fd, events, 64, &wait, NULL);
        for (int i = 0; i < ready; i++) {
            uint64_t whose = events[i].data.u64;
            if (whose == 2 * MOST) {
                obey();
            } else if (whose >= MOST) {
                welcome(&desktops[whose - MOST]);
            } else {
                struct desktop *desktop = &desktops[whose];
                if (desktop->connection >= 0 && events[i].events & EPOLLOUT && desktop->sending) {
                    watch(desktop->connection, EPOLLIN, EPOLL_CTL_MOD, whose);
                    push(desktop);
                }
                if (desktop->connection >= 0 && events[i].events & ~EPOLLOUT) hear(desktop);
            }
        }
    }
}
