/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a stream that both sides know (tcpserver.py has them, too). */
#ifndef TCP_STREAM_H
#define TCP_STREAM_H

#include <stddef.h>
#include <stdint.h>

/* Sets @buf to the @len bytes at @at.  The period is not a power of two. */
static inline void stream_fill(uint8_t *buf, size_t at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        buf[i] = (at + i) % 251 + (at + i) / 65521;
    }
}

#endif
