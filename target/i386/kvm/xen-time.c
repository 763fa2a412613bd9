/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: system time, mostly without a system call
 *
 * A timer in QEMU needs the time when it is armed and again when it expires,
 * and KVM_GET_CLOCK is a system call.  But if the kernel's clock is a linear
 * function of the host's TSC (KVM_CLOCK_TSC_STABLE), and the result includes
 * the TSC that it belongs to (KVM_CLOCK_HOST_TSC), the time can be extrapolated
 * from a later TSC.  The slope is the TSC frequency as the kernel reports it,
 * which is what the kernel computes the clock with.
 *
 * The kernel changes the function when QEMU sets the clock, which it does when
 * a stopped VM resumes, and when the TSC of a vCPU is written.  So nothing is
 * extrapolated while the VM is stopped, or for longer than LINE_MS.  That
 * bounds the time for which a change is not noticed; the error is then that of
 * the frequency.
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_GET_CLOCK.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/lockable.h"
#include "qemu/seqlock.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "system/kvm.h"
#include "system/kvm_int.h"
#include "system/runstate.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"

#define LINE_MS     100

/* An error of more than 1/1024 of the interval: the slope is wrong. */
#define WRONG_SHIFT 10

static struct {
    QemuMutex lock;             /* of writers */
    QemuSeqLock sequence;
    /* Under the sequence: */
    uint64_t tsc, clock_ns;     /* a point; clock_ns 0: no line */
    /* With the lock: */
    uint64_t khz;               /* ticks per ms; 0: no lines.  Atomic reads */
    bool vm_running;
} line;

/* The time at @tsc on the line through (@tsc0, @clock0); 0: unknown. */
static uint64_t follow(uint64_t tsc0, uint64_t clock0, uint64_t tsc)
{
    uint64_t khz = qatomic_read(&line.khz);
    uint64_t ticks = tsc - tsc0;

    /* If one TSC is slightly behind another, this is a large number. */
    if (!clock0 || !khz || ticks > LINE_MS * khz) {
        return 0;
    }
    return clock0 + ticks * SCALE_MS / khz;
}

static uint64_t time_by_line(void)
{
    uint64_t tsc0, clock0;
    unsigned start;

    do {
        start = seqlock_read_begin(&line.sequence);
        tsc0 = qatomic_read(&line.tsc);
        clock0 = qatomic_read(&line.clock_ns);
    } while (seqlock_read_retry(&line.sequence, start));
    return follow(tsc0, clock0, cpu_get_host_ticks());
}

/* Lock held. */
static void begin_line(uint64_t tsc, uint64_t clock_ns)
{
    seqlock_write_begin(&line.sequence);
    qatomic_set(&line.tsc, tsc);
    qatomic_set(&line.clock_ns, clock_ns);
    seqlock_write_end(&line.sequence);
}

/* Lock held: the next line, from the result of the ioctl. */
static void follow_from(const struct kvm_clock_data *data)
{
    const uint32_t needed = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC;
    uint64_t expected = follow(line.tsc, line.clock_ns, data->host_tsc);
    uint64_t wrong = expected > data->clock ? expected - data->clock :
                                              data->clock - expected;

    if (expected && wrong > (data->clock - line.clock_ns) >> WRONG_SHIFT) {
        trace_xen_kvm_fallback(-1, "clock by the TSC", -ERANGE);
        qatomic_set(&line.khz, 0);
    }
    if (!line.khz || !line.vm_running ||
        (data->flags & needed) != needed) {
        begin_line(0, 0);
    } else {
        begin_line(data->host_tsc, data->clock);
    }
}

uint64_t kvm_xen_system_time(void)
{
    struct kvm_clock_data data = { };
    uint64_t now = time_by_line();
    bool locked;

    if (now) {
        return now;
    }
    /*
     * The lock is held during the ioctl, so that a result from before the VM
     * stopped does not start a line afterwards.  If it is taken, another thread
     * is starting a line.
     */
    locked = !qemu_mutex_trylock(&line.lock);
    /* Cannot fail on a kernel with Xen support. */
    kvm_vm_ioctl(kvm_state, KVM_GET_CLOCK, &data);
    if (locked) {
        follow_from(&data);
        qemu_mutex_unlock(&line.lock);
    }
    return data.clock;
}

void kvm_xen_time_vm_state(bool running)
{
    QEMU_LOCK_GUARD(&line.lock);
    line.vm_running = running;
    begin_line(0, 0);
}

void kvm_xen_time_init(void)
{
    int khz = kvm_vm_ioctl(kvm_state, KVM_GET_TSC_KHZ);

    qemu_mutex_init(&line.lock);
    seqlock_init(&line.sequence);
    /* Linux supports this for VMs since 5.18. */
    line.khz = MAX(khz, 0);
    line.vm_running = runstate_is_running();
}
