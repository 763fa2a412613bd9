/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports in the kernel: which of the guest's sends never come to QEMU
 *
 * A mirror of the open ports as far as the kernel could take them, and of what
 * it has.  The engine reports changes with its configuration lock held, so the
 * mirror has a lock of its own that is innermost, and deciding anew never asks
 * the engine.
 *
 * Back ends' eventfds are in the kernel always, whatever the ABI: the kernel
 * signals them without looking at the guest's bits.  IPIs and loop-back
 * channels are there only while it delivers 2-level events.
 */
#ifndef HW_XEN_EMU_OFFLOAD_PORTS_H
#define HW_XEN_EMU_OFFLOAD_PORTS_H

#include "hw/xen/emu/evtchn.h"

/* Does nothing ever where the accelerator cannot take ports. */
void xen_offload_ports_init(void);
/*
 * @info is how a port is from now on; @fd its back end's eventfd, or -1.  Any
 * thread.
 */
void xen_offload_port_changed(const XenEvtchnPortInfo *info, int fd);
/* The kernel shall (or shall not) deliver IPIs and loop-back events. */
void xen_offload_ports_update(bool on);

#endif
