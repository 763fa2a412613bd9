/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV disk's link with its front end: see device.h
 *
 * All functions: main loop's thread, BQL held, unless they say more.
 */
#ifndef HW_XEN_PV_BLOCK_CONNECT_H
#define HW_XEN_PV_BLOCK_CONNECT_H

#include "device.h"

void xen_block_connect_init(XenBlockDevice *dev);
/* Waits for requests in flight. */
void xen_block_connect_exit(XenBlockDevice *dev);
/* Leaves the front end at once, without another word to it.  Waits. */
void xen_block_disconnect_now(XenBlockDevice *dev);
/* The front end's state has changed. */
void xen_block_frontend_changed(XenDevice *xendev, enum xenbus_state state,
                                Error **errp);
/* The disk's size has changed.  Any thread. */
void xen_block_resized(void *opaque);
/* Requests that were loaded are no longer of use. */
void xen_block_forget_saved(XenBlockDevice *dev);
/* All queues heed a new "paused" or "drained". */
void xen_block_kick(XenBlockDevice *dev);

#endif
