/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes that are to be written later; see write-list.h. */
#include "write-list.h"

static bool is_same_node(const XenPvWrite *a, const XenPvWrite *b)
{
    return a->device == b->device && a->frontend == b->frontend &&
           !g_strcmp0(a->key, b->key);
}

XenPvWrite *xen_pv_write_list_add(GQueue *list, XenPvWrite *w)
{
    XenPvWrite *old = NULL;

    for (GList *l = list->head; l; l = l->next) {
        if (is_same_node(l->data, w)) {
            old = l->data;
            g_queue_unlink(list, l);
            break;
        }
    }
    w->link = (GList) { .data = w };
    g_queue_push_tail_link(list, &w->link);
    return old;
}

XenPvWrite *xen_pv_write_list_take(GQueue *list)
{
    GList *l = g_queue_pop_head_link(list);

    return l ? l->data : NULL;
}
