/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-vCPU Xen timers in QEMU: single-shot and periodic
 *
 * The guest's deadlines (singleshot_ns, period_ns, next_tick_ns) are separate
 * from those of the QEMUTimers: a QEMUTimer may expire early, and is then
 * continued until the guest's deadline.  So a deadline can be postponed without
 * waking the thread, and the two clocks may differ.  The arithmetic is in
 * timer-calc.c.
 */
#include "qemu/osdep.h"
#include "exec/icount.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "system/cpu-timers.h"
#include "system/iothread.h"
#include "system/qtest.h"
#include "system/runstate.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/time.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "hw/xen/emu/vcpu/timer-calc.h"

struct XenVcpuTimer {
    XenVcpu *v;
    QEMUTimer *singleshot, *periodic;

    QemuMutex lock;             /* protects all that follows */
    QemuCond delivered;         /* delivering has become 0 */
    unsigned delivering;        /* number of threads in deliver() */
    bool vm_running;            /* else: nothing fires, QEMUTimers are idle */
    uint64_t singleshot_ns;     /* deadline; 0: not armed */
    uint64_t period_ns;         /* 0: not armed */
    uint64_t next_tick_ns;      /* 0: one period after the VM resumes */
    uint64_t last_tick_ns;      /* also of an earlier period; 0: never ticked */
    XenVcpuTimerStats stats;
};

/* Where expiry runs.  Set up with the first timer, under the BQL. */
static AioContext *expiry_context;
static bool expiry_in_main_loop;

static void choose_expiry_context(void)
{
    IOThread *thread;

    assert(bql_locked());
    if (expiry_context) {
        return;
    }

    /* With these the main loop advances the clock. */
    expiry_in_main_loop = qtest_enabled() || icount_enabled();
    if (expiry_in_main_loop) {
        expiry_context = qemu_get_aio_context();
        return;
    }

    thread = iothread_create("xen-timer", &error_fatal);
    expiry_context = iothread_get_aio_context(thread);
    /* Disable polling: this context only has timers. */
    xen_disable_polling(expiry_context);
}

/* Lock held. */
static void wait_until(XenVcpuTimer *t, QEMUTimer *timer, uint64_t deadline_ns,
                       uint64_t now)
{
    int64_t expire;

    if (!t->vm_running) {
        return;
    }

    if (xen_emu_accel()->clock.is_virtual_clock) {
        expire = MIN(deadline_ns, INT64_MAX);
    } else {
        int64_t start = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
        int64_t wait = xen_timer_wait_ns(deadline_ns, now, false);

        expire = wait > INT64_MAX - start ? INT64_MAX : start + wait;
    }

    if (expiry_in_main_loop) {
        timer_mod_ns(timer, expire);
    } else {
        timer_mod_anticipate_ns(timer, expire);
    }
}

/* In the vCPU's own thread, if possible, it need not be kicked at expiry. */
static bool wait_in_vcpu(XenVcpuTimer *t, int64_t wait_ns)
{
    return xen_emu_accel()->cpu.timer_in &&
           xen_emu_accel()->cpu.timer_in(t->v, wait_ns);
}

/* Lock held. */
static void wait_for_singleshot(XenVcpuTimer *t, uint64_t now)
{
    int64_t wait = xen_timer_wait_ns(t->singleshot_ns, now, false);

    if (t->vm_running && !wait_in_vcpu(t, wait)) {
        wait_until(t, t->singleshot, t->singleshot_ns, now);
    }
}

/* Lock held; it is released while the event is raised. */
static void deliver(XenVcpuTimer *t)
{
    unsigned vcpu = t->v->id;
    bool slow;

    t->stats.fired++;
    t->delivering++;
    qemu_mutex_unlock(&t->lock);

    xen_fast_begin();
    /* The guest's tick handler accounts for steal time. */
    xen_runstate_sample(t->v->runstate);
    slow = xen_evtchn_raise_virq_fast(xen_emu_evtchn(), vcpu,
                                      VIRQ_TIMER) == -EWOULDBLOCK;
    xen_fast_end();
    if (slow) {
        xen_evtchn_raise_virq(xen_emu_evtchn(), vcpu, VIRQ_TIMER);
    }

    qemu_mutex_lock(&t->lock);
    t->stats.slow += slow;
    if (--t->delivering == 0) {
        qemu_cond_broadcast(&t->delivered);
    }
}

