/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset of the whole Xen domain
 *
 * One domain ends and another begins, at a system reset and at
 * SHUTDOWN_soft_reset.  The notifiers are called twice: before anything of the
 * old domain has ended (event channels, grants, xenstore are all there), and
 * when all of the new one is there.  The guest runs no instruction in between.
 */
#ifndef HW_XEN_EMU_DEVICE_RESET_H
#define HW_XEN_EMU_DEVICE_RESET_H

#include "qemu/notify.h"

typedef enum XenResetPhase {
    XEN_RESET_BEGIN,
    XEN_RESET_END,
} XenResetPhase;

/*
 * SHUTDOWN_soft_reset and system reset: 0, or a negative errno of the
 * accelerator, with the reset half done.  BQL.
 */
int xen_emu_soft_reset(void);

/*
 * @n->notify gets a XenResetPhase *.  It may poll the main loop.  BQL, as for
 * notifier_remove(), which ends it.
 */
void xen_emu_add_reset_notifier(Notifier *n);

#endif
