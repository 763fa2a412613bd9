/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lookups in the index of guest RAM, compared with a linear scan
 *
 *     bench-slots [--json FILE] [--smoke]
 *
 * For 10 to 32,000 slots of equal size with holes in between: ns to find the
 * slot of a random frame, and to iterate over the 8 slots that overlap a random
 * range. The scan starts at the beginning of the same array.
 *
 * The exit status is 1 if index and scan do not find the same slots; it never
 * depends on a time.  --smoke: few lookups, as a test of the benchmark itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <glib.h>
#include "hw/xen/emu/memory/slot-index.h"

#define SLOT_FRAMES     512u        /* 2 MiB */
#define STRIDE          1024u
#define WALK_SLOTS      8u
#define COMPARED        64          /* lookups made by index and by scan */

static int64_t measure_ns = 100000000;

typedef struct Bench {
    XenSlots *index;
    XenSlot *plain;
    size_t nr;
} Bench;

static uint64_t sink;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t random_frame(const Bench *b, uint64_t *state)
{
    return next_random(state) % (b->nr * STRIDE);
}

static void find_by_index(const Bench *b, uint64_t gfn)
{
    const XenSlot *slot = xen_slots_find(b->index, gfn);

    sink += slot ? slot->mr_offset : 1;
}

static void find_by_scan(const Bench *b, uint64_t gfn)
{
    for (size_t i = 0; i < b->nr; i++) {
        if (gfn - b->plain[i].gfn < b->plain[i].nr_frames) {
            sink += b->plain[i].mr_offset;
            return;
        }
    }
    sink++;
}

static void walk_by_index(const Bench *b, uint64_t gfn)
{
    XEN_FOREACH_SLOT_OVERLAPPING(slot, b->index, gfn, WALK_SLOTS * STRIDE) {
        sink += slot->mr_offset;
    }
}

static void walk_by_scan(const Bench *b, uint64_t gfn)
{
    uint64_t end = gfn + WALK_SLOTS * STRIDE;

    for (size_t i = 0; i < b->nr; i++) {
        const XenSlot *slot = &b->plain[i];

        if (slot->gfn < end && gfn < slot->gfn + slot->nr_frames) {
            sink += slot->mr_offset;
        }
    }
}

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

/* The result of COMPARED lookups by @what: offsets and misses. */
static uint64_t found(const Bench *b, void (*what)(const Bench *, uint64_t))
{
    uint64_t state = 88172645463325252ull;

    sink = 0;
    for (int i = 0; i < COMPARED; i++) {
        what(b, random_frame(b, &state));
    }
    return sink;
}

static void compare(const Bench *b)
{
    uint64_t find = found(b, find_by_index);
    uint64_t find_scan = found(b, find_by_scan);
    uint64_t walk = found(b, walk_by_index);
    uint64_t walk_scan = found(b, walk_by_scan);

    if (find != find_scan || walk != walk_scan) {
        fprintf(stderr, "bench-slots: index and scan differ in %zu slots\n",
                b->nr);
        exit(1);
    }
}

/* The median of five runs, minus the time to choose a frame. */
static double ns_each(const Bench *b, void (*what)(const Bench *, uint64_t))
{
    double runs[5];

    for (int r = 0; r < 5; r++) {
        uint64_t state = 88172645463325252ull, times = 0;
        int64_t start = now_ns(), end, empty_start, empty_end;

        do {
            for (int i = 0; i < 64; i++) {
                what(b, random_frame(b, &state));
            }
            times += 64;
            end = now_ns();
        } while (end - start < measure_ns / 5);

        empty_start = now_ns();
        for (uint64_t i = 0; i < times; i++) {
            sink += random_frame(b, &state);
        }
        empty_end = now_ns();
        runs[r] = (double)((end - start) - (empty_end - empty_start)) / times;
    }
    for (int i = 1; i < 5; i++) {
        for (int j = i; j > 0 && runs[j] < runs[j - 1]; j--) {
            double swap = runs[j];

            runs[j] = runs[j - 1];
            runs[j - 1] = swap;
        }
    }
    return runs[2];
}

static Bench bench_new(size_t nr)
{
    Bench b = {
        .index = xen_slots_new(), .plain = g_new0(XenSlot, nr), .nr = nr,
    };

    for (size_t i = 0; i < nr; i++) {
        b.plain[i] = (XenSlot) {
            .gfn = i * STRIDE, .nr_frames = SLOT_FRAMES, .mr_offset = i,
        };
        if (!xen_slots_add(b.index, &b.plain[i])) {
            g_error("slot %zu was refused", i);
        }
    }
    return b;
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = { 10, 100, 1000, 10000, 32000 };
    g_autoptr(GString) json = g_string_new("[\n");
    const char *file = NULL;

    for (int i = 1; i < argc; i++) {
        if (g_str_equal(argv[i], "--json") && i + 1 < argc) {
            file = argv[++i];
        } else if (g_str_equal(argv[i], "--smoke")) {
            measure_ns = 0;
        } else {
            fprintf(stderr, "usage: %s [--json FILE] [--smoke]\n", argv[0]);
            return 2;
        }
    }

    printf("%8s %12s %12s %12s %12s   ns\n", "slots", "find", "find, scan",
           "walk 8", "walk 8, scan");
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Bench b = bench_new(sizes[i]);
        double find, find_scan, walk, walk_scan;

        compare(&b);
        find = ns_each(&b, find_by_index);
        find_scan = ns_each(&b, find_by_scan);
        walk = ns_each(&b, walk_by_index);
        walk_scan = ns_each(&b, walk_by_scan);
        printf("%8zu %12.1f %12.1f %12.1f %12.1f\n", b.nr, find, find_scan,
               walk, walk_scan);
        g_string_append_printf(json, "  { \"slots\": %zu, \"find_ns\": %.1f, "
                               "\"find_scan_ns\": %.1f, \"walk8_ns\": %.1f, "
                               "\"walk8_scan_ns\": %.1f }%s\n",
                               b.nr, find, find_scan, walk, walk_scan,
                               i + 1 < G_N_ELEMENTS(sizes) ? "," : "");
        xen_slots_free(b.index);
        g_free(b.plain);
    }
    g_string_append(json, "]\n");

    if (file) {
        g_autoptr(GError) err = NULL;

        if (!g_file_set_contents(file, json->str, json->len, &err)) {
            fprintf(stderr, "%s\n", err->message);
            return 1;
        }
    }
    return 0;
}
