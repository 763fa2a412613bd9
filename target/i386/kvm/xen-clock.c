/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: the guest's time on a kernel without SHARED_INFO
 *
 * A kernel without KVM_XEN_HVM_CONFIG_SHARED_INFO supports no Xen areas, but it
 * has kvmclock, whose area has the layout of Xen's vcpu_time_info.  That one is
 * placed in the vcpu_info of vCPU 0.  The kernel would disable it at the INIT
 * of any other vCPU, without an exit to QEMU, so the others get copies.  The
 * same factors are correct for all vCPUs if the host's TSC is stable.  The
 * kernel changes them every few minutes, by a few microseconds.  The copies
 * follow within COPY_NS, during which the times of vCPUs differ.  Guests have
 * to expect that of vcpu_info.  The secondary area has a stronger guarantee and
 * is not offered.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "standard-headers/asm-x86/kvm_para.h"
#include "cpu.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"
#include "xen-ioctl.h"

#define COPY_NS     (100 * SCALE_MS)

static QEMUTimer *copy_timer;

static uint8_t *time_of(CPUState *cs)
{
    uint8_t *vi = xen_evtchn_peek_vcpu_info(xen_emu_evtchn(), cs->cpu_index);

    return vi ? vi + XEN_VCPU_INFO_TIME : NULL;
}

static void copy_time(void *opaque)
{
    CPUState *cs, *first = qemu_get_cpu(0);
    uint8_t *from = first ? time_of(first) : NULL;

    assert(bql_locked());
    CPU_FOREACH(cs) {
        uint8_t *to = time_of(cs);

        if (from && to && cs != first) {
            xen_time_copy_vcpu_time(to, from);
        }
    }
    timer_mod(copy_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + COPY_NS);
}

static int set_clock_msr(CPUState *cs, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry msr;
    } msrs = {
        .head.nmsrs = 1,
        .msr = { .index = MSR_KVM_SYSTEM_TIME_NEW, .data = value },
    };
    int ret = KVM_XEN_VCPU_IOCTL(cs, KVM_SET_MSRS, &msrs);

    trace_xen_kvm_clock(cs->cpu_index, value, ret);
    /* QEMU writes this MSR too, when it loads all of a vCPU's state. */
    X86_CPU(cs)->env.system_time_msr = value;
    return ret < 0 ? ret : 0;
}

int kvm_xen_set_clock(CPUState *cs, uint64_t gpa)
{
    int ret = 0;

    if (!xen_emu_evtchn()) {
        return 0;       /* the machine is being created */
    }
    if (!copy_timer) {
        copy_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, copy_time, NULL);
    }
    if (cs->cpu_index == 0) {
        ret = set_clock_msr(cs, gpa == XEN_GPA_NONE ? 0 :
                            (gpa + XEN_VCPU_INFO_TIME) | KVM_MSR_ENABLED);
    }
    copy_time(NULL);
    return ret;
}
