/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared-info page: its memory
 *
 * A page of QEMU's.  Where the guest sees it is the domain's business
 * (device/shared-info-ops.c); here is what others read: its host address, which
 * never changes once the machine exists, and its place.
 *
 * Source of the ABI: include/hw/xen/interface/xen.h (struct shared_info).
 */
#ifndef HW_XEN_EMU_MEMORY_SHARED_INFO_H
#define HW_XEN_EMU_MEMORY_SHARED_INFO_H

#include "exec/memory.h"
#include "hw/xen/emu/page.h"

typedef struct XenSharedInfo {
    MemoryRegion mem;
    void *hva;                  /* NULL: Xen is not emulated */
    uint64_t gpa;               /* XEN_GPA_NONE: mapped nowhere.  BQL */
} XenSharedInfo;

extern XenSharedInfo xen_shared_info_page;

/* Host address of the page; NULL where there is no Xen.  Any thread. */
static inline void *xen_shared_info(void)
{
    return xen_shared_info_page.hva;
}

/* Host address of the vcpu_info in it of @vcpu < XEN_LEGACY_MAX_VCPUS. */
void *xen_shared_info_vcpu(unsigned vcpu);

/* Allocates the page for @owner.  False with *errp.  Once, BQL. */
bool xen_shared_info_init(Object *owner, Error **errp);

#endif
