/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mutations of programs; see records.h. */
#include <string.h>
#include "fuzz.h"
#include "records.h"

#define SIZE    RECORD_SIZE

/* A number below @limit, which is not 0; xorshift. */
static size_t below(uint32_t *state, size_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state % limit;
}

static void change_step(uint8_t *step, uint32_t *rnd)
{
    size_t len;

    switch (below(rnd, 4)) {
    case 0:
        step[0] = below(rnd, 256);
        break;
    case 1:
        step[below(rnd, SIZE)] = below(rnd, 256);
        break;
    default:
        len = LLVMFuzzerMutate(step, SIZE, SIZE);
        memset(step + len, 0, SIZE - len);
        break;
    }
}

/* Makes room for a step before number @at; returns the room. */
static uint8_t *open_gap(uint8_t *data, size_t n, size_t at)
{
    memmove(data + (at + 1) * SIZE, data + at * SIZE, (n - at) * SIZE);
    return data + at * SIZE;
}

static void new_step(uint8_t *step, uint32_t *rnd)
{
    for (unsigned i = 0; i < SIZE; i++) {
        /* Mostly small numbers, which mean something. */
        step[i] = below(rnd, 3) ? below(rnd, 8) : below(rnd, 256);
    }
    step[0] = below(rnd, 256);
}

static void swap_steps(uint8_t *a, uint8_t *b)
{
    uint8_t saved[SIZE];

    memcpy(saved, a, SIZE);
    memmove(a, b, SIZE);
    memcpy(b, saved, SIZE);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed)
{
    uint32_t rnd = seed * 2654435761u | 1;
    size_t n = size / SIZE, room = max_size / SIZE, at;
    uint8_t copy[SIZE];

    if (!room) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    if (!n) {
        new_step(data, &rnd);
        return SIZE;
    }
    at = below(&rnd, n);
    switch (below(&rnd, 8)) {
    case 0:
        if (n > 1) {
            memmove(data + at * SIZE, data + (at + 1) * SIZE,
                    (n - at - 1) * SIZE);
            n--;
            break;
        }
        /* fall through */
    case 1 ... 2:
        if (n < room) {
            new_step(open_gap(data, n, below(&rnd, n + 1)), &rnd);
            n++;
            break;
        }
        /* fall through */
    case 3:
        if (n < room) {
            memcpy(copy, data + at * SIZE, SIZE);
            memcpy(open_gap(data, n, below(&rnd, n + 1)), copy, SIZE);
            n++;
            break;
        }
        /* fall through */
    case 4:
        swap_steps(data + at * SIZE, data + below(&rnd, n) * SIZE);
        break;
    default:
        change_step(data + at * SIZE, &rnd);
        break;
    }
    return n * SIZE;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t size_a,
                                 const uint8_t *b, size_t size_b,
                                 uint8_t *out, size_t max_size, unsigned seed)
{
    uint32_t rnd = seed * 2654435761u | 1;
    size_t n_a = size_a / SIZE, n_b = size_b / SIZE, room = max_size / SIZE;
    size_t head, tail;

    if (!n_a || !n_b || !room) {
        return 0;
    }
    head = below(&rnd, n_a) + 1;
    head = head < room ? head : room;
    tail = below(&rnd, n_b) + 1;
    tail = tail < room - head ? tail : room - head;
    memcpy(out, a, head * SIZE);
    memcpy(out + head * SIZE, b + (n_b - tail) * SIZE, tail * SIZE);
    return (head + tail) * SIZE;
}
