/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runstate of vCPUs: state changes, steal time, and the area in guest memory
 *
 * Accounting and the format in guest memory are in runstate-area.c.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "system/qtest.h"
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/runstate-area.h"

#define FRESH_NS    SCALE_MS    /* an area written this lately is fresh */

enum { SCHEDSTAT_NOT_OPENED = -1, SCHEDSTAT_NONE = -2 };

struct XenRunstate {
    CPUState *cs;               /* outlives this */
    QemuMutex place_lock;       /* held while pages are set; outermost */

    QemuMutex lock;             /* protects all that follows */
    XenRunstateSums sums;
    int schedstat;              /* file descriptor or SCHEDSTAT_* */
    uint64_t delay;             /* of the vCPU's thread, when last charged */
    XenGuestPage part[2];       /* of the area; part[1] may be unused */
};

static void lock_runstate(void *opaque)
{
    XenRunstate *r = opaque;

    qemu_mutex_lock(&r->lock);
}

static void unlock_runstate(void *opaque)
{
    XenRunstate *r = opaque;

    qemu_mutex_unlock(&r->lock);
}

static const XenGuestPageUser page_user = {
    .lock = lock_runstate,
    .unlock = unlock_runstate,
};

/* Written under the BQL; atomic. */
static bool use_update_flag;

int xen_runstate_set_update_flag(bool on)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(RUNSTATE_FLAG);
    int ret = 0;

    /* Two vCPUs must not leave the kernel with one value and QEMU with another. */
    BQL_LOCK_GUARD();
    if (xen_emu_offload(RUNSTATE)) {
        ret = offload ? offload->set_runstate_flag(on) : -EINVAL;
    }
    if (!ret) {
        qatomic_set(&use_update_flag, on);
    }
    return ret;
}

bool xen_runstate_update_flag(void)
{
    return qatomic_read(&use_update_flag);
}

/* If the thread runs other vCPUs too, its delays are not those of one vCPU. */
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
    CPUState *cs = r->cs;

    if (!cs->thread_id) {
        return;     /* no thread yet; retried at the next change */
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
 * Total time that the vCPU's thread was ready but did not run, in ns; the last
 * known value if the host does not report it.  Lock held.
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

/*
 * Not every accelerator reports that an offline vCPU starts to run.  Lock held.
 */
static int current_state(XenRunstate *r)
{
    return r->sums.state == RUNSTATE_offline && !r->cs->halted ?
           RUNSTATE_running : r->sums.state;
}

/* Lock held.  A system reset starts vCPU 0 whatever its state. */
static int state_after_reset(XenRunstate *r)
{
    return !r->cs->halted ? RUNSTATE_running : r->sums.state;
}

/* Lock held. */
static void charge(XenRunstate *r, int state)
{
    uint64_t delay = host_run_delay(r);

    xen_runstate_charge(&r->sums, state, xen_emu_system_time(),
                        delay - r->delay);
    r->delay = delay;
}

/*
 * Lock held.  False: a page of the area has to be looked up first, which takes
 * locks that nest outside this one.
 */
static bool write_area(XenRunstate *r)
{
    const XenGuestLayout *layout = xen_emu_layout();
    XenRunstateArea area;

    if (r->part[0].gpa == XEN_GPA_NONE) {
        return true;
    }
    area = (XenRunstateArea) {
        .part = {
            xen_guest_page_check(&r->part[0]),
            xen_guest_page_check(&r->part[1]),
        },
        .len = { r->part[0].len, r->part[1].len },
    };
    /* The guest may have changed its layout, and so the area its size. */
    if (area.len[0] + area.len[1] != layout->runstate_size ||
        !area.part[0] || (area.len[1] && !area.part[1])) {
        return false;
    }
    xen_runstate_publish(&r->sums, layout, qatomic_read(&use_update_flag),
                         &area);
    return true;
}

/*
 * No lock.  Called on each write while a page is missing: RAM may be back.
 */
static void find_area(XenRunstate *r)
{
    size_t size = xen_emu_layout()->runstate_size;
    uint64_t gpa;

    QEMU_LOCK_GUARD(&r->place_lock);
    WITH_QEMU_LOCK_GUARD(&r->lock) {
        gpa = r->part[0].gpa;
        if (r->part[0].len + r->part[1].len == size) {
            size = 0;
        }
    }
    if (gpa == XEN_GPA_NONE) {
        return;
    }
    if (size && xen_guest_pages_set(xen_emu_pages(), r->part, gpa, size)) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(r->part); i++) {
        xen_guest_page_refresh(xen_emu_pages(), &r->part[i]);
    }
}

