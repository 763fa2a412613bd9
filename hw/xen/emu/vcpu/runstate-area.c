/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's runstate: accounting, and its format in guest memory
 */
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/emu/vcpu/runstate-area.h"

/* XEN_RUNSTATE_UPDATE is the top bit of the top byte of state_entry_time. */
#define UPDATE_BYTE(layout)     ((size_t)(layout)->runstate_entry + 7)
#define UPDATE_BIT_IN_BYTE      0x80
#define MAX_SIZE                48

G_STATIC_ASSERT(XEN_RUNSTATE_UPDATE == (uint64_t)UPDATE_BIT_IN_BYTE << 56);
G_STATIC_ASSERT(sizeof(struct vcpu_runstate_info) <= MAX_SIZE);

void xen_runstate_charge(XenRunstateSums *s, int state, uint64_t now,
                         uint64_t stolen)
{
    uint64_t elapsed = now > s->entered ? now - s->entered : 0;

    if (s->state == RUNSTATE_offline) {
        stolen = 0;
    }
    stolen = MIN(stolen, elapsed);
    s->time[RUNSTATE_runnable] += stolen;
    s->time[s->state] += elapsed - stolen;
    s->state = state;
    s->entered = now;
}

static void put64(uint8_t *p, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(p, &value, sizeof(value));
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t value;

    memcpy(&value, p, sizeof(value));
    return GUINT64_FROM_LE(value);
}

static size_t time_offset(const XenGuestLayout *layout, int state)
{
    return layout->runstate_entry + 8 + 8 * state;
}

size_t xen_runstate_encode(const XenRunstateSums *s,
                           const XenGuestLayout *layout, void *buf)
{
    uint8_t *p = buf;

    /* The state is 32 bits, followed by padding. */
    memset(p, 0, layout->runstate_entry);
    p[0] = s->state;
    put64(p + layout->runstate_entry, s->entered & ~XEN_RUNSTATE_UPDATE);
    for (int i = 0; i < XEN_RUNSTATE_NR; i++) {
        put64(p + time_offset(layout, i), s->time[i]);
    }
    return layout->runstate_size;
}

static uint8_t *area_byte(const XenRunstateArea *area, size_t offset)
{
    return offset < area->len[0] ? area->part[0] + offset
                                 : area->part[1] + (offset - area->len[0]);
}

static bool aligned(const void *p, size_t size)
{
    return (uintptr_t)p % size == 0;
}

/* memcpy in the largest single stores that alignment allows. */
static void copy_to_guest_part(uint8_t *dst, const uint8_t *src, size_t len)
{
    while (len) {
        size_t step;

        if (len >= 8 && aligned(dst, 8)) {
            uint64_t v;

            step = sizeof(v);
            memcpy(&v, src, step);
            __atomic_store_n((uint64_t *)dst, v, __ATOMIC_RELAXED);
        } else if (len >= 4 && aligned(dst, 4)) {
            uint32_t v;

            step = sizeof(v);
            memcpy(&v, src, step);
            __atomic_store_n((uint32_t *)dst, v, __ATOMIC_RELAXED);
        } else {
            step = 1;
            __atomic_store_n(dst, *src, __ATOMIC_RELAXED);
        }
        dst += step;
        src += step;
        len -= step;
    }
}

void xen_runstate_publish(const XenRunstateSums *s,
                          const XenGuestLayout *layout, bool update_flag,
                          const XenRunstateArea *area)
{
    uint8_t *update = area_byte(area, UPDATE_BYTE(layout));
    uint8_t buf[MAX_SIZE];
    uint8_t done;

    xen_runstate_encode(s, layout, buf);
    done = buf[UPDATE_BYTE(layout)];

    if (update_flag) {
        uint8_t busy = __atomic_load_n(update, __ATOMIC_RELAXED);

        __atomic_store_n(update, busy | UPDATE_BIT_IN_BYTE, __ATOMIC_RELAXED);
        /* The flag is visible before anything else changes... */
        __atomic_thread_fence(__ATOMIC_RELEASE);
        buf[UPDATE_BYTE(layout)] = done | UPDATE_BIT_IN_BYTE;
    }

    copy_to_guest_part(area->part[0], buf, area->len[0]);
    copy_to_guest_part(area->part[1], buf + area->len[0], area->len[1]);

    if (update_flag) {
        /* ...and is cleared only after everything has. */
        __atomic_store_n(update, done, __ATOMIC_RELEASE);
    }
}

void xen_runstate_fetch(XenRunstateSums *s, const XenGuestLayout *layout,
                        const XenRunstateArea *area, uint64_t now)
{
    uint8_t buf[MAX_SIZE];

    memcpy(buf, area->part[0], area->len[0]);
    if (area->len[1]) {
        memcpy(buf + area->len[0], area->part[1], area->len[1]);
    }

    s->state = buf[0] < XEN_RUNSTATE_NR ? buf[0] : RUNSTATE_running;
    s->entered = get64(buf + layout->runstate_entry) & ~XEN_RUNSTATE_UPDATE;
    s->entered = MIN(s->entered, now);
    for (int i = 0; i < XEN_RUNSTATE_NR; i++) {
        s->time[i] = get64(buf + time_offset(layout, i));
    }
}
