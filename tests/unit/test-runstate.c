/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runstate accounting and its format in guest memory: both layouts, any
 * alignment, all ways to cross a page, and concurrent readers
 */
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/emu/vcpu/runstate-area.h"

#define MAX_SIZE    48

/* Offsets of the ABI, written out, independent of layout.c. */
typedef struct Abi {
    const XenGuestLayout *layout;
    size_t size, entry, times;
} Abi;

static const Abi abis[] = {
    { &xen_guest_layout[0], 44, 4, 12 },
    { &xen_guest_layout[1], 48, 8, 16 },
};

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return GUINT64_FROM_LE(v);
}

static uint64_t sum(const XenRunstateSums *s)
{
    return s->time[0] + s->time[1] + s->time[2] + s->time[3];
}

static void test_charge(void)
{
    XenRunstateSums s = { .state = RUNSTATE_offline };

    /* An offline vCPU has no steal time. */
    xen_runstate_charge(&s, RUNSTATE_running, 100, 30);
    g_assert_cmpuint(s.time[RUNSTATE_offline], ==, 100);
    g_assert_cmpuint(s.time[RUNSTATE_runnable], ==, 0);

    xen_runstate_charge(&s, RUNSTATE_blocked, 150, 20);
    g_assert_cmpuint(s.time[RUNSTATE_running], ==, 30);
    g_assert_cmpuint(s.time[RUNSTATE_runnable], ==, 20);

    /* More stolen than elapsed. */
    xen_runstate_charge(&s, RUNSTATE_running, 160, 1000);
    g_assert_cmpuint(s.time[RUNSTATE_blocked], ==, 0);
    g_assert_cmpuint(s.time[RUNSTATE_runnable], ==, 30);

    /* The clock went backwards. */
    xen_runstate_charge(&s, RUNSTATE_running, 140, 5);
    g_assert_cmpuint(sum(&s), ==, 160);
    g_assert_cmpuint(s.entered, ==, 140);
    xen_runstate_charge(&s, RUNSTATE_running, 141, 0);
    g_assert_cmpuint(sum(&s), ==, 161);
}

static void test_encode(void)
{
    XenRunstateSums s = {
        .state = RUNSTATE_blocked, .entered = 0x1122334455667788,
        .time = { 0x0101010101010101, 0x0202020202020202,
                  0x0303030303030303, 0x0404040404040404 },
    };

    for (size_t a = 0; a < G_N_ELEMENTS(abis); a++) {
        uint8_t buf[MAX_SIZE];

        memset(buf, 0xff, sizeof(buf));
        g_assert_cmpuint(xen_runstate_encode(&s, abis[a].layout, buf), ==,
                         abis[a].size);
        g_assert_cmpuint(buf[0], ==, RUNSTATE_blocked);
        for (size_t i = 1; i < abis[a].entry; i++) {
            g_assert_cmpuint(buf[i], ==, 0);
        }
        g_assert_cmpuint(get64(buf + abis[a].entry), ==, s.entered);
        for (int i = 0; i < 4; i++) {
            g_assert_cmpuint(get64(buf + abis[a].times + 8 * i), ==,
                             s.time[i]);
        }
    }
}