/* No lock.  Looks up the area's pages and writes it. */
static void show(XenRunstate *r)
{
    find_area(r);
    WITH_QEMU_LOCK_GUARD(&r->lock) {
        write_area(r);
    }
}

static void unset_area(XenRunstate *r)
{
    for (unsigned i = 0; i < ARRAY_SIZE(r->part); i++) {
        xen_guest_page_unset(xen_emu_pages(), &r->part[i]);
    }
}

/* Loads state and sums from the area. */
static void take_sums(XenRunstate *r)
{
    XenRunstateArea area = {
        .part = { r->part[0].hva, r->part[1].hva },
        .len = { r->part[0].len, r->part[1].len },
    };

    /* The RAM may have been removed since the area was set. */
    if (area.part[0] && (!area.len[1] || area.part[1])) {
        r->delay = host_run_delay(r);
        xen_runstate_fetch(&r->sums, xen_emu_layout(), &area,
                           xen_emu_system_time());
    }
}

static int place_area(XenRunstate *r, uint64_t gpa, bool load)
{
    QEMU_LOCK_GUARD(&r->place_lock);
    if (gpa == XEN_GPA_NONE) {
        unset_area(r);
    } else if (xen_guest_pages_set(xen_emu_pages(), r->part, gpa,
                                   xen_emu_layout()->runstate_size)) {
        return -EINVAL;
    }
    WITH_QEMU_LOCK_GUARD(&r->lock) {
        if (load && gpa != XEN_GPA_NONE) {
            take_sums(r);
        } else {
            charge(r, current_state(r));
        }
        write_area(r);
    }
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
    QEMU_LOCK_GUARD(&r->place_lock);
    unset_area(r);
    QEMU_LOCK_GUARD(&r->lock);
    charge(r, state_after_reset(r));
    memset(r->sums.time, 0, sizeof(r->sums.time));
}

void xen_runstate_enter(XenRunstate *r, int state)
{
    bool shown;

    assert(state >= 0 && state < XEN_RUNSTATE_NR);
    WITH_QEMU_LOCK_GUARD(&r->lock) {
        charge(r, state);
        shown = write_area(r);
    }
    if (!shown) {
        show(r);
    }
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
    bool shown = true;
    uint64_t now;

    if (qatomic_read(&r->part[0].gpa) == XEN_GPA_NONE) {
        return;
    }
    WITH_QEMU_LOCK_GUARD(&r->lock) {
        now = xen_emu_system_time();
        if (current_state(r) == RUNSTATE_running &&
            now - r->sums.entered >= FRESH_NS) {
            charge(r, RUNSTATE_running);
            shown = write_area(r);
        }
    }
    if (!shown) {
        show(r);
    }
}

/* The accelerator's account, available only in the vCPU's own thread. */
static bool get_from_accel(XenRunstate *r, XenRunstateSums *sums)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(RUNSTATE);

    return offload && qemu_cpu_is_self(r->cs) &&
           !offload->get_runstate(r->cs, sums);
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

XenRunstate *xen_runstate_new(CPUState *cs)
{
    XenRunstate *r = g_new0(XenRunstate, 1);

    r->cs = cs;
    r->schedstat = SCHEDSTAT_NOT_OPENED;
    r->sums.state = cs->cpu_index == 0 ? RUNSTATE_running : RUNSTATE_offline;
    xen_guest_page_init(&r->part[0], &page_user, r);
    xen_guest_page_init(&r->part[1], &page_user, r);
    qemu_mutex_init(&r->place_lock);
    qemu_mutex_init(&r->lock);
    return r;
}

void xen_runstate_free(XenRunstate *r)
{
    unset_area(r);
    if (r->schedstat >= 0) {
        close(r->schedstat);
    }
    qemu_mutex_destroy(&r->place_lock);
    qemu_mutex_destroy(&r->lock);
    g_free(r);
}
