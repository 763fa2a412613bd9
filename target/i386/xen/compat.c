/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments of hypercalls whose layout in 32-bit guests differs
 */
#include "qemu/osdep.h"
#include "compat.h"

#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/sched.h"

typedef struct CompatAddToPhysmap {
    uint16_t domid;
    uint16_t size;
    uint32_t space;
    uint32_t idx;
    uint32_t gpfn;
} CompatAddToPhysmap;
QEMU_BUILD_BUG_ON(sizeof(CompatAddToPhysmap) != 16);

typedef struct CompatAddToPhysmapBatch {
    uint16_t domid;
    uint16_t space;
    uint16_t size;
    uint16_t extra;
    uint32_t idxs;
    uint32_t gpfns;
    uint32_t errs;
} CompatAddToPhysmapBatch;
QEMU_BUILD_BUG_ON(sizeof(CompatAddToPhysmapBatch) != 20);

typedef struct CompatMemoryMap {
    uint32_t nr_entries;
    uint32_t buffer;
} CompatMemoryMap;
QEMU_BUILD_BUG_ON(sizeof(CompatMemoryMap) != 8);

typedef struct CompatMemoryReservation {
    uint32_t extent_start;
    uint32_t nr_extents;
    uint32_t extent_order;
    uint32_t mem_flags;
    uint16_t domid;
} CompatMemoryReservation;
QEMU_BUILD_BUG_ON(sizeof(CompatMemoryReservation) != 20);

typedef struct CompatRemoveFromPhysmap {
    uint16_t domid;
    uint32_t gpfn;
} CompatRemoveFromPhysmap;
QEMU_BUILD_BUG_ON(sizeof(CompatRemoveFromPhysmap) != 8);

typedef struct CompatSchedPoll {
    uint32_t ports;
    uint32_t nr_ports;
    uint64_t timeout;
} CompatSchedPoll;
QEMU_BUILD_BUG_ON(sizeof(CompatSchedPoll) != 16);

/* The largest of them. */
#define MAX_SIZE32  sizeof(CompatMemoryReservation)

#define ARG(compat, native, fields) {           \
        sizeof(compat), sizeof(native),         \
        ARRAY_SIZE(fields), fields,             \
    }
#define FIELD(compat, native, name) {                                   \
        offsetof(compat, name), sizeof_field(compat, name),             \
        offsetof(native, name), sizeof_field(native, name),             \
    }

#define PHYSMAP(name)   FIELD(CompatAddToPhysmap, xen_add_to_physmap_t, name)
QEMU_BUILD_BUG_ON(sizeof(xen_add_to_physmap_t) != 24);
static const XenCompatField add_to_physmap[] = {
    PHYSMAP(domid), PHYSMAP(size), PHYSMAP(space), PHYSMAP(idx),
    PHYSMAP(gpfn),
};
const XenCompatArg xen_arg_add_to_physmap =
    ARG(CompatAddToPhysmap, xen_add_to_physmap_t, add_to_physmap);

#define BATCH(name) \
    FIELD(CompatAddToPhysmapBatch, xen_add_to_physmap_batch_t, name)
QEMU_BUILD_BUG_ON(sizeof(xen_add_to_physmap_batch_t) != 32);
static const XenCompatField add_to_physmap_batch[] = {
    BATCH(domid), BATCH(space), BATCH(size), BATCH(idxs), BATCH(gpfns),
    BATCH(errs),
};
const XenCompatArg xen_arg_add_to_physmap_batch =
    ARG(CompatAddToPhysmapBatch, xen_add_to_physmap_batch_t,
        add_to_physmap_batch);

#define MAP(name)       FIELD(CompatMemoryMap, xen_memory_map_t, name)
QEMU_BUILD_BUG_ON(sizeof(xen_memory_map_t) != 16);
static const XenCompatField memory_map[] = {
    MAP(nr_entries), MAP(buffer),
};
const XenCompatArg xen_arg_memory_map =
    ARG(CompatMemoryMap, xen_memory_map_t, memory_map);

#define RESERVATION(name) \
    FIELD(CompatMemoryReservation, xen_memory_reservation_t, name)
QEMU_BUILD_BUG_ON(sizeof(xen_memory_reservation_t) != 32);
static const XenCompatField memory_reservation[] = {
    RESERVATION(extent_start), RESERVATION(nr_extents),
    RESERVATION(extent_order), RESERVATION(domid),
};
const XenCompatArg xen_arg_memory_reservation =
    ARG(CompatMemoryReservation, xen_memory_reservation_t, memory_reservation);

#define REMOVE(name) \
    FIELD(CompatRemoveFromPhysmap, xen_remove_from_physmap_t, name)
QEMU_BUILD_BUG_ON(sizeof(xen_remove_from_physmap_t) != 16);
static const XenCompatField remove_from_physmap[] = {
    REMOVE(domid), REMOVE(gpfn),
};
const XenCompatArg xen_arg_remove_from_physmap =
    ARG(CompatRemoveFromPhysmap, xen_remove_from_physmap_t,
        remove_from_physmap);

#define POLL(name)      FIELD(CompatSchedPoll, sched_poll_t, name)
QEMU_BUILD_BUG_ON(sizeof(sched_poll_t) != 24);
static const XenCompatField sched_poll[] = {
    POLL(ports), POLL(nr_ports), POLL(timeout),
};
const XenCompatArg xen_arg_sched_poll =
    ARG(CompatSchedPoll, sched_poll_t, sched_poll);

int xen_get_arg(XenHypercall *hc, void *op, size_t size, uint64_t gva,
                const XenCompatArg *arg)
{
    uint8_t guest[MAX_SIZE32];

    assert(size == arg->size64 && arg->size32 <= MAX_SIZE32);
    if (hc->long_mode) {
        return xen_copy_from_guest(hc, op, gva, size);
    }
    if (xen_copy_from_guest(hc, guest, gva, arg->size32)) {
        return -EFAULT;
    }
    memset(op, 0, size);
    for (unsigned i = 0; i < arg->nr_fields; i++) {
        const XenCompatField *f = &arg->fields[i];

        /* Little-endian: a narrow field is the low half of a wide one. */
        memcpy((uint8_t *)op + f->offset64, guest + f->offset32,
               MIN(f->size32, f->size64));
    }
    return 0;
}
