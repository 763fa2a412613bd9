/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offloaded ports: the guest's sends to them do not exit to QEMU
 *
 * Keeps a copy of the open ports that could be offloaded.  The engine reports
 * changes with its configuration lock held, so the copy has a lock of its own,
 * which is innermost, and nothing here calls the engine.
 *
 * Back ends' eventfds are always offloaded, for both ABIs: KVM signals them
 * without access to the guest's bits.  IPIs and loopback channels are offloaded
 * only while delivery is (delivery.h).
 */
#ifndef HW_XEN_EMU_OFFLOAD_PORTS_H
#define HW_XEN_EMU_OFFLOAD_PORTS_H

#include "hw/xen/emu/evtchn.h"

/* Without it, or without EVTCHN_SEND, all functions are no-ops. */
void xen_offload_ports_init(void);
/*
 * A port has changed to @info; @fd: its back end's eventfd, or -1.  Any thread.
 */
void xen_offload_port_changed(const XenEvtchnPortInfo *info, int fd);
/* Offloads or reclaims all IPIs and loopback channels. */
void xen_offload_ports_update(bool on);

#endif
