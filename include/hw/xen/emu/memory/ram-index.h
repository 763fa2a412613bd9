/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of the machine's RAM by frame, for lock-free readers
 *
 * Publishes a slot index (slot-index.h) of the system address space by RCU: a
 * change to the memory map copies the index, updates the copy and replaces the
 * old one.
 */
#ifndef HW_XEN_EMU_MEMORY_RAM_INDEX_H
#define HW_XEN_EMU_MEMORY_RAM_INDEX_H

#include "hw/xen/emu/memory/slot-index.h"

/*
 * Starts listening to the system address space; once, BQL.  After each change,
 * when the new index has been published, calls @lost(gpa, len) for each range
 * whose RAM was removed or replaced, then @changed().  Both under the BQL.
 *
 * A lookup after @lost finds the new memory.  A caller that keeps the result of
 * a lookup must do both under a lock that @lost takes, or it may keep the old
 * memory.
 */
void xen_ram_listen(void (*lost)(uint64_t gpa, uint64_t len),
                    void (*changed)(void));

/*
 * The current index; never NULL after xen_ram_listen().  Any thread, within an
 * RCU read-side critical section.  Its slots and their mr are valid until the
 * section ends; take a reference on the mr to keep it for longer.
 */
const XenSlots *xen_ram_slots(void);

#endif
