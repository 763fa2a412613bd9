/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sectors of a disk hold that a test writes
 *
 * A write has a round, from 1 on; a sector's content follows from its number and
 * the round, and 0 stands for zeroes.  A write that failed leaves the old content
 * or the new one: then a sector may hold several, until it is read.
 */
#ifndef TESTS_QTEST_LIBXEN_SECTORS_H
#define TESTS_QTEST_LIBXEN_SECTORS_H

#define XEN_SECTOR_SIZE     512u

typedef struct XenSector {
    uint32_t may[7];
    unsigned nr;                /* of them; 0: too many, so it is unknown */
} XenSector;

void xen_sector_pattern(uint8_t *to, unsigned sector, uint32_t round);

void xen_sector_holds(XenSector *s, uint32_t round);
/* That, or what it could before. */
void xen_sector_may_hold(XenSector *s, uint32_t round);
/*
 * Asserts that sector number @sector may hold what was found there.  False: it
 * is unknown what it holds, so anything may have been found.
 */
bool xen_sector_verify(XenSector *s, unsigned sector, const uint8_t *found);

#endif
