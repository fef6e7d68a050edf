/* ISA-L's inflate, where the headers were there to build with and the library is there to run with; else none.

   The library is opened at run time, so that what was built with it also works without. Raw deflate (RFC 1951) only. */
#ifndef CYTHON_VNC_INFLATE_ISAL_H
#define CYTHON_VNC_INFLATE_ISAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ISAL_FED = 0, ISAL_FAILED = 1, ISAL_ENDED = 2 };

#ifdef CYTHON_VNC_ISAL
#include <dlfcn.h>
#include <isa-l/igzip_lib.h>

/* A later library of the same name may have a longer state. */
#define ISAL_STATE_BYTES (sizeof(struct inflate_state) + 16384)

struct isal_library {
    void (*init)(struct inflate_state *);
    int (*set_dict)(struct inflate_state *, uint8_t *, uint32_t);
    int (*inflate)(struct inflate_state *);
};

/* Begin in the middle of a stream, on a byte boundary between two blocks; `history` is the output before it. */
static int isal_begin(const struct isal_library *isal, void *state, uint8_t *history, size_t history_bytes) {
    struct inflate_state *const stream = state;
    isal->init(stream);
    stream->crc_flag = ISAL_DEFLATE;
    return history_bytes ? isal->set_dict(stream, history, (uint32_t)history_bytes) == ISAL_DECOMP_OK : 1;
}

static int isal_feed(const struct isal_library *isal, void *state, const uint8_t *source, size_t source_bytes,
                     uint8_t *target, size_t target_bytes, ptrdiff_t *written) {
    struct inflate_state *const stream = state;
    int outcome = ISAL_DECOMP_OK;
    stream->next_in = (uint8_t *)source;
    stream->avail_in = (uint32_t)source_bytes;
    stream->next_out = target;
    stream->avail_out = (uint32_t)target_bytes;
    while (outcome == ISAL_DECOMP_OK && stream->avail_in && stream->avail_out && stream->block_state != ISAL_BLOCK_FINISH) {
        const uint32_t in_before = stream->avail_in, out_before = stream->avail_out;
        outcome = isal->inflate(stream);
        if (stream->avail_in == in_before && stream->avail_out == out_before) outcome = ISAL_INVALID_BLOCK;
    }
    *written = (ptrdiff_t)(target_bytes - stream->avail_out);
    if (outcome != ISAL_DECOMP_OK) return ISAL_FAILED;
    return stream->block_state == ISAL_BLOCK_FINISH ? ISAL_ENDED : ISAL_FED;
}

/* All that was fed was used, to the last bit, and the last block of the stream has not begun. */
static int isal_between_blocks(const void *state) {
    const struct inflate_state *const stream = state;
    return (stream->block_state == ISAL_BLOCK_NEW_HDR || stream->block_state == ISAL_BLOCK_HDR) && stream->avail_in == 0 &&
           stream->read_in_length == 0 && stream->tmp_in_size == 0 && stream->tmp_out_valid == stream->tmp_out_processed;
}

/* Whether the library does what is expected of it, and has its fields where the headers say. */
static int isal_as_expected(const struct isal_library *isal, void *state) {
    static uint8_t history[] = "history";
    /* A stored block of five bytes and an empty one; a copy from the history in a block of fixed codes. */
    static const uint8_t stored[] = {0, 5, 0, 0xFA, 0xFF, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 0xFF, 0xFF};
    static const uint8_t copy[] = {0x02, 0xB2, 0x01, 0x00, 0x00, 0x00, 0xFF, 0xFF};
    uint8_t target[512];
    ptrdiff_t written;
    if (!isal_begin(isal, state, history, 7)) return 0;
    if (isal_feed(isal, state, stored, sizeof stored, target, sizeof target, &written) != ISAL_FED) return 0;
    if (written != 5 || memcmp(target, "hello", 5) || !isal_between_blocks(state)) return 0;
    if (isal_feed(isal, state, copy, 1, target, sizeof target, &written) != ISAL_FED) return 0;
    if (isal_between_blocks(state)) return 0;
    if (isal_feed(isal, state, copy + 1, sizeof copy - 1, target, sizeof target, &written) != ISAL_FED) return 0;
    return written == 3 && !memcmp(target, "his", 3) && isal_between_blocks(state);
}

/* Open the library, and try it; 0 where it cannot be used. `state` has ISAL_STATE_BYTES. */
static int isal_open(struct isal_library *isal, const char *name, void *state) {
    void *const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) return 0;
    *(void **)&isal->init = dlsym(library, "isal_inflate_init");
    *(void **)&isal->set_dict = dlsym(library, "isal_inflate_set_dict");
    *(void **)&isal->inflate = dlsym(library, "isal_inflate");
    if (isal->init && isal->set_dict && isal->inflate && isal_as_expected(isal, state)) return 1;
    dlclose(library);
    return 0;
}

#else
#define ISAL_STATE_BYTES 1

struct isal_library {
    char none;
};

static int isal_begin(const struct isal_library *isal, void *state, uint8_t *history, size_t history_bytes) {
    (void)isal, (void)state, (void)history, (void)history_bytes;
    return 0;
}
static int isal_feed(const struct isal_library *isal, void *state, const uint8_t *source, size_t source_bytes,
                     uint8_t *target, size_t target_bytes, ptrdiff_t *written) {
    (void)isal, (void)state, (void)source, (void)source_bytes, (void)target, (void)target_bytes;
    *written = 0;
    return ISAL_FAILED;
}
static int isal_between_blocks(const void *state) {
    (void)state;
    return 0;
}
static int isal_open(struct isal_library *isal, const char *name, void *state) {
    (void)isal, (void)name, (void)state;
    return 0;
}
#endif

#endif
