/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of 64 bits that several threads add to, as QEMU up to 10.1 has them for
 * hosts with 32 bits, too.  Any thread, no lock.
 */
#ifndef QEMU_STATS64_H
#define QEMU_STATS64_H

#include "qemu/atomic.h"

typedef struct Stat64 {
    uint64_t value;
} Stat64;

static inline void stat64_init(Stat64 *s, uint64_t value)
{
    s->value = value;
}

static inline uint64_t stat64_get(const Stat64 *s)
{
    return qatomic_read(&s->value);
}

static inline void stat64_set(Stat64 *s, uint64_t value)
{
    qatomic_set(&s->value, value);
}

static inline void stat64_add(Stat64 *s, uint64_t value)
{
    qatomic_fetch_add(&s->value, value);
}

#endif
