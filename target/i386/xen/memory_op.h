/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pieces of HYPERVISOR_memory_op that have a file of their own
 */
#ifndef TARGET_I386_XEN_MEMORY_OP_H
#define TARGET_I386_XEN_MEMORY_OP_H

#include "hw/xen/emu/hypercall.h"

/*
 * XENMEM_populate_physmap, _decrease_ and _increase_reservation: returns how
 * many extents were done, counted from the first one, also when it stopped
 * at a bad argument.  @start: extents done before the call was preempted.
 */
int64_t xen_memory_reservation(XenHypercall *hc, uint32_t cmd, uint32_t start);

/*
 * Gives frame @gfn of RAM back to the host, which may keep it: its contents are
 * zeroes or what they were.  False: no RAM there.
 */
bool xen_memory_give_back(uint64_t gfn);

/*
 * One page of XENMEM_add_to_physmap: page @idx of @space (XENMAPSPACE_*) is at
 * @gfn and where it was no more.  Takes the BQL.  -EINVAL: no such page or
 * frame; -EOPNOTSUPP, -EPERM: by space.
 */
int xen_memory_map_page(uint32_t space, uint64_t idx, uint64_t gfn);
/* XENMEM_remove_from_physmap. */
int xen_memory_remove(XenHypercall *hc, uint64_t gva);

#endif
