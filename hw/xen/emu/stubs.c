/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where Xen emulation is not built: what QAPI wants all the same
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
#endif
