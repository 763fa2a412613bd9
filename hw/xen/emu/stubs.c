/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands of Xen emulation if it is not built
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-xen-emu-target.h"

#ifdef TARGET_I386
XenEmulationInfo *qmp_query_xen(Error **errp)
{
    error_setg(errp, "Xen emulation is not part of this QEMU");
    return NULL;
}

XenstoreChildList *qmp_xenstore_list(const char *path, Error **errp)
{
    error_setg(errp, "Xen emulation is not part of this QEMU");
    return NULL;
}

XenstoreValue *qmp_xenstore_read(const char *path, Error **errp)
{
    error_setg(errp, "Xen emulation is not part of this QEMU");
    return NULL;
}

void qmp_xenstore_write(const char *path, const char *value, bool has_format,
                        XenstoreFormat format, Error **errp)
{
    error_setg(errp, "Xen emulation is not part of this QEMU");
}

void qmp_xenstore_watch(const char *id, const char *path, Error **errp)
{
    error_setg(errp, "Xen emulation is not part of this QEMU");
}

void qmp_xenstore_unwatch(const char *id, Error **errp)
{
    error_setg(errp, "Xen emulation is not part of this QEMU");
}
#endif
