/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: system time, mostly without asking the kernel
 *
 * A timer that QEMU keeps needs the time when it is armed and again when it is
 * due, and KVM_GET_CLOCK is a system call.  But where the kernel's clock is a
 * straight line over the host's TSC (KVM_CLOCK_TSC_STABLE), and the answer says
 * at which tick it was given (KVM_CLOCK_HOST_TSC), the line can be followed by
 * reading the TSC.  Its slope is the kernel's idea of the TSC's frequency, which
 * is also what the kernel draws it with.
 *
 * The kernel may begin a new line: QEMU sets the clock, which it does when a
 * stopped VM goes on, or a vCPU's TSC is written.  So no line is followed while
 * the VM is stopped, and none for longer than LINE_MS, which bounds how long a
 * new one is not seen; lines differ by what the frequency is inexact.
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

/* A line that is wrong by more than 1/1024 of its way has the wrong slope. */
#define WRONG_SHIFT 10

static struct {
    QemuMutex lock;             /* of writers */
    QemuSeqLock sequence;
    /* Under the sequence: */
    uint64_t tsc, clock_ns;     /* a point; clock_ns 0: there is no line */
    /* With the lock: */
    uint64_t khz;               /* ticks in a ms; 0: no lines.  Atomic to read */
    bool vm_running;
} line;

/* The time at @tsc by the line through (@tsc0, @clock0), or 0: ask. */
static uint64_t follow(uint64_t tsc0, uint64_t clock0, uint64_t tsc)
{
    uint64_t khz = qatomic_read(&line.khz);
    uint64_t ticks = tsc - tsc0;

    /* One TSC may be a little behind another: that is a large number here. */
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

/* Lock held: the next line, from the kernel's answer. */
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
     * The lock is held from the kernel's answer on, so that one from before the
     * VM was stopped does not begin a line after it.  Who does not get it needs
     * no line: somebody else is drawing one.
     */
    locked = !qemu_mutex_trylock(&line.lock);
    /* Cannot fail on a kernel that has Xen support. */
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
    /* Linux answers this for a VM since 5.18. */
    line.khz = MAX(khz, 0);
    line.vm_running = runstate_is_running();
}
