/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes that are to be written later
 *
 * A node is in the list once, with what was written last and in the place of that
 * write.  So there are no more entries than nodes that back ends write, a dozen a
 * device, and a node that announces others ("state") comes behind them.  A front
 * end may miss what a node was in between, but then its watch did not promise it
 * that.
 *
 * Compiles without QEMU.  Locking: the caller's.
 */
#ifndef HW_XEN_PV_WRITE_LIST_H
#define HW_XEN_PV_WRITE_LIST_H

#include <stdbool.h>
#include <glib.h>

/* A write to come: of a key, or (key NULL) of the back end's state. */
typedef struct XenPvWrite {
    GList link;                 /* in the list; its data is this */
    void *device;               /* the device; the list only compares it */
    bool frontend;              /* the key is the front end's */
    char *key, *value;
    unsigned state;
} XenPvWrite;

/*
 * Adds @w, which the caller has allocated.  Returns the earlier write that it
 * replaces, which is no longer in the list, or NULL.  Linear in the list.
 */
XenPvWrite *xen_pv_write_list_add(GQueue *list, XenPvWrite *w);
/* Removes and returns the first; NULL: there is none. */
XenPvWrite *xen_pv_write_list_take(GQueue *list);

#endif
