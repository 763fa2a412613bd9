/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: upcalls that a LAPIC has dropped
 *
 * A LAPIC that is disabled ignores interrupts, and INIT clears those that are
 * requested.  Xen raises a pending upcall again when the guest enables the
 * LAPIC, and so does KVM's Xen support.  Without that QEMU does not learn of it,
 * since the LAPIC is in the kernel.  So it raises an upcall again as long as
 * evtchn_upcall_pending is set, after FIRST_NS and then less and less often.
 *
 * A handler that is entered for nothing finds no event, and returns.  A vCPU
 * that takes its upcalls in time costs one check every FIRST_NS at most.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"

#define FIRST_NS    (50 * SCALE_MS)
#define LONGEST_NS  (1000 * SCALE_MS)

static void arm(XenVcpu *v, int64_t wait_ns)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);

    if (!qatomic_xchg(&kv->retry.armed, true)) {
        timer_mod(kv->retry.timer,
                  qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + wait_ns);
    }
}

/* In the main loop. */
static void expired(void *opaque)
{
    XenVcpu *v = opaque;
    KvmXenVcpu *kv = kvm_xen_vcpu(v);

    /* Who sets the flag from now on arms the timer again. */
    qatomic_set_mb(&kv->retry.armed, false);
    if (!xen_evtchn_upcall_pending(xen_emu_evtchn(), v->id)) {
        kv->retry.wait_ns = FIRST_NS;
        return;
    }
    trace_xen_kvm_retry(v->id, kv->retry.wait_ns);
    kv->retry.wait_ns = MIN(2 * kv->retry.wait_ns, LONGEST_NS);
    arm(v, kv->retry.wait_ns);
    xen_upcall_raise_again(v);
}

void kvm_xen_retry(XenVcpu *v)
{
    arm(v, FIRST_NS);
}

void kvm_xen_retry_new_vcpu(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);

    kv->retry.timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, expired, v);
    kv->retry.wait_ns = FIRST_NS;
}

void kvm_xen_retry_free_vcpu(XenVcpu *v)
{
    timer_free(kvm_xen_vcpu(v)->retry.timer);
}
