/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs as inputs of a fuzzer: a list of records of one size
 *
 * Each record is a step: its first byte is the operation, the others are its
 * arguments.  A mutation changes the arguments of a step, or adds, drops, copies
 * or swaps steps, and leaves all others what they were.  (In a stream of steps of
 * various sizes each byte too much changes the meaning of all that follow.)
 *
 * records.c has the mutations; a target that is linked with it is one of such
 * programs.  Does without QEMU.  One thread.
 */
#ifndef TESTS_FUZZ_RECORDS_H
#define TESTS_FUZZ_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_SIZE     24

/* The arguments of one record; reads 0 behind its end. */
typedef struct Record {
    const uint8_t *p, *end;
} Record;

/*
 * Takes the first record off *@data, of which *@size bytes are left; false: there
 * is none.  An incomplete one counts.
 */
static inline bool record_next(const uint8_t **data, size_t *size,
                                   Record *r)
{
    size_t len = *size < RECORD_SIZE ? *size : RECORD_SIZE;

    *r = (Record) { *data, *data + len };
    *data += len;
    *size -= len;
    return len;
}

static inline uint8_t record_u8(Record *r)
{
    return r->p < r->end ? *r->p++ : 0;
}

static inline uint16_t record_u16(Record *r)
{
    uint16_t low = record_u8(r);

    return low | record_u8(r) << 8;
}

static inline uint32_t record_u32(Record *r)
{
    uint32_t low = record_u16(r);

    return low | (uint32_t)record_u16(r) << 16;
}

static inline uint64_t record_u64(Record *r)
{
    uint64_t low = record_u32(r);

    return low | (uint64_t)record_u32(r) << 32;
}

#endif
