/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: what becomes of a device: changes of the front end, disconnect,
 * reset, load, removal
 *
 * All of it with the BQL.  A class may poll the main loop (to drain its
 * requests), and then the watches of xenstore call here in the middle of it: so
 * each function looks whether a class is at work already.
 */
#include "qemu/osdep.h"
#include "qemu/aio.h"
#include "block/block-global-state.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/pv/bus.h"
#include "migration/misc.h"
#include "system/runstate.h"
#include "bus-internal.h"
#include "trace.h"

static const char *type_of(XenDevice *xendev)
{
    return object_get_typename(OBJECT(xendev));
}

/*
 * Watches fire in the middle of a load, when some of the sections are the new
 * guest's and others are not.
 */
static bool is_loading(XenDevice *xendev)
{
    if (runstate_check(RUN_STATE_INMIGRATE)) {
        xendev->life->loading = true;
    }
    return xendev->life->loading;
}

/* ----------------------------------------------------- front end's changes */

static void call_frontend_changed(XenDevice *xendev, enum xenbus_state state)
{
    XenDeviceClass *xdc = XEN_DEVICE_GET_CLASS(xendev);
    Error *err = NULL;

    if (xdc->frontend_changed) {
        xdc->frontend_changed(xendev, state, &err);
        if (err) {
            xen_pv_report_err(xendev, err);
        }
    }
}

static void frontend_changed_late(void *opaque)
{
    XenDevice *xendev = opaque;

    if (xendev->life->realized) {
        xen_pv_frontend_changed(xendev);
    }
    object_unref(OBJECT(xendev));
}

static void look_later(XenDevice *xendev)
{
    object_ref(OBJECT(xendev));
    aio_bh_schedule_oneshot(qemu_get_aio_context(), frontend_changed_late,
                            xendev);
}

/* Will a front end in @state react to a change of our state? */
static bool is_there(enum xenbus_state state)
{
    /* Before these it has not begun, and after them it has ended. */
    return state >= XenbusStateInitWait && state <= XenbusStateClosing;
}

void xen_pv_frontend_changed(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;
    enum xenbus_state state;

    /* After a reset the state is what we write, after a load it has time. */
    if (!life->realized || life->in_reset || is_loading(xendev)) {
        return;
    }
    if (life->in_class) {
        life->changed = true;
        return;
    }
    state = xen_pv_nodes_frontend_state(xendev);
    if (state != xendev->frontend_state) {
        trace_xen_pv_frontend_state(type_of(xendev), xendev->name,
                                    xs_strstate(state));
        xendev->frontend_state = state;
    }
    if (state == XenbusStateInitialising && xendev->backend_online &&
        xendev->backend_state == XenbusStateClosed) {
        /* A front end that comes back finds what a new one finds. */
        xen_device_backend_set_state(xendev, XenbusStateInitWait);
        return;
    }
    if (xendev->backend_state == XenbusStateClosing && !is_there(state)) {
        /* It closes with us; the class says when nothing is in flight. */
        state = xendev->frontend_state = XenbusStateClosed;
    }

    life->in_class = true;
    call_frontend_changed(xendev, state);
    life->in_class = false;
    if (life->changed) {
        /* Not at once: a guest that never stops must not keep us here. */
        life->changed = false;
        look_later(xendev);
    }
}

/* -------------------------------------------------------------- disconnect */

void xen_pv_disconnect(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;
    XenDeviceClass *xdc = XEN_DEVICE_GET_CLASS(xendev);
    bool nested = life->in_class;

    trace_xen_pv_disconnect(type_of(xendev), xendev->name);
    xen_pv_channels_stop(xendev);
    life->in_class = true;
    if (xdc->disconnect) {
        xdc->disconnect(xendev);
    } else {
        bdrv_drain_all();
        call_frontend_changed(xendev, XenbusStateClosed);
    }
    life->in_class = nested;
}

/* ----------------------------------------------------------------- removal */

/* How often it is looked whether a migration has ended. */
#define REMOVAL_RETRY_MS    100

/*
 * The thread of a migration walks the list of devices' states without the BQL, so
 * nothing may leave it.  And the other side has this device: it learns from
 * xenstore's nodes that the guest has let go of it (take_over()).  device_del is
 * refused meanwhile, but the guest may do what an earlier one has asked for.
 */
static bool is_deferred(XenDevice *xendev, void (*go)(void *opaque))
{
    struct XenDeviceLife *life = xendev->life;

    if (!life->realized || !migration_is_running()) {
        g_clear_pointer(&life->removal, timer_free);
        return false;
    }
    if (!life->removal) {
        trace_xen_pv_removal_deferred(type_of(xendev), xendev->name);
        life->removal = timer_new_ms(QEMU_CLOCK_REALTIME, go, xendev);
    }
    timer_mod(life->removal,
              qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + REMOVAL_RETRY_MS);
    return true;
}

static void go(void *opaque)
{
    XenDevice *xendev = opaque;

    if (is_deferred(xendev, go)) {
        return;
    }
    if (xendev->life->realized) {
        trace_xen_pv_removed(type_of(xendev), xendev->name);
        object_unparent(OBJECT(xendev));
    }
    object_unref(OBJECT(xendev));
}

/*
 * From the main loop: the caller has the device in hand.  Not in the main
 * context, which every drain polls: at a reset, say, or at a device_del of this
 * device or another.  The device must not go while somebody up the stack, or a
 * list that is walked there, has it.
 */
static void schedule_removal(XenDevice *xendev)
{
    if (!xendev->life->going) {
        xendev->life->going = true;
        object_ref(OBJECT(xendev));
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), go, xendev);
    }
}

