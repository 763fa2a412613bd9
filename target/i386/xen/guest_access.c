/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access to the caller of a hypercall: memory, registers, preemption
 */
#include "qemu/osdep.h"
#include "system/address-spaces.h"
#include "system/memory.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/debug/fault-inject.h"
#include "cpu.h"
#include "guest_access.h"

/* Elements of a guest's array between two checks for other work. */
#define PREEMPT_CHUNK   64

const uint8_t *xen_hypercall_arg_regs(bool long_mode)
{
    static const uint8_t regs[][XEN_HYPERCALL_ARGS] = {
        { R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_EBP },
        { R_EDI, R_ESI, R_EDX, R_R10, R_R8, R_R9 },
    };

    return regs[long_mode];
}

/*
 * RAM only: an argument in the registers of a device would let the guest call
 * that device from here.  Xen refuses it too.
 */
static int guest_rw(XenHypercall *hc, uint64_t gva, void *buf, size_t len,
                    bool write)
{
    const MemTxAttrs attrs = { .memory = 1 };

    while (len) {
        uint64_t gpa, chunk = len;

        if (!hc->long_mode) {
            gva = (uint32_t)gva;
        }
        if (xen_fault(XEN_FAULT_COPY) ||
            xen_emu_accel()->cpu.translate(hc->cs, gva, write, &gpa, &chunk) < 0 ||
            address_space_rw(&address_space_memory, gpa, attrs, buf, chunk,
                             write) != MEMTX_OK) {
            return -EFAULT;
        }
        buf += chunk;
        gva += chunk;
        len -= chunk;
    }
    return 0;
}

int xen_copy_from_guest(XenHypercall *hc, void *dst, uint64_t gva, size_t len)
{
    return guest_rw(hc, gva, dst, len, false);
}

int xen_copy_to_guest(XenHypercall *hc, uint64_t gva, const void *src,
                      size_t len)
{
    /* guest_rw() only reads @src in this direction. */
    return guest_rw(hc, gva, (void *)src, len, true);
}

size_t xen_long_size(const XenHypercall *hc)
{
    return hc->long_mode ? sizeof(uint64_t) : sizeof(uint32_t);
}

int xen_get_long(XenHypercall *hc, uint64_t *val, uint64_t gva, uint64_t index)
{
    size_t size = xen_long_size(hc);

    *val = 0;
    return xen_copy_from_guest(hc, val, gva + index * size, size);
}

int xen_put_long(XenHypercall *hc, uint64_t gva, uint64_t index, uint64_t val)
{
    size_t size = xen_long_size(hc);

    return xen_copy_to_guest(hc, gva + index * size, &val, size);
}

int xen_run_op(XenHypercall *hc, uint32_t cmd, uint64_t gva,
               const XenOpArg *arg, void *op,
               int (*run)(uint32_t cmd, void *op))
{
    int ret;

    if (xen_copy_from_guest(hc, op, gva, arg->size)) {
        return -EFAULT;
    }
    ret = run(cmd, op);
    if (!ret && arg->out && xen_copy_to_guest(hc, gva, op, arg->size)) {
        ret = -EFAULT;
    }
    return ret;
}

bool xen_hypercall_preempt(XenHypercall *hc, uint64_t done)
{
    CPUState *cs = hc->cs;

    if (!hc->can_restart || !done || done % PREEMPT_CHUNK) {
        return false;
    }
    /*
     * There are two ways to kick the thread of a vCPU, and each accelerator
     * uses one of them.  On TCG an upcall is neither a kick nor an interrupt.
     */
    return qatomic_read(&cs->exit_request) ||
           qatomic_read(&cs->thread_kicked) ||
           qatomic_read(&cs->interrupt_request) ||
           qatomic_read(&cpu_env(cs)->xen_pending);
}
