/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The platform device (PCI 5853:0001), by which guests find Xen's PV devices. */
#ifndef HW_XEN_MACHINE_PLATFORM_H
#define HW_XEN_MACHINE_PLATFORM_H

#define TYPE_XEN_PLATFORM "xen-platform"
#endif
