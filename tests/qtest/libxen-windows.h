/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the PV drivers of Windows do, in their order
 *
 * Facts are from the sources of win-pv-drivers: xenbus (master, May 2026), xenvbd
 * and xenvif (master, November 2025): src/xen/{hypercall,system,unplug}.c,
 * src/xenbus/{fdo,evtchn,evtchn_fifo,shared_info,gnttab,store,suspend}.c,
 * src/xenvbd/{frontend,ring,granter}.c and src/xenvif/{frontend,transmitter,
 * receiver,controller,mac}.c.
 *
 * There is no hypercall page.  Xen's pages are mapped into the memory BAR of the
 * platform device.  Events are FIFO, all of whose words begin masked; each vCPU
 * has its own vector, and the callback is the device's line.  The pages of
 * xenstore and the console are found in the grant table.  xenstore's requests
 * have numbers.  A state is waited for with a watch that is set for this wait.
 * A disk is closed before it is used for the first time.  When the drivers go,
 * they reset the event channels and bind xenstore's and the console's anew.
 */
#ifndef TESTS_QTEST_LIBXEN_WINDOWS_H
#define TESTS_QTEST_LIBXEN_WINDOWS_H

#include "libxen-front.h"

#define XEN_WIN_VECTOR      0xb2
/* The line of the platform device's pin. */
#define XEN_WIN_LINE        11
#define XEN_WIN_MAX_QUEUES  2

/* Tokens of watches: who set it, and its number. */
#define XEN_WIN_SCAN        "TOK|FFFFF80412340010|0001"
#define XEN_WIN_SUSPEND     "TOK|FFFFF80412340020|0002"
#define XEN_WIN_BALLOON     "TOK|FFFFF80412340030|0003"
#define XEN_WIN_BACKEND     "TOK|FFFFF80455550040|0004"
#define XEN_WIN_ONLINE      "TOK|FFFFF80466660050|0005"
#define XEN_WIN_WAIT        "TOK|FFFFF80466660060|0006"

typedef struct XenWin {
    XenFront *f;
    XenFrontDevice vbd, vif;
    uint32_t debug;             /* VIRQ_DEBUG's port */
    uint64_t hole;              /* the next page of the BAR */
    bool reloaded;              /* since the domain's start */
    /* The disk's queues, */
    unsigned nr_queues, order;
    uint32_t ring_ref[XEN_WIN_MAX_QUEUES][1 << XEN_VBD_MAX_ORDER];
    /* and the NIC's. */
    uint32_t tx_ref, rx_ref;
} XenWin;

/* The machine has started: all until the bus looks for devices. */
XenWin xen_win_boot(XenFront *f);
void xen_win_clear(XenWin *w);
/*
 * The drivers are stopped, and leave the domain as they have found it; then they
 * start again.  The unplug has been done, and stays so.
 */
void xen_win_reload(XenWin *w);
/* Of a port that is new; it is masked before, like all that are not in use. */
void xen_win_unmask(XenFront *f, uint32_t port);

/* Waits until the back end's state is not @old.  A watch of its own each time. */
enum xenbus_state xen_win_wait_change(XenFrontDevice *d,
                                      enum xenbus_state old);

/* @state: of the back end.  Earlier drivers may have left it closed. */
void xen_win_open_disk(XenWin *w, enum xenbus_state state);
/* The device is stopped, and started. */
void xen_win_stop_disk(XenWin *w);
void xen_win_start_disk(XenWin *w);
void xen_win_check_disk(XenWin *w, uint8_t mark);

void xen_win_prepare_nic(XenWin *w);
void xen_win_open_nic(XenWin *w);
/* From state @state of the back end: also if it was only prepared. */
void xen_win_close_nic(XenWin *w, enum xenbus_state state);
/* The user has taken it away. */
void xen_win_eject_nic(XenWin *w);
/* Its rings. */
void xen_win_free_nic(XenWin *w);

#endif
