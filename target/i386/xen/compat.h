/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments of hypercalls as a 32-bit guest lays them out
 *
 * Only those that differ from the 64-bit layout.  Longs, frame numbers and
 * pointers are 32 bits wide, and a 64-bit integer aligns to 4 bytes.  The
 * operations convert to the 64-bit structure when they copy in.
 *
 * Source of the ABI: include/hw/xen/interface/, read as i386 compilers do.
 */
#ifndef TARGET_I386_XEN_COMPAT_H
#define TARGET_I386_XEN_COMPAT_H

#include "qemu/compiler.h"

typedef struct XenCompatAddToPhysmap {
    uint16_t domid;
    uint16_t size;
    uint32_t space;
    uint32_t idx;
    uint32_t gpfn;
} XenCompatAddToPhysmap;
QEMU_BUILD_BUG_ON(sizeof(XenCompatAddToPhysmap) != 16);

typedef struct XenCompatAddToPhysmapBatch {
    uint16_t domid;
    uint16_t space;
    uint16_t size;
    uint16_t extra;
    uint32_t idxs;
    uint32_t gpfns;
    uint32_t errs;
} XenCompatAddToPhysmapBatch;
QEMU_BUILD_BUG_ON(sizeof(XenCompatAddToPhysmapBatch) != 20);

typedef struct XenCompatRemoveFromPhysmap {
    uint16_t domid;
    uint32_t gpfn;
} XenCompatRemoveFromPhysmap;
QEMU_BUILD_BUG_ON(sizeof(XenCompatRemoveFromPhysmap) != 8);

typedef struct XenCompatMemoryReservation {
    uint32_t extent_start;
    uint32_t nr_extents;
    uint32_t extent_order;
    uint32_t mem_flags;
    uint16_t domid;
} XenCompatMemoryReservation;
QEMU_BUILD_BUG_ON(sizeof(XenCompatMemoryReservation) != 20);

typedef struct XenCompatMemoryMap {
    uint32_t nr_entries;
    uint32_t buffer;
} XenCompatMemoryMap;
QEMU_BUILD_BUG_ON(sizeof(XenCompatMemoryMap) != 8);

typedef struct XenCompatSchedPoll {
    uint32_t ports;
    uint32_t nr_ports;
    uint64_t timeout;
} XenCompatSchedPoll;
QEMU_BUILD_BUG_ON(sizeof(XenCompatSchedPoll) != 16);

typedef struct XenCompatSetupTable {
    uint16_t dom;
    uint32_t nr_frames;
    int16_t status;
    uint32_t frame_list;
} XenCompatSetupTable;
QEMU_BUILD_BUG_ON(sizeof(XenCompatSetupTable) != 16);

#endif
