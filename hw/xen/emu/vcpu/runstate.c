/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runstate of vCPUs: when it changes, what the host stole, where it is shown
 *
 * The contract is in include/hw/xen/emu/vcpu/runstate.h; sums and their form in guest
 * memory are in runstate-area.c.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "system/qtest.h"
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/memory/guest-page.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/runstate-area.h"

#define FRESH_NS    SCALE_MS    /* an area written this lately is fresh */

enum { SCHEDSTAT_NOT_OPENED = -1, SCHEDSTAT_NONE = -2 };

struct XenRunstate {
    unsigned vcpu;

    QemuMutex lock;             /* of all that follows */
    XenRunstateSums sums;
    int schedstat;              /* file descriptor or SCHEDSTAT_* */
    uint64_t delay;             /* of the vCPU's thread, when last charged */
    uint64_t gpa;               /* also looked at without the lock */
    XenGuestPage part[2];       /* of the area; part[1] may be unused */
};

static bool use_update_flag;

int xen_runstate_set_update_flag(bool on)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(RUNSTATE_FLAG);

    qatomic_set(&use_update_flag, on);
    if (!xen_emu_offload(RUNSTATE)) {
        return 0;
    }
    return offload ? offload->set_runstate_flag(on) : -EINVAL;
}

bool xen_runstate_update_flag(void)
{
    return qatomic_read(&use_update_flag);
}

/* The thread runs other vCPUs too: its delays tell nothing of one of them. */
static bool thread_is_shared(CPUState *cs)
{
    CPUState *other;

    RCU_READ_LOCK_GUARD();
    CPU_FOREACH(other) {
        if (other != cs && other->thread_id == cs->thread_id) {
            return true;
        }
    }
    return false;
}

/* Lock held. */
static void open_schedstat(XenRunstate *r)
{
    g_autofree char *path = NULL;
    CPUState *cs = qemu_get_cpu(r->vcpu);

    if (!cs || !cs->thread_id) {
        return;     /* no thread yet: later */
    }

    r->schedstat = SCHEDSTAT_NONE;
    if (qtest_enabled() || thread_is_shared(cs)) {
        return;
    }
    path = g_strdup_printf("/proc/self/task/%d/schedstat", cs->thread_id);
    r->schedstat = open(path, O_RDONLY | O_CLOEXEC);
    if (r->schedstat < 0) {
        r->schedstat = SCHEDSTAT_NONE;
    }
}

/*
 * For how many ns of its life the vCPU's thread was ready and did not run, as
 * far as the host tells.  Lock held.
 */
static uint64_t host_run_delay(XenRunstate *r)
{
    char text[64];
    const char *second;
    uint64_t delay;
    ssize_t len;

    if (r->schedstat == SCHEDSTAT_NOT_OPENED) {
        open_schedstat(r);
    }
    if (r->schedstat < 0) {
        return r->delay;
    }

    len = pread(r->schedstat, text, sizeof(text) - 1, 0);
    text[MAX(len, 0)] = 0;
    second = strchr(text, ' ');
    if (!second || qemu_strtou64(second, &second, 10, &delay) < 0) {
        return r->delay;
    }
    return MAX(delay, r->delay);
}

/* A vCPU starts by itself where the accelerator does not say so.  Lock held. */
static int current_state(XenRunstate *r)
{
    CPUState *cs;

    if (r->sums.state == RUNSTATE_offline) {
        cs = qemu_get_cpu(r->vcpu);
        if (cs && !cs->halted) {
            return RUNSTATE_running;
        }
    }
    return r->sums.state;
}

/* Lock held.  A system reset starts vCPU 0 wherever it was. */
static int state_after_reset(XenRunstate *r)
{
    CPUState *cs = qemu_get_cpu(r->vcpu);

    return cs && !cs->halted ? RUNSTATE_running : r->sums.state;
}

/* Lock held. */
static void charge(XenRunstate *r, int state)
{
    uint64_t delay = host_run_delay(r);

    xen_runstate_charge(&r->sums, state, xen_emu_system_time(),
                        delay - r->delay);
    r->delay = delay;
}

static void unpin_parts(XenGuestPage part[2])
{
    for (int i = 0; i < 2; i++) {
        if (part[i].hva) {
            xen_guest_page_unpin(NULL, part[i].gpa, part[i].len, part[i].pin);
        }
        xen_guest_page_init(&part[i]);
    }
}

static bool pin_part(XenGuestPage *part, uint64_t gpa, size_t len)
{
    xen_guest_page_init(part);
    if (len == 0) {
        return true;
    }
    part->gpa = gpa;
    part->len = len;
    part->hva = xen_guest_page_pin(NULL, gpa, len, &part->pin);
    return part->hva != NULL;
}

static bool pin_parts(XenGuestPage part[2], uint64_t gpa,
                      const XenGuestLayout *layout)
{
    size_t first = xen_runstate_first_part(gpa, layout);
    bool first_ok = pin_part(&part[0], gpa, first);
    bool second_ok = pin_part(&part[1], gpa + first,
                              layout->runstate_size - first);

    if (!first_ok || !second_ok) {
        unpin_parts(part);
        return false;
    }
    return true;
}

static XenRunstateArea area_of(const XenGuestPage part[2])
{
    return (XenRunstateArea) {
        .part = { part[0].hva, part[1].hva },
        .len = { part[0].len, part[1].len },
    };
}

/*
 * Lock held.  Memory that is away now may come back, so this looks again each
 * time; and the guest may have changed its layout, and so the area its size.
 */
