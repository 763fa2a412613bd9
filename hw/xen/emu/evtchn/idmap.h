/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of small numbers that finds the lowest free one in constant time
 *
 * A bitmap with three levels of 64-bit words: a bit in an upper level is set if
 * all bits of the word below it are.  Taking, releasing and finding a number
 * access at most one word of each level.  Holds up to 64^3 = 262144 numbers.
 * A further bitmap has a bit for each word of numbers that is not 0: a walk over
 * the numbers in use skips all others, 4096 at a time.
 *
 * Has no lock; the engine uses it with its configuration lock.
 */
#ifndef HW_XEN_EMU_EVTCHN_IDMAP_H
#define HW_XEN_EMU_EVTCHN_IDMAP_H

#include <stdint.h>
#include <stdbool.h>

typedef struct XenIdMap {
    uint32_t size;              /* numbers are 0 .. size - 1 */
    uint64_t top;
    uint64_t full[64];          /* level 1 */
    uint64_t some[64];          /* which words of level 0 are not 0 */
    uint64_t *used;             /* level 0 */
} XenIdMap;

void xen_idmap_init(XenIdMap *map, uint32_t size);
void xen_idmap_destroy(XenIdMap *map);

bool xen_idmap_is_used(const XenIdMap *map, uint32_t id);
/* Marks @id as used or free; it must be below size. */
void xen_idmap_take(XenIdMap *map, uint32_t id);
void xen_idmap_release(XenIdMap *map, uint32_t id);
/* The lowest number not in use, or size when there is none. */
uint32_t xen_idmap_lowest_free(const XenIdMap *map);
/* The lowest number in use that is @id or more, or size when there is none. */
uint32_t xen_idmap_next(const XenIdMap *map, uint32_t id);
/* One past the highest number in use; 0: none is. */
uint32_t xen_idmap_end(const XenIdMap *map);

#endif
