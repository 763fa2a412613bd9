/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Canonical paths; rules and limits are those of xenstore.txt. */
#include <stdio.h>
#include "internal.h"

#define VALID   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
                "0123456789-/_@"

/* Where @path goes on behind the home of some domain; else its start. */
static const char *behind_home(const char *path)
{
    unsigned domid;
    int end = 0;

    if (sscanf(path, "/local/domain/%5u/%n", &domid, &end) == 1 && end) {
        return path + end;
    }
    return path;
}

bool xenstore_is_special(const char *path)
{
    return *path == '@';
}

int xenstore_canonical(const XenstoreConn *c, const char *path, bool special,
                       char out[XENSTORE_PATH_BUF])
{
    /* As much of it as an answer needs; the guest's is no longer anyway. */
    size_t len = strnlen(path, XENSTORE_ABS_PATH_MAX + 1);
    size_t home = strlen(c->home);

    if (!len || len > XENSTORE_ABS_PATH_MAX || strspn(path, VALID) != len) {
        return -EINVAL;
    }
    if (xenstore_is_special(path)) {
        if (!special) {
            return -EINVAL;
        }
        memcpy(out, path, len + 1);
    } else if (*path == '/') {
        memcpy(out, path, len + 1);
    } else {
        if (home + 1 + len > XENSTORE_ABS_PATH_MAX) {
            return -EINVAL;
        }
        memcpy(out, c->home, home);
        out[home] = '/';
        memcpy(out + home + 1, path, len + 1);
        len += home + 1;
    }
    if ((len > 1 && out[len - 1] == '/') || strstr(out, "//")) {
        return -EINVAL;
    }
    if (xenstore_is_guest(c) &&
        strlen(behind_home(out)) > XENSTORE_REL_PATH_MAX) {
        return -EINVAL;
    }
    return 0;
}

void xenstore_parent(char *path)
{
    char *slash = strrchr(path, '/');

    slash[slash == path] = 0;
}

bool xenstore_path_covers(const char *path, const char *below)
{
    size_t len = strlen(path);

    if (len == 1) {
        return *below == '/';
    }
    return !strncmp(path, below, len) && (below[len] == '/' || !below[len]);
}
