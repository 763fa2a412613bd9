/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: kicks that a vCPU handles without the BQL
 *
 * After QEMU's own kick a vCPU leaves kvm_cpu_exec(), and its outer loop takes
 * the BQL.  The kicks here use another signal, which is sent by a thread
 * (kvm_xen_kick) or by a timer of the host's kernel (kvm_xen_kick_in): KVM_RUN
 * returns -EINTR, kvm_cpu_exec() calls kvm_xen_handle_kick(), which handles the
 * reason, and then KVM_RUN again.  So a timer wakes its vCPU directly, without
 * another thread in between.
 *
 * The signal is blocked except in KVM_RUN.  At other times it stays pending and
 * ends the next KVM_RUN immediately, so no kick is lost, and no signal handler
 * is needed.
 *
 * A kick by QEMU is not lost either if its signal ends the same KVM_RUN:
 * thread_kicked is set before the signal is sent, and cleared in the outer loop
 * only.  If it is still clear after kvm_cpu_exec() has cleared immediate_exit,
 * the signal is yet to come and will set immediate_exit again.  exit_request is
 * set without a signal; kvm_cpu_exec() checks it before each KVM_RUN.
 *
 * Linux wakes all waiters on a signalfd at any signal to the process, and
 * QEMU's main loop waits on one, for SIGBUS.  When the first timer is armed,
 * the main loop stops waiting on it and checks it every SIGBUS_MS instead.
 * Such a SIGBUS only reports broken host memory that has not been accessed yet,
 * which is passed to the guest for information.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "system/cpus.h"
#include "system/kvm_xen.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"

/* Not defined by older C libraries. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id  _sigev_un._tid
#endif

#define KICK_SIGNAL         SIGRTMIN
#define KERNEL_SIGSET_BYTES 8
#define SIGBUS_MS           1000

static QEMUBH *no_signalfd_bh;
static QEMUTimer *sigbus_timer;

static void take_signals(void *opaque)
{
    qemu_main_loop_take_signals(false);
    timer_mod(sigbus_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + SIGBUS_MS);
}

static sigset_t kick_signal(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, KICK_SIGNAL);
    return set;
}

/* KVM_RUN can be ended by what QEMU leaves unblocked, and by our signal. */
static int unblock_in_guest(CPUState *cs)
{
    uint32_t buffer[(sizeof(struct kvm_signal_mask) + KERNEL_SIGSET_BYTES) / 4];
    struct kvm_signal_mask *mask = (struct kvm_signal_mask *)buffer;
    sigset_t set;

    pthread_sigmask(SIG_BLOCK, NULL, &set);
    sigdelset(&set, SIG_IPI);
    sigdelset(&set, SIGBUS);
    sigdelset(&set, KICK_SIGNAL);
    mask->len = KERNEL_SIGSET_BYTES;
    memcpy(mask->sigset, &set, KERNEL_SIGSET_BYTES);
    return kvm_vcpu_ioctl(cs, KVM_SET_SIGNAL_MASK, mask);
}

void kvm_xen_kick_init_vcpu(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD_ID,
        .sigev_signo = KICK_SIGNAL,
        .sigev_notify_thread_id = qemu_get_thread_id(),
    };
    sigset_t set = kick_signal();

    if (!no_signalfd_bh) {
        sigbus_timer = timer_new_ms(QEMU_CLOCK_REALTIME, take_signals, NULL);
        no_signalfd_bh = qemu_bh_new(take_signals, NULL);
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kv->kick.works = kvm_check_extension(kvm_state, KVM_CAP_IMMEDIATE_EXIT) &&
                     !unblock_in_guest(v->cs) &&
                     !timer_create(CLOCK_MONOTONIC, &event, &kv->kick.timer);
    if (!kv->kick.works) {
        trace_xen_kvm_fallback(v->id, "kicks", -errno);
    }
}

void kvm_xen_kick_new_vcpu(XenVcpu *v)
{
    qemu_mutex_init(&kvm_xen_vcpu(v)->kick.lock);
}

void kvm_xen_kick_free_vcpu(XenVcpu *v)
{
    if (kvm_xen_vcpu(v)->kick.works) {
        timer_delete(kvm_xen_vcpu(v)->kick.timer);
    }
    qemu_mutex_destroy(&kvm_xen_vcpu(v)->kick.lock);
}

/*
 * Unplugging joins the thread before the vCPU leaves the table, and without the
 * BQL, so other threads still find it there.  pthread_kill() must not be called
 * for a joined thread: its pthread_t may be another thread's, in which the
 * signal is not blocked and so ends QEMU.
 */
void kvm_xen_kick_vcpu_leaving(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);

    QEMU_LOCK_GUARD(&kv->kick.lock);
    kv->kick.gone = true;
}

bool kvm_xen_kick_begin(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);

    qemu_mutex_lock(&kv->kick.lock);
    if (kv->kick.gone) {
        qemu_mutex_unlock(&kv->kick.lock);
        return false;
    }
    return true;
}

void kvm_xen_kick_end(XenVcpu *v)
{
    qemu_mutex_unlock(&kvm_xen_vcpu(v)->kick.lock);
}

void kvm_xen_kick(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);

    if ((kv->kick.works && qatomic_xchg(&kv->kick.signalled, true)) ||
        !kvm_xen_kick_begin(v)) {
        return;
    }
    if (!kv->kick.works) {
        qemu_cpu_kick(v->cs);
    } else if (pthread_kill(v->cs->thread->thread, KICK_SIGNAL)) {
        /* Too many signals are pending for this user. */
        qatomic_set(&kv->kick.signalled, false);
        qemu_cpu_kick(v->cs);
    }
    kvm_xen_kick_end(v);
}

bool kvm_xen_kick_in(XenVcpu *v, int64_t wait_ns)
{
    static bool timers_are_used;        /* atomic */
    KvmXenVcpu *kv = kvm_xen_vcpu(v);
    struct itimerspec when = { };

    if (!kv->kick.works) {
        return false;
    }
    if (wait_ns >= 0) {
        if (!qatomic_read(&timers_are_used) &&
            !qatomic_xchg(&timers_are_used, true)) {
            qemu_bh_schedule(no_signalfd_bh);
        }
        wait_ns = MAX(wait_ns, 1);      /* 0 would stop it */
        when.it_value.tv_sec = wait_ns / NANOSECONDS_PER_SECOND;
        when.it_value.tv_nsec = wait_ns % NANOSECONDS_PER_SECOND;
    }
    timer_settime(kv->kick.timer, 0, &when, NULL);
    return true;
}

bool kvm_xen_handle_kick(CPUState *cs)
{
    const struct timespec no_time = { };
    bool resume;
    sigset_t set;
    XenVcpu *v;

    if (!xen_emu) {
        return false;
    }
    v = xen_vcpu_get(cs->cpu_index);
    if (!v || !kvm_xen_vcpu(v)->kick.works) {
        return false;
    }
    set = kick_signal();
    if (sigtimedwait(&set, NULL, &no_time) < 0) {
        return false;
    }
    qatomic_set_mb(&kvm_xen_vcpu(v)->kick.signalled, false);
    xen_vcpu_timer_expired(v->timer);

    resume = !qatomic_read(&cs->thread_kicked);
    trace_xen_kvm_looked(cs->cpu_index, resume);
    return resume;
}
