/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset of the whole Xen domain
 */
#ifndef HW_XEN_EMU_DEVICE_RESET_H
#define HW_XEN_EMU_DEVICE_RESET_H

/*
 * SHUTDOWN_soft_reset and system reset: 0, or a negative errno of the
 * accelerator, with the reset half done.  Those who asked by
 * xen_emu_add_reset_notifier() hear of its phases.  BQL.
 */
int xen_emu_soft_reset(void);

#endif
