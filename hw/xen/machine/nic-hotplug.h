/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NICs that are plugged in or out while the guest has unplugged the emulated ones
 *
 * Such a guest wants PV devices.  It gets only the twin of a NIC that is plugged
 * in: the emulated one is hidden when device_add has ended.
 *
 * device_del normally asks the guest to let go of the emulated NIC, which it cannot
 * do with one that is hidden.  It is asked to let go of the twin instead; when the
 * twin is gone, the emulated NIC goes, and the user is told of this one by its id.
 * A second device_del does not wait for the guest.
 *
 * A hidden device without a twin, NIC or not, goes at once: the guest has let go of it
 * when it unplugged it.  What device_del has asked for before the unplug is done after
 * it in the same way.
 */
#ifndef HW_XEN_MACHINE_NIC_HOTPLUG_H
#define HW_XEN_MACHINE_NIC_HOTPLUG_H

#include "unplug.h"

/* All functions: BQL. */

/* The machine's only platform device has @unplug; NULL: it goes. */
void xen_nic_hotplug_init(XenUnplug *unplug);

/* The guest has had devices hidden. */
void xen_nic_hotplug_hidden(void);
/* There is a NIC that goes when the guest lets go of its twin. */
bool xen_nic_hotplug_is_leaving(void);
/* The places of these NICs, as xen_unplug_save() has them; to be freed. */
char *xen_nic_hotplug_save(void);
/* Another guest is loaded: none of them goes. */
void xen_nic_hotplug_forget(void);
/*
 * The NICs at @places, which must be hidden and have a twin, go.  False with @errp
 * set if one is not.
 */
bool xen_nic_hotplug_load(const char *places, Error **errp);
#endif
