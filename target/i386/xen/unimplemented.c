/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to operations that the emulation does not implement
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "internal.h"

int64_t xen_hypercall_unimplemented(XenHypercall *hc)
{
    qemu_log_mask(LOG_UNIMP, "Unimplemented Xen hypercall %" PRIu64
                  " (0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 ")\n",
                  hc->nr, hc->arg[0], hc->arg[1], hc->arg[2]);
    return -ENOSYS;
}