static void write_area(XenRunstate *r)
{
    const XenGuestLayout *layout = xen_emu_layout();
    XenRunstateArea area;

    if (r->gpa == XEN_GPA_NONE) {
        return;
    }
    if (r->part[0].len + r->part[1].len != layout->runstate_size) {
        unpin_parts(r->part);
        if (!pin_parts(r->part, r->gpa, layout)) {
            return;
        }
    }
    area = area_of(r->part);
    xen_runstate_publish(&r->sums, layout, qatomic_read(&use_update_flag),
                         &area);
}

/*
 * The address is set before the memory is looked up, under the lock that
 * xen_runstate_invalidate() takes: an invalidation either sees the address, and
 * then waits for the lookup and undoes it, or came before and the lookup finds
 * the new memory.
 */
static int place_area(XenRunstate *r, uint64_t gpa, bool take_sums)
{
    const XenGuestLayout *layout = xen_emu_layout();
    XenGuestPage part[2];
    uint64_t old_gpa;

    QEMU_LOCK_GUARD(&r->lock);
    old_gpa = r->gpa;
    xen_guest_page_init(&part[0]);
    xen_guest_page_init(&part[1]);
    if (gpa != XEN_GPA_NONE) {
        qatomic_set_mb(&r->gpa, gpa);
        if (gpa > UINT64_MAX - layout->runstate_size ||
            !pin_parts(part, gpa, layout)) {
            /* What the old place may have missed meanwhile is looked up. */
            unpin_parts(r->part);
            qatomic_set(&r->gpa, old_gpa);
            return -EINVAL;
        }
    }
    unpin_parts(r->part);
    memcpy(r->part, part, sizeof(part));
    qatomic_set(&r->gpa, gpa);

    if (take_sums && gpa != XEN_GPA_NONE) {
        XenRunstateArea area = area_of(part);

        r->delay = host_run_delay(r);
        xen_runstate_fetch(&r->sums, layout, &area,
                           xen_emu_system_time());
    } else {
        charge(r, current_state(r));
    }
    write_area(r);
    return 0;
}

int xen_runstate_set_area(XenRunstate *r, uint64_t gpa)
{
    return place_area(r, gpa, false);
}

int xen_runstate_load_area(XenRunstate *r, uint64_t gpa)
{
    return place_area(r, gpa, true);
}

void xen_runstate_reset(XenRunstate *r)
{
    QEMU_LOCK_GUARD(&r->lock);
    unpin_parts(r->part);
    qatomic_set(&r->gpa, XEN_GPA_NONE);
    charge(r, state_after_reset(r));
    memset(r->sums.time, 0, sizeof(r->sums.time));
}

void xen_runstate_enter(XenRunstate *r, int state)
{
    assert(state >= 0 && state < XEN_RUNSTATE_NR);

    QEMU_LOCK_GUARD(&r->lock);
    charge(r, state);
    write_area(r);
}

void xen_runstate_halted(CPUState *cs, bool halted)
{
    XenVcpu *v = xen_emu ? xen_vcpu_get(cs->cpu_index) : NULL;

    if (v) {
        xen_runstate_enter(v->runstate,
                           halted ? RUNSTATE_blocked : RUNSTATE_running);
    }
}

void xen_runstate_sample(XenRunstate *r)
{
    uint64_t now;

    if (qatomic_read(&r->gpa) == XEN_GPA_NONE) {
        return;
    }

    QEMU_LOCK_GUARD(&r->lock);
    now = xen_emu_system_time();
    if (current_state(r) == RUNSTATE_running &&
        now - r->sums.entered >= FRESH_NS) {
        charge(r, RUNSTATE_running);
        write_area(r);
    }
}

/* What the accelerator keeps; it can be asked in the vCPU's own thread. */
static bool get_from_accel(XenRunstate *r, XenRunstateSums *sums)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(RUNSTATE);
    CPUState *cs = qemu_get_cpu(r->vcpu);

    return offload && cs && qemu_cpu_is_self(cs) &&
           !offload->get_runstate(cs, sums);
}

size_t xen_runstate_get(XenRunstate *r, void *buf)
{
    XenRunstateSums now;
    uint64_t entered, stolen = 0;
    int old_state, state;

    QEMU_LOCK_GUARD(&r->lock);
    if (get_from_accel(r, &now)) {
        state = now.state;
    } else {
        now = r->sums;
        state = current_state(r);
        stolen = host_run_delay(r) - r->delay;
    }
    old_state = now.state;
    entered = now.entered;
    xen_runstate_charge(&now, state, xen_emu_system_time(), stolen);
    if (now.state == old_state) {
        now.entered = entered;
    }
    return xen_runstate_encode(&now, xen_emu_layout(), buf);
}

void xen_runstate_invalidate(XenRunstate *r, uint64_t gpa, uint64_t len)
{
    uint64_t area;

    smp_mb();       /* the new memory is in place before we look */
    area = qatomic_read(&r->gpa);
    if (area == XEN_GPA_NONE || area >= gpa + len ||
        gpa >= area + XEN_RUNSTATE_MAX_SIZE) {
        return;
    }

    QEMU_LOCK_GUARD(&r->lock);
    unpin_parts(r->part);
}

XenRunstate *xen_runstate_new(unsigned vcpu)
{
    XenRunstate *r = g_new0(XenRunstate, 1);

    r->vcpu = vcpu;
    r->schedstat = SCHEDSTAT_NOT_OPENED;
    r->gpa = XEN_GPA_NONE;
    r->sums.state = vcpu == 0 ? RUNSTATE_running : RUNSTATE_offline;
    xen_guest_page_init(&r->part[0]);
    xen_guest_page_init(&r->part[1]);
    qemu_mutex_init(&r->lock);
    return r;
}

void xen_runstate_free(XenRunstate *r)
{
    unpin_parts(r->part);
    if (r->schedstat >= 0) {
        close(r->schedstat);
    }
    qemu_mutex_destroy(&r->lock);
    g_free(r);
}