/* Written to two parts, at any alignment, and read back. */
static void test_publish_anywhere(void)
{
    XenRunstateSums s = {
        .state = RUNSTATE_runnable, .entered = 0x0011223344556677,
        .time = { 1, 1ull << 40, 3, UINT64_MAX },
    };

    for (size_t a = 0; a < G_N_ELEMENTS(abis); a++) {
        for (size_t first = 1; first <= abis[a].size; first++) {
            for (int flag = 0; flag < 2; flag++) {
                for (size_t off = 0; off < 8; off++) {
                    /* The bytes around the parts must not change. */
                    uint8_t mem[2][8 + MAX_SIZE + 8] = { { 0 } };
                    XenRunstateArea area = {
                        .part = { mem[0] + off, mem[1] + off },
                        .len = { first, abis[a].size - first },
                    };
                    uint8_t want[MAX_SIZE], got[MAX_SIZE];
                    XenRunstateSums back = { 0 };

                    memset(mem, 0x5a, sizeof(mem));
                    xen_runstate_encode(&s, abis[a].layout, want);
                    xen_runstate_publish(&s, abis[a].layout, flag, &area);

                    memcpy(got, area.part[0], area.len[0]);
                    memcpy(got + area.len[0], area.part[1], area.len[1]);
                    g_assert_cmpmem(got, abis[a].size, want, abis[a].size);
                    for (int i = 0; i < 2; i++) {
                        for (size_t j = 0; j < sizeof(mem[i]); j++) {
                            if (j < off || j >= off + area.len[i]) {
                                g_assert_cmphex(mem[i][j], ==, 0x5a);
                            }
                        }
                    }

                    xen_runstate_fetch(&back, abis[a].layout, &area,
                                       UINT64_MAX);
                    g_assert_cmpint(back.state, ==, s.state);
                    g_assert_cmpuint(back.entered, ==, s.entered);
                    g_assert_cmpmem(back.time, sizeof(back.time),
                                    s.time, sizeof(s.time));
                }
            }
        }
    }
}

/* The area is the guest's: any contents must be safe. */
static void test_fetch_nonsense(void)
{
    for (size_t a = 0; a < G_N_ELEMENTS(abis); a++) {
        uint8_t mem[MAX_SIZE];
        XenRunstateArea area = {
            .part = { mem, NULL }, .len = { abis[a].size, 0 },
        };
        XenRunstateSums s;

        memset(mem, 0xff, sizeof(mem));
        xen_runstate_fetch(&s, abis[a].layout, &area, 1000);
        g_assert_cmpint(s.state, ==, RUNSTATE_running);
        g_assert_cmpuint(s.entered, ==, 1000);
        xen_runstate_charge(&s, RUNSTATE_blocked, 1001, 0);
        g_assert_cmpint(s.state, ==, RUNSTATE_blocked);
    }
}

typedef struct Reader {
    uint8_t *mem;
    const Abi *abi;
    int stop;
    unsigned seen;              /* atomic */
} Reader;

static uint64_t load64(const uint8_t *p)
{
    return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
}

/*
 * A guest's reader: entry time, the rest, entry time again.  The writer sets
 * all sums to the same number, so a torn copy is detected.
 */
static void *read_area(void *opaque)
{
    Reader *r = opaque;
    const uint8_t *entry = r->mem + r->abi->entry;

    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
        uint64_t before, after, time[4];

        before = load64(entry);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        for (int i = 0; i < 4; i++) {
            time[i] = load64(r->mem + r->abi->times + 8 * i);
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        after = load64(entry);

        if (before != after || before & XEN_RUNSTATE_UPDATE) {
            continue;
        }
        for (int i = 0; i < 4; i++) {
            g_assert_cmpuint(time[i], ==, before);
        }
        __atomic_fetch_add(&r->seen, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void test_update_flag(void)
{
    static uint64_t mem[MAX_SIZE / 8];
    Reader r = { .mem = (uint8_t *)mem, .abi = &abis[1] };
    XenRunstateArea area = {
        .part = { r.mem, NULL }, .len = { r.abi->size, 0 },
    };
    GThread *thread = g_thread_new("guest", read_area, &r);
    gint64 end = g_get_monotonic_time() + 200000;

    /* On a busy host the reader may be delayed. */
    for (uint64_t n = 1; g_get_monotonic_time() < end ||
                         !__atomic_load_n(&r.seen, __ATOMIC_RELAXED); n++) {
        XenRunstateSums s = { .entered = n, .time = { n, n, n, n } };

        xen_runstate_publish(&s, r.abi->layout, true, &area);
        if (n % 64 == 0) {
            g_thread_yield();
        }
    }
    __atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
    g_thread_join(thread);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen/runstate/charge", test_charge);
    g_test_add_func("/xen/runstate/encode", test_encode);
    g_test_add_func("/xen/runstate/publish-anywhere", test_publish_anywhere);
    g_test_add_func("/xen/runstate/fetch-nonsense", test_fetch_nonsense);
    g_test_add_func("/xen/runstate/update-flag", test_update_flag);
    return g_test_run();
}
