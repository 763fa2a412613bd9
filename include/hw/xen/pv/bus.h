/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus of PV devices: what a back end must know
 *
 * The functions are those of hw/xen/xen-bus.h.  This file says what they do
 * here, in what order the bus calls a back end's class, and adds what that
 * header has not.
 *
 * Life of a device
 *
 *   realize      The bus writes the nodes that each device has, then calls the
 *                class's realize(), which writes its own.  What it writes there
 *                is what a new domain gets: the bus keeps those keys and writes
 *                them again after a reset, with the value that they had last.
 *   front end    frontend_changed() is called when the front end's state node
 *                was written, in the main loop.  While the back end's is Closing,
 *                a front end that has not begun, or has ended, is Closed.  It is
 *                never called from inside itself, even if it polls: a change that
 *                comes meanwhile is reported afterwards.
 *   connected    Between bind and unbind a channel's handler runs in the
 *                channel's AioContext.
 *   disconnect   See below.
 *   reset        All devices are disconnected, then the domain is reset, then
 *                the nodes are written anew (front end 1, back end 2; nothing
 *                that the old guest wrote is left), then the class's reset() is
 *                called.  The next instruction of the guest comes after that.
 *                The same for system reset and soft reset; not for S3, over
 *                which devices stay connected.
 *   VM stop      The bus does nothing: a class stops what it does for the guest
 *                with qdev_add_vm_change_state_handler().  When the handler has
 *                returned and QEMU has drained its disks, nothing of the guest's
 *                is touched until the VM runs on.
 *   S3           As when the VM stops, until the guest's kernel has woken up: a class
 *                has a notifier for that (hw/xen/emu/domain.h), and drains.  Both ask
 *                xen_pv_may_run().
 *   migration    See below.
 *   unplug       device_del asks the front end to close.  When it has, or was
 *                never there, the device goes.  A second device_del does not
 *                wait any longer: the device is disconnected and goes.  It goes
 *                from the main loop itself, never from inside a drain.
 *   unrealize    After disconnect.  Not when QEMU exits: there devices are only
 *                disconnected.
 *
 * Disconnect
 *
 * The bus first stops the handlers of the device's channels, waiting for those
 * that are running, then calls the class's disconnect().  When that returns
 *  - no request of the guest's is in flight,
 *  - all channels are unbound and all grants unmapped,
 *  - nothing touches the guest's memory until the next connect.
 * It may poll the main loop (blk_drain()).  It can be called at any time and
 * more than once, but not from inside itself or frontend_changed().  A class
 * without it gets frontend_changed(XenbusStateClosed) instead, after all block
 * devices were drained, and must do the same there.
 *
 * Migration, and snapshots
 *
 * What a device is to the guest is in xenstore, in the rings and in the engine's
 * ports, which migrate by themselves.  A class's vmsd, which it must have, holds
 * what is in none of them.  Two rules make that work:
 *  - A ring is attached where its last answer stands.  So a request that was
 *    taken is either answered when the VM has stopped, or in the class's vmsd.
 *  - An event that the guest is owed is sent when the VM stops.
 *
 * Save: pre_save() finds the VM stopped.  Load: a device was reset, as for a new
 * domain, or has just been made.  The bus first compares what the guest was told
 * with what this device would tell it, by the class's rules: nothing else has
 * been loaded yet.  What is more here is not told, also after a reset.  From then
 * until the VM runs the bus keeps all changes of the front end to itself;
 * post_load() notes what it gets and touches nothing.  Then, with everything
 * loaded, frontend_changed() is called once with the front end's state as the guest
 * left it, and xen_device_backend_get_state() says what the guest saw of ours:
 * XenbusStateConnected here tells the class that it takes over.  So may
 * XenbusStateClosing: one that was asked to go works until its front end has closed,
 * and our state stays what it is.  A class that cannot tell this from one that it has
 * shut keeps it in its vmsd.
 * Binding a channel then takes the guest's port as it is, and calls the handler
 * once: what the guest sent meanwhile is not lost.
 *
 * A device that the state does not have is a new one for the guest, as after
 * device_add.  One that the guest let go of while it was being saved is removed.
 *
 * Event channels
 *
 *   xen_device_bind_event_channel()         starts in the main AioContext
 *   xen_device_set_event_channel_context()  moves it; NULL stops it: an event
 *                                           that comes is kept for the next
 *                                           context
 *   xen_device_unbind_event_channel()
 *
 * BQL for all three; the second also in the channel's own AioContext without
 * it, in place of the handler.  When one returns, the handler is not running in
 * the old context and will not be called there again.  The handler is called
 * with a lock of the channel held, for which these functions wait while they
 * hold the BQL: so it must not take the BQL and must not wait for the main loop.
 * It may unbind its own channel if it runs in the main AioContext.
 *
 * Threads
 *
 * All functions need the BQL, but
 *   xen_device_notify_event_channel(), xen_device_copy_grant_refs(),
 *   xen_device_map_grant_refs(), xen_device_unmap_grant_refs(),
 *   xen_device_backend_get_state()        any thread
 *   xen_device_backend_printf(), xen_device_frontend_printf(),
 *   xen_device_backend_set_state()        any thread; without the BQL the node
 *                                         is written a little later by the main
 *                                         loop, in the order of the calls
 */
#ifndef HW_XEN_PV_BUS_H
#define HW_XEN_PV_BUS_H

#include "hw/xen/emu/domain.h"
#include "hw/xen/xen-bus.h"
#include "system/runstate.h"

/*
 * For a VMChangeStateHandler with these arguments: may a device touch the guest's
 * memory?  Any thread.
 */
static inline bool xen_pv_may_run(bool running, RunState state)
{
    /* A guest that is loaded asleep is known to be so only after this. */
    return running && state != RUN_STATE_SUSPENDED && !xen_emu_is_asleep();
}

/* The same for now. */
static inline bool xen_pv_may_run_now(void)
{
    RunState state = runstate_get();

    return xen_pv_may_run(runstate_is_live(state), state);
}

/*
 * Lines that a device may log because of what its guest does: at once, and one
 * more each minute.  What comes beyond is counted, and the count is logged with
 * the next line that may be.
 */
#define XEN_PV_LOG_LINES        16
#define XEN_PV_LOG_REFILL_NS    (60 * INT64_C(1000000000))

/* What must be the same where a guest is loaded; see "Migration". */
typedef enum XenPvRuleKind {
    XEN_PV_SAME,                /* as text */
    XEN_PV_AT_LEAST,            /* as a number, which is 0 if not there */
} XenPvRuleKind;

typedef struct XenPvRule {
    const char *key;            /* of a node that realize() writes; NULL: last */
    XenPvRuleKind kind;
    const char *what;           /* it is to a user: an option, say */
} XenPvRule;

/*
 * In realize(); @rules stays valid.  Nodes that are in no rule may differ.  BQL.
 */
void xen_pv_set_rules(XenDevice *xendev, const XenPvRule *rules);

/*
 * Logs @err as "device type 'name': text", within these limits, and frees it.
 * For what a guest can cause; what a user of QEMU does is reported without.
 * Any thread.
 */
void xen_pv_report_err(XenDevice *xendev, Error *err);
/* The same with a text. */
void xen_pv_report(XenDevice *xendev, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

#endif
