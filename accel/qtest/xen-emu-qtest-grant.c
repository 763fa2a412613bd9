/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qtest protocol commands that use grants as a back end does
 *
 *  > xen_grant_copy VCPU DOMID REF OFFSET LEN TO_GUEST
 *  < OK RESULT
 *
 * Copies LEN bytes to the guest (all 0xa5) or from it.  RESULT: GNTST_* in bits
 * 15 to 0; the first four bytes copied from the guest in bits 63 to 32.
 *
 *  > xen_grant_map VCPU DOMID REF WRITE
 *  < OK RESULT
 *
 * RESULT is the number of a mapping, or GNTST_* as a 64-bit number.
 *
 *  > xen_grant_peek VCPU MAPPING OFFSET
 *  < OK VALUE
 *  > xen_grant_poke VCPU MAPPING OFFSET VALUE
 *  < OK 0
 *  > xen_grant_unmap VCPU MAPPING
 *  < OK 0
 *
 * Read and write four bytes of a mapping, and unmap it.  VCPU is ignored.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/xen/emu/grant.h"
#include "xen-emu-qtest.h"

#define NR_MAPPINGS     8

static XenGrantMap *mappings[NR_MAPPINGS];

bool xen_emu_qtest_grant_copy(CPUState *cs, const uint64_t *arg,
                              uint64_t *result)
{
    uint8_t data[XEN_GRANT_PAGE_SIZE] = { 0 };
    XenGrantSeg seg = {
        .ref = arg[2], .offset = arg[3], .len = arg[4], .to_guest = arg[5],
        .data = data,
    };
    int16_t status;

    if (arg[1] > UINT16_MAX || arg[2] > UINT32_MAX || arg[3] > UINT16_MAX ||
        arg[4] > sizeof(data) || arg[5] > 1) {
        return false;
    }
    if (seg.to_guest) {
        memset(data, 0xa5, seg.len);
    }
    status = xen_grant_copy(arg[1], &seg, 1);
    *result = (uint64_t)ldl_le_p(data) << 32 | (uint16_t)status;
    return status == seg.status;
}

bool xen_emu_qtest_grant_map(CPUState *cs, const uint64_t *arg,
                             uint64_t *result)
{
    uint32_t ref = arg[2];
    int16_t status;

    if (arg[1] > UINT16_MAX || arg[2] > UINT32_MAX || arg[3] > 1) {
        return false;
    }
    for (unsigned i = 0; i < NR_MAPPINGS; i++) {
        if (!mappings[i]) {
            mappings[i] = xen_grant_map(arg[1], &ref, 1, arg[3], &status);
            *result = mappings[i] ? i : (int64_t)status;
            return true;
        }
    }
    return false;
}

static void *place(const uint64_t *arg)
{
    if (arg[1] >= NR_MAPPINGS || !mappings[arg[1]] ||
        arg[2] > XEN_GRANT_PAGE_SIZE - sizeof(uint32_t)) {
        return NULL;
    }
    return xen_grant_map_page(mappings[arg[1]], 0) + arg[2];
}

bool xen_emu_qtest_grant_peek(CPUState *cs, const uint64_t *arg,
                              uint64_t *result)
{
    void *p = place(arg);

    if (p) {
        *result = ldl_le_p(p);
    }
    return p;
}

bool xen_emu_qtest_grant_poke(CPUState *cs, const uint64_t *arg,
                              uint64_t *result)
{
    void *p = place(arg);

    if (!p || arg[3] > UINT32_MAX) {
        return false;
    }
    stl_le_p(p, arg[3]);
    *result = 0;
    return true;
}

bool xen_emu_qtest_grant_unmap(CPUState *cs, const uint64_t *arg,
                               uint64_t *result)
{
    if (arg[1] >= NR_MAPPINGS || !mappings[arg[1]]) {
        return false;
    }
    xen_grant_unmap(mappings[arg[1]]);
    mappings[arg[1]] = NULL;
    *result = 0;
    return true;
}