/* Takes the lock for an operation of the guest. */
static void lock_after_delivery(XenVcpuTimer *t)
{
    qemu_mutex_lock(&t->lock);
    while (t->delivering) {
        qemu_cond_wait(&t->delivered, &t->lock);
    }
}

static void singleshot_expired(void *opaque)
{
    XenVcpuTimer *t = opaque;
    uint64_t now;

    QEMU_LOCK_GUARD(&t->lock);
    if (!t->vm_running || !t->singleshot_ns) {
        return;
    }
    now = xen_emu_system_time();
    if (!xen_timer_is_due(t->singleshot_ns, now)) {
        t->stats.early++;
        wait_for_singleshot(t, now);
        return;
    }
    t->singleshot_ns = 0;
    deliver(t);
}

void xen_vcpu_timer_expired(XenVcpuTimer *t)
{
    singleshot_expired(t);
}

static void periodic_expired(void *opaque)
{
    XenVcpuTimer *t = opaque;
    uint64_t now, due;

    QEMU_LOCK_GUARD(&t->lock);
    if (!t->vm_running || !t->period_ns) {
        return;
    }
    now = xen_emu_system_time();
    if (!xen_timer_is_due(t->next_tick_ns, now)) {
        t->stats.early++;
        wait_until(t, t->periodic, t->next_tick_ns, now);
        return;
    }
    due = t->next_tick_ns;
    t->next_tick_ns = xen_timer_next_tick(due, t->period_ns, now);
    t->last_tick_ns = t->next_tick_ns - t->period_ns;
    t->stats.coalesced += (t->last_tick_ns - due) / t->period_ns;
    wait_until(t, t->periodic, t->next_tick_ns, now);
    deliver(t);
}

/* Lock held. */
static void disarm_singleshot(XenVcpuTimer *t)
{
    if (t->singleshot_ns) {
        wait_in_vcpu(t, -1);
    }
    t->singleshot_ns = 0;
    timer_del(t->singleshot);
}

/* Lock held. */
static void disarm_periodic(XenVcpuTimer *t)
{
    t->period_ns = 0;
    timer_del(t->periodic);
}

/* Lock held, released while an event is raised. */
static void arm_singleshot(XenVcpuTimer *t, uint64_t deadline_ns, uint64_t now)
{
    t->stats.armed++;
    if (xen_timer_is_due(deadline_ns, now)) {
        disarm_singleshot(t);
        t->stats.fired_past++;
        deliver(t);
    } else {
        t->singleshot_ns = deadline_ns;
        wait_for_singleshot(t, now);
    }
}

void xen_vcpu_timer_set_singleshot(XenVcpuTimer *t, uint64_t deadline_ns)
{
    lock_after_delivery(t);
    arm_singleshot(t, deadline_ns, xen_emu_system_time());
    qemu_mutex_unlock(&t->lock);
}

uint64_t xen_vcpu_timer_take_singleshot(XenVcpuTimer *t)
{
    uint64_t deadline_ns;

    lock_after_delivery(t);
    deadline_ns = t->singleshot_ns;
    disarm_singleshot(t);
    qemu_mutex_unlock(&t->lock);
    return deadline_ns;
}

void xen_vcpu_timer_put_singleshot(XenVcpuTimer *t, uint64_t deadline_ns)
{
    QEMU_LOCK_GUARD(&t->lock);
    t->singleshot_ns = deadline_ns;
    wait_for_singleshot(t, xen_emu_system_time());
}

int xen_vcpu_timer_set_periodic(XenVcpuTimer *t, uint64_t period_ns)
{
    uint64_t now;
    bool due;

    if (!xen_timer_period_valid(period_ns)) {
        return -EINVAL;
    }

    lock_after_delivery(t);
    now = xen_emu_system_time();
    t->stats.armed++;
    t->period_ns = period_ns;
    t->next_tick_ns = t->last_tick_ns + period_ns;
    due = xen_timer_is_due(t->next_tick_ns, now);
    if (due) {
        t->last_tick_ns = now;
        t->next_tick_ns = now + period_ns;
    }
    wait_until(t, t->periodic, t->next_tick_ns, now);
    if (due) {
        t->stats.fired_past++;
        deliver(t);
    }
    qemu_mutex_unlock(&t->lock);
    return 0;
}

int xen_vcpu_timer_stop_periodic(XenVcpuTimer *t)
{
    lock_after_delivery(t);
    disarm_periodic(t);
    qemu_mutex_unlock(&t->lock);
    return 0;
}

