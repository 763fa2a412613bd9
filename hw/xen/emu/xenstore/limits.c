/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest may have; the numbers are in store.h. */
#include "internal.h"

int xenstore_check_limits(const XenstoreConn *c, const XenstoreTree *t,
                          uint64_t nodes, uint64_t bytes)
{
    XenstoreSums sums = t->root->sums;

    if (!xenstore_is_guest(c)) {
        return 0;
    }
    if (sums.owned + nodes >
        XENSTORE_MAX_NODES + 2 * (uint64_t)c->xs->template.root->sums.owned) {
        return -ENOSPC;
    }
    if (sums.bytes + bytes + c->watch_bytes > XENSTORE_MAX_MEMORY) {
        return -ENOMEM;
    }
    return 0;
}
