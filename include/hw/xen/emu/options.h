/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-* properties that are given elsewhere than at the accelerator in use
 *
 * QEMU tries the -accel options in order, and ignores those after the first
 * that starts.  Tools such as libvirt write an -accel of their own first, so a
 * user's "-accel kvm,xen-version=4.17" comes second.  Therefore an -accel with
 * xen-* properties adds all its properties to each earlier one of the same name
 * that has no xen-* property.  With one, the earlier is an alternative that is
 * tried first, as always.
 *
 * From weakest to strongest: -machine xen-* (see xen_emu_accel_config()),
 * -global ACCEL-accel.xen-*, the properties of the -accel.  A section [accel],
 * [machine] or [global] of a file for -readconfig is the same as the option.
 *
 * All functions: BQL, while QEMU starts.  Errors in options end QEMU with
 * status 1, as they do in other options.
 */
#ifndef HW_XEN_EMU_OPTIONS_H
#define HW_XEN_EMU_OPTIONS_H

struct Object;

/* Sets the xen-* properties that @accel gets from elsewhere.  Before its init. */
void xen_options_apply(struct Object *accel);
/*
 * @accel has started without Xen.  Ends QEMU with an error if an option asks for
 * Xen on an accelerator that was not tried, or is of use with xen-version only.
 */
void xen_options_check(struct Object *accel);
#endif
