/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments of hypercalls whose layout in 32-bit guests differs
 *
 * Longs, frame numbers and pointers are 32 bits wide there, and a 64-bit
 * integer aligns to 4 bytes.  xen_get_arg() copies such an argument in and
 * converts it to the structure of a 64-bit guest, so operations see only that
 * one.
 *
 * Source of the ABI: include/hw/xen/interface/, read as i386 compilers do.
 */
#ifndef TARGET_I386_XEN_COMPAT_H
#define TARGET_I386_XEN_COMPAT_H

#include "guest_access.h"

typedef struct XenCompatSetupTable {
    uint16_t dom;
    uint32_t nr_frames;
    int16_t status;
    uint32_t frame_list;
} XenCompatSetupTable;
QEMU_BUILD_BUG_ON(sizeof(XenCompatSetupTable) != 16);

/* Offset and size of a field in both layouts. */
typedef struct XenCompatField {
    uint8_t offset32, size32;
    uint8_t offset64, size64;
} XenCompatField;

/* An argument in both layouts: sizes in bytes, and the fields in use. */
typedef struct XenCompatArg {
    uint8_t size32, size64;
    uint8_t nr_fields;
    const XenCompatField *fields;
} XenCompatArg;

extern const XenCompatArg xen_arg_add_to_physmap;
extern const XenCompatArg xen_arg_add_to_physmap_batch;
extern const XenCompatArg xen_arg_memory_map;
extern const XenCompatArg xen_arg_memory_reservation;
extern const XenCompatArg xen_arg_remove_from_physmap;
extern const XenCompatArg xen_arg_sched_poll;

/*
 * Copies argument @arg from @gva, in the layout of the caller, to @op, which
 * has the layout of 64-bit guests and @size bytes.  Missing upper halves are 0.
 * 0 or -EFAULT; threads as in guest_access.h.
 */
int xen_get_arg(XenHypercall *hc, void *op, size_t size, uint64_t gva,
                const XenCompatArg *arg);
#define XEN_GET_ARG(hc, op, gva, arg) \
    xen_get_arg(hc, op, sizeof(*(op)), gva, arg)

#endif