/* The states were written, by us or by a user of xenstore on the host. */
void xen_pv_backend_changed(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;
    enum xenbus_state state, frontend_state;

    if (!life->realized || life->in_reset || is_loading(xendev)) {
        return;
    }
    state = xen_pv_nodes_backend_state(xendev);
    qatomic_set(&xendev->backend_state, state);
    xendev->backend_online = xen_pv_nodes_backend_online(xendev);
    frontend_state = xen_pv_nodes_frontend_state(xendev);
    if (state == XenbusStateClosing ? !is_there(frontend_state) :
        state == XenbusStateClosed &&
        frontend_state == XenbusStateInitialising) {
        xen_pv_frontend_changed(xendev);
        state = xendev->backend_state;
    }
    if (!xendev->backend_online &&
        (state == XenbusStateClosed || state == XenbusStateUnknown ||
         state == XenbusStateInitialising || state == XenbusStateInitWait)) {
        schedule_removal(xendev);
    }
}

void xen_pv_unplug(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;

    trace_xen_pv_unplug(type_of(xendev), xendev->name, life->unplugging);
    if (life->unplugging || is_loading(xendev)) {
        /* It was asked before and does not let go, or there is no guest. */
        xen_pv_disconnect(xendev);
        xen_device_backend_set_state(xendev, XenbusStateClosed);
        schedule_removal(xendev);
        return;
    }
    life->unplugging = true;
    xen_pv_nodes_set_online(xendev, false);
    xen_device_backend_set_state(xendev, XenbusStateClosing);
    xen_pv_backend_changed(xendev);
}

/* ------------------------------------------------------------------- reset */

static void reset_begin(XenDevice *xendev)
{
    if (xendev->life->realized && !xendev->life->in_reset) {
        xen_pv_disconnect(xendev);
        /* What a class remembers to look at later finds nobody there. */
        xendev->frontend_state = XenbusStateUnknown;
        xendev->life->in_reset = true;
    }
}

static void reset_end(XenDevice *xendev)
{
    XenDeviceClass *xdc = XEN_DEVICE_GET_CLASS(xendev);
    struct XenDeviceLife *life = xendev->life;

    if (!life->in_reset) {
        return;
    }
    life->changed = false;
    if (life->unplugging && !is_loading(xendev)) {
        /* The guest that did not let go of it is gone; in_reset for ever. */
        schedule_removal(xendev);
        return;
    }
    /* Whether the guest that is loaded was asked for it, take_over() tells. */
    life->unplugging = false;
    xen_pv_nodes_renew(xendev);
    if (xdc->reset) {
        xdc->reset(xendev);
    }
    life->in_reset = false;
    look_later(xendev);
}

static void reset_notify(Notifier *n, void *phase)
{
    struct XenDeviceLife *life = container_of(n, struct XenDeviceLife, reset);

    switch (*(XenResetPhase *)phase) {
    case XEN_RESET_MACHINE:
        break;
    case XEN_RESET_BEGIN:
        reset_begin(life->xendev);
        break;
    case XEN_RESET_RINGS:
        break;
    case XEN_RESET_END:
        reset_end(life->xendev);
        break;
    }
}

/* -------------------------------------------------------------------- load */

/*
 * A state was loaded and the guest is about to run: xenstore says what this
 * device is to it.
 */
static void take_over(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;
    enum xenbus_state state = xen_pv_nodes_backend_state(xendev);

    trace_xen_pv_take_over(type_of(xendev), xendev->name, xs_strstate(state));
    if (state != XenbusStateUnknown) {
        qatomic_set(&xendev->backend_state, state);
        xendev->backend_online = xen_pv_nodes_backend_online(xendev);
        life->unplugging = !xendev->backend_online;
    } else if (life->config_loaded) {
        /* The guest let go of it after the save had begun. */
        schedule_removal(xendev);
        return;
    } else {
        /* The guest that was saved had no such device: it is a new one. */
        xen_pv_nodes_renew(xendev);
    }
    xendev->frontend_state = XenbusStateUnknown;
    xen_pv_frontend_changed(xendev);
    if (xendev->frontend_state == XenbusStateInitialising &&
        xendev->backend_state == XenbusStateConnected) {
        /* It began anew, and the device that it left is not here to say so. */
        xen_device_backend_set_state(xendev, XenbusStateInitWait);
    }
    xen_pv_backend_changed(xendev);
}

static void resume_notify(Notifier *n, void *data)
{
    struct XenDeviceLife *life = container_of(n, struct XenDeviceLife, resume);

    if (life->loading) {
        life->loading = false;
        take_over(life->xendev);
    }
}

/* ---------------------------------------------------------- begin and end */

void xen_pv_life_begin(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;

    life->resume.notify = resume_notify;
    xen_emu_add_resume_notifier(&life->resume);

    life->reset.notify = reset_notify;
    xen_emu_add_reset_notifier(&life->reset);
    life->realized = true;
}

void xen_pv_life_end(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;

    life->realized = false;
    if (life->reset.notify) {
        notifier_remove(&life->reset);
        notifier_remove(&life->resume);
        life->reset.notify = NULL;
    }
}

/*
 * The domain's reset comes in a later phase, when other devices have been reset
 * already.  A device that was just plugged in is reset too, and nothing else.
 */
void xen_pv_reset_enter(Object *obj, ResetType type)
{
    XenDevice *xendev = XEN_DEVICE(obj);

    if (type == RESET_TYPE_SNAPSHOT_LOAD) {
        /* Also of a VM that was stopped before: no run state tells. */
        xendev->life->loading = true;
        xen_pv_migration_reset(xendev);
    }
    if (xendev->life->realized && type != RESET_TYPE_WAKEUP &&
        xendev->backend_state == XenbusStateConnected) {
        xen_pv_disconnect(xendev);
    }
}
