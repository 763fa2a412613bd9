/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sectors of a disk hold: see libxen-sectors.h
 */
#include "qemu/osdep.h"
#include "libxen-sectors.h"

void xen_sector_pattern(uint8_t *to, unsigned sector, uint32_t round)
{
    for (unsigned i = 0; i < XEN_SECTOR_SIZE / 8; i++) {
        uint64_t word = round ? (sector + 1) * 0x9e3779b97f4a7c15 ^
                                (uint64_t)round << 20 ^ i : 0;

        memcpy(to + 8 * i, &word, 8);
    }
}

void xen_sector_holds(XenSector *s, uint32_t round)
{
    s->may[0] = round;
    s->nr = 1;
}

void xen_sector_may_hold(XenSector *s, uint32_t round)
{
    for (unsigned i = 0; i < s->nr; i++) {
        if (s->may[i] == round) {
            return;
        }
    }
    if (s->nr == ARRAY_SIZE(s->may)) {
        s->nr = 0;
    } else if (s->nr) {
        s->may[s->nr++] = round;
    }
}

bool xen_sector_verify(XenSector *s, unsigned sector, const uint8_t *found)
{
    uint8_t expected[XEN_SECTOR_SIZE];

    for (unsigned i = 0; i < s->nr; i++) {
        xen_sector_pattern(expected, sector, s->may[i]);
        if (!memcmp(found, expected, sizeof(expected))) {
            /* What it is now it stays. */
            xen_sector_holds(s, s->may[i]);
            return true;
        }
    }
    if (s->nr) {
        g_error("sector %u does not hold what was written in round %u%s",
                sector, s->may[0],
                s->nr > 1 ? ", nor what else it may hold" : "");
    }
    return false;
}
