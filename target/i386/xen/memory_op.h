/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of HYPERVISOR_memory_op in files of their own
 */
#ifndef TARGET_I386_XEN_MEMORY_OP_H
#define TARGET_I386_XEN_MEMORY_OP_H

#include "hw/xen/emu/hypercall.h"

/*
 * XENMEM_populate_physmap, _decrease_ and _increase_reservation: returns the
 * number of extents done, counted from the first one, also if it stopped at an
 * invalid argument.  @start: extents done before the call was preempted.
 */
int64_t xen_memory_reservation(XenHypercall *hc, uint32_t cmd, uint32_t start);

/*
 * XENMEM_memory_map: writes as many entries of the guest's memory map as the
 * guest has room for, and their number.  -EFAULT: no memory there.
 */
int xen_memory_map(XenHypercall *hc, uint64_t gva);

/*
 * Gives RAM frame @gfn back to the host, if possible: its contents become
 * zeroes, or stay.  False: no RAM there.  BQL.
 */
bool xen_memory_give_back(uint64_t gfn);

/*
 * XENMEM_add_to_physmap for one page: moves page @idx of @space (XENMAPSPACE_*)
 * to @gfn.  Takes the BQL.  -EINVAL: no such page or frame; -EOPNOTSUPP,
 * -EPERM: depending on @space.
 */
int xen_memory_map_page(uint32_t space, uint64_t idx, uint64_t gfn);
/* XENMEM_remove_from_physmap. */
int xen_memory_remove(XenHypercall *hc, uint64_t gva);

#endif
