/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels: binding, upcalls and the event handler
 *
 * The command line selects the ABI.  All events are counted.
 */
#ifndef TESTS_BARE_EVENTS_H
#define TESTS_BARE_EVENTS_H

#include "guest.h"

#define NR_PORTS    4096

/* Kinds of upcalls. */
enum Upcall {
    UPCALL_NONE,
    UPCALL_VECTOR,      /* callback vector, domain-wide */
    UPCALL_GSI,         /* CPU 0 only, like INTx */
    UPCALL_INTX,
    UPCALL_VCPU,        /* per-vCPU vector; stays set until a soft reset */
};

extern const bool *const is_fifo;

/* Per port: events handled, the CPU of the last one, and a handler. */
extern _Atomic uint32_t port_count[NR_PORTS];
extern _Atomic uint32_t port_cpu[NR_PORTS];
extern void (*_Atomic port_handler[NR_PORTS])(uint32_t port);

/*
 * Sets up the ABI, if that has not been done.  events_set_up() also sets
 * UPCALL_VCPU, which is the default for tests.
 */
void events_set_up_abi(void);
void events_set_up(void);
/* Drop this program's state of all that, after a reset. */
void events_forget(void);
void events_forget_abi(void);
/* Clears the bits of all ports and CPUs, which a reset does not. */
void events_clear_2level(void);
/*
 * Sets up the 2-level ABI after a reset, even if the command line selects FIFO;
 * then switches to FIFO, while other CPUs handle events.
 */
void events_use_2level(void);
void events_switch_to_fifo(void);
long events_use(enum Upcall how);
/*
 * vCPUs' own vectors, which a test before may have set, would replace any other
 * kind of upcall.  If there are some, a soft reset removes them.  Then this program
 * begins again, without upcalls or ports.
 */
void events_remove_vcpu_vectors(void);
/* The vector that then interrupts CPUs. */
uint8_t upcall_vector(enum Upcall how);

/* Closes all ports that were opened here, and clears the counts. */
void events_close_all(void);

/* On an error of Xen these fail the test and return port 0. */
uint32_t bind_ipi(unsigned cpu);
uint32_t bind_virq(unsigned virq, unsigned cpu);
/*
 * Binds two connected ports of this guest; both notify CPU 0.  Must be called
 * on CPU 0 with interrupts enabled, and handles the event that Xen raises on
 * the second port.
 */
void bind_loopback(uint32_t port[2]);

/* 0 or a negative error. */
long port_bind_vcpu(uint32_t port, unsigned cpu);
long port_close(uint32_t port);
long port_send(uint32_t port);
long port_unmask(uint32_t port);
long port_set_priority(uint32_t port, unsigned priority);

/* In shared memory, by the guest's side of the ABI. */
bool port_is_pending(uint32_t port);
bool port_is_masked(uint32_t port);
void port_mask(uint32_t port);
void port_clear_pending(uint32_t port);
/* Like Linux: EVTCHNOP_unmask only if an event is pending. */
void port_unmask_gently(uint32_t port);

#endif
