/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of the shared-info page
 *
 * The page belongs to QEMU.  Its host address never changes once the machine
 * exists; device/shared-info-ops.c maps it into guest physical memory.
 *
 * Source of the ABI: include/hw/xen/interface/xen.h (struct shared_info).
 */
#ifndef HW_XEN_EMU_MEMORY_SHARED_INFO_H
#define HW_XEN_EMU_MEMORY_SHARED_INFO_H

#include "system/memory.h"
#include "hw/xen/emu/page.h"

typedef struct XenSharedInfo {
    MemoryRegion mem;
    void *hva;                  /* NULL: Xen is not emulated */
    uint64_t gpa;               /* XEN_GPA_NONE: not mapped.  BQL */
} XenSharedInfo;

extern XenSharedInfo xen_shared_info_page;

/* Host address of the page; NULL if Xen is not emulated.  Any thread. */
static inline void *xen_shared_info(void)
{
    return xen_shared_info_page.hva;
}

/* Host address of the vcpu_info in it of @vcpu < XEN_LEGACY_MAX_VCPUS. */
void *xen_shared_info_vcpu(unsigned vcpu);

/* Allocates the page for @owner.  False with *errp.  Once, BQL. */
bool xen_shared_info_init(Object *owner, Error **errp);

#endif