void xen_vcpu_timer_reset(XenVcpuTimer *t)
{
    QEMU_LOCK_GUARD(&t->lock);
    disarm_singleshot(t);
    disarm_periodic(t);
    t->last_tick_ns = 0;
}

void xen_vcpu_timer_get_state(XenVcpuTimer *t, uint64_t *singleshot_ns,
                              uint64_t *period_ns)
{
    QEMU_LOCK_GUARD(&t->lock);
    *singleshot_ns = t->singleshot_ns;
    *period_ns = t->period_ns;
}

/* Lock held, VM running.  Starts the QEMUTimers of what is armed. */
static void wait_for_armed(XenVcpuTimer *t)
{
    uint64_t now = xen_emu_system_time();

    if (t->singleshot_ns) {
        wait_for_singleshot(t, now);
    }
    if (t->period_ns) {
        if (!t->next_tick_ns) {
            t->last_tick_ns = now;
            t->next_tick_ns = t->last_tick_ns + t->period_ns;
        }
        wait_until(t, t->periodic, t->next_tick_ns, now);
    }
}

void xen_vcpu_timer_set_state(XenVcpuTimer *t, uint64_t singleshot_ns,
                              uint64_t period_ns)
{
    QEMU_LOCK_GUARD(&t->lock);
    disarm_singleshot(t);
    disarm_periodic(t);

    t->singleshot_ns = singleshot_ns;
    t->period_ns = xen_timer_period_valid(period_ns) ? period_ns : 0;
    t->next_tick_ns = 0;
    t->last_tick_ns = 0;
    if (t->vm_running) {
        wait_for_armed(t);
    }
}

void xen_vcpu_timer_stats(XenVcpuTimer *t, XenVcpuTimerStats *stats)
{
    QEMU_LOCK_GUARD(&t->lock);
    *stats = t->stats;
}

/*
 * Nothing may fire before the VM runs: while state is being loaded the port may
 * not be bound yet, and the event would be lost.
 */
void xen_vcpu_timer_set_running(XenVcpuTimer *t, bool running)
{
    QEMU_LOCK_GUARD(&t->lock);
    t->vm_running = running;
    if (running) {
        /* Either clock may have been set, so the old waits are invalid. */
        timer_del(t->singleshot);
        timer_del(t->periodic);
        wait_for_armed(t);
    }
}

QEMUTimer *xen_timer_new(QEMUTimerCB *expired, void *opaque)
{
    choose_expiry_context();
    return aio_timer_new(expiry_context, QEMU_CLOCK_VIRTUAL, SCALE_NS, expired,
                         opaque);
}

typedef struct TimerRelease {
    QEMUTimer *timer;
    GDestroyNotify release;
    void *opaque;
} TimerRelease;

/* In the expiry context, so no callback is running. */
static void release_timer(void *opaque)
{
    TimerRelease *r = opaque;

    timer_free(r->timer);
    r->release(r->opaque);
    g_free(r);
}

void xen_timer_free(QEMUTimer *timer, GDestroyNotify release, void *opaque)
{
    TimerRelease *r = g_new(TimerRelease, 1);

    *r = (TimerRelease) { timer, release, opaque };
    aio_bh_schedule_oneshot(expiry_context, release_timer, r);
}

XenVcpuTimer *xen_vcpu_timer_new(XenVcpu *v)
{
    XenVcpuTimer *t = g_new0(XenVcpuTimer, 1);

    t->v = v;
    t->vm_running = runstate_is_running();
    qemu_mutex_init(&t->lock);
    qemu_cond_init(&t->delivered);
    t->singleshot = xen_timer_new(singleshot_expired, t);
    t->periodic = xen_timer_new(periodic_expired, t);
    return t;
}

/* In the expiry context; the single-shot QEMUTimer is gone already. */
static void free_timer(void *opaque)
{
    XenVcpuTimer *t = opaque;

    timer_free(t->periodic);
    qemu_cond_destroy(&t->delivered);
    qemu_mutex_destroy(&t->lock);
    g_free(t);
}

void xen_vcpu_timer_free(XenVcpuTimer *t)
{
    lock_after_delivery(t);
    /* The vCPU's thread is gone: do not cancel its wait. */
    t->singleshot_ns = 0;
    disarm_singleshot(t);
    disarm_periodic(t);
    qemu_mutex_unlock(&t->lock);
    xen_timer_free(t->singleshot, free_timer, t);
}
