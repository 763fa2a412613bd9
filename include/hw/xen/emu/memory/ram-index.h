/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The RAM of this machine, ordered by frame
 *
 * Publishes a slot index (slot-index.h) of the system address space: a change to
 * the memory map copies the index, changes the copy and puts it in the place of
 * the old one.  What readers see never changes under them; they are never waited
 * for.
 */
#ifndef HW_XEN_EMU_MEMORY_RAM_INDEX_H
#define HW_XEN_EMU_MEMORY_RAM_INDEX_H

#include "hw/xen/emu/memory/slot-index.h"

/*
 * Follow the system address space from now on; once, BQL.  After each change,
 * with the new index in place: @lost(gpa, len) for each range where RAM is no
 * longer what it was, then @changed().  Both under the BQL.
 *
 * Because the index is in place first, whoever looks up a page after @lost was
 * called for it finds the new memory.  Whoever found the old memory before and
 * is about to remember it must do both under a lock that @lost takes too.
 */
void xen_ram_listen(void (*lost)(uint64_t gpa, uint64_t len),
                    void (*changed)(void));

/*
 * The index of now; never NULL after xen_ram_listen().  Any thread, within an
 * RCU read-side critical section.  Slots in it, and their mr, are valid until
 * the section ends; take a reference on the mr to keep it for longer.
 */
const XenSlots *xen_ram_slots(void);

#endif
