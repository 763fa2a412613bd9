/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset of the whole Xen domain
 */
#ifndef HW_XEN_EMU_DEVICE_RESET_H
#define HW_XEN_EMU_DEVICE_RESET_H

/*
 * Resets the domain, for SHUTDOWN_soft_reset.  Calls the reset notifiers
 * (domain.h).  Returns 0, or a negative errno of the accelerator; the reset is
 * incomplete then.  BQL.
 */
int xen_emu_soft_reset(void);

/* The same for a system reset.  BQL. */
int xen_emu_machine_reset(void);

#endif
