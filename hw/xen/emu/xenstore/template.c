/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a new domain gets: writing it.  See store.h, "Two trees". */
#include "internal.h"

void xenstore_template_put(Xenstore *xs, const char *path,
                           XenstorePerms *perms, GBytes *value)
{
    xenstore_tree_put_with_parents(&xs->template, path, NULL, perms, value,
                                   xenstore_next_generation(xs));
}

void xenstore_template_remove(Xenstore *xs, const char *path)
{
    if (xenstore_tree_find(&xs->template, path)) {
        xenstore_tree_remove(&xs->template, path,
                             xenstore_next_generation(xs));
    }
}
