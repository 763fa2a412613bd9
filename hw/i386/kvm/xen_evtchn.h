/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels and PIRQs as the rest of QEMU sees them
 *
 * The PC machine, PCI's MSI code, KVM's interrupt routing and the Xen devices
 * that we share with QEMU (xenstore, primary console) call these names; the
 * emulation itself uses include/hw/xen/emu/.  Where CONFIG_XEN_EMU is off,
 * hw/i386/kvm/xen-stubs.c has the ones that common code calls.
 */
#ifndef QEMU_XEN_EVTCHN_H
#define QEMU_XEN_EVTCHN_H

#include "hw/core/sysbus.h"
/* KVM's code for x86, which includes this header, needs that one as well. */
#include "system/kvm_xen.h"

typedef uint32_t evtchn_port_t;

/*
 * Creates the xen-evtchn device and the event-channel engine.
 * @system_gsis: the machine's interrupt lines, @nr_gsis of them.  Once, while
 * the machine is built.
 */
void xen_evtchn_create(unsigned int nr_gsis, qemu_irq system_gsis[]);

/*
 * Closes every port, forgets every PIRQ and returns to the 2-level ABI; back
 * ends keep their handles, unconnected.  0 or -ENOTSUP (no Xen).  BQL.
 */
int xen_evtchn_soft_reset(void);

/*
 * An MSI is sent.  true: its message names a PIRQ of the guest; it became an
 * event or, where no port is bound, is lost as on Xen.  BQL.
 */
bool xen_evtchn_deliver_pirq_msi(uint64_t address, uint32_t data);

/*
 * Fills @route for an MSI that KVM delivers by itself.  1: not a PIRQ's
 * message, route it as usual; 0: filled.  BQL.  (target/i386/kvm/xen-route.c)
 */
struct kvm_irq_routing_entry;
int xen_evtchn_translate_pirq_msi(struct kvm_irq_routing_entry *route,
                                  uint64_t address, uint32_t data);

/*
 * Vector @vector of @dev now holds the message (@addr, @data): notes whether
 * it names a PIRQ.  BQL.
 */
void xen_evtchn_snoop_msi(PCIDevice *dev, bool is_msix, unsigned int vector,
                          uint64_t addr, uint32_t data, bool is_masked);
/* @dev goes away: no PIRQ may name it any more.  BQL. */
void xen_evtchn_remove_pci_device(PCIDevice *dev);

/*
 * A device moves GSI @gsi to *@level.  *@level becomes what the line must show
 * when the upcall shares it; true: a PIRQ took it, the IO-APIC must not see
 * it.  BQL.
 */
bool xen_evtchn_set_gsi(int gsi, int *level);

/*
 * QEMU's side of inter-domain channels, shaped like libxenevtchn: one eventfd
 * and at most one channel to a handle.  Errors are negative errno.  Any
 * thread, but one at a time for one handle, except notify.
 */
struct xenevtchn_handle;
/* A handle without a channel; NULL with errno set.  close unbinds first. */
struct xenevtchn_handle *xen_be_evtchn_open(void);
int xen_be_evtchn_close(struct xenevtchn_handle *xc);
/*
 * Connects @xc to @guest_port of @domid: the back end's own port number, or
 * an error of xen_evtchn_backend_bind().
 */
int xen_be_evtchn_bind_interdomain(struct xenevtchn_handle *xc, uint32_t domid,
                                   evtchn_port_t guest_port);
/* @port: the back end's own, or 0.  -EINVAL: not its own. */
int xen_be_evtchn_unbind(struct xenevtchn_handle *xc, evtchn_port_t port);
/* The guest's port that @xc is connected to, or 0. */
int xen_be_evtchn_get_guest_port(struct xenevtchn_handle *xc);
/* Raises the guest's port.  -ENOTCONN. */
int xen_be_evtchn_notify(struct xenevtchn_handle *xc, evtchn_port_t port);
/* Readable when the guest has sent. */
int xen_be_evtchn_fd(struct xenevtchn_handle *xc);
/* Takes note of it: own port number, 0 without a channel, -EAGAIN: nothing. */
int xen_be_evtchn_pending(struct xenevtchn_handle *xc);
/* Ready for the next one; -EINVAL: @port is not its own. */
int xen_be_evtchn_unmask(struct xenevtchn_handle *xc, evtchn_port_t port);

/* Ports that xenstore and the console open in the guest's name. */
struct evtchn_alloc_unbound;
struct evtchn_bind_interdomain;
int xen_evtchn_alloc_unbound_op(struct evtchn_alloc_unbound *alloc);
int xen_evtchn_bind_interdomain_op(struct evtchn_bind_interdomain *interdomain);

#endif
