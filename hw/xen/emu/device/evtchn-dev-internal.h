/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xen-evtchn device: definitions shared by its files
 *
 *   evtchn-dev.c        the device
 *   engine-callbacks.c  the engine's XenEvtchnOps
 *   evtchn-migration.c  the device's VMStateDescription
 *   vcpu-unplugged.c    a subsection of it
 *   hypercall-port.c    another one
 *   backend.c           evtchn_backend_ops of PV devices
 */
#ifndef HW_XEN_EMU_EVTCHN_DEV_INTERNAL_H
#define HW_XEN_EMU_EVTCHN_DEV_INTERNAL_H

#include "hw/core/sysbus.h"
#include "qom/object.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/pirq.h"
#include "hw/xen/interface/event_channel.h"
#include "hw/xen/interface/xen.h"

#define TYPE_XEN_EVTCHN "xen-evtchn"
OBJECT_DECLARE_SIMPLE_TYPE(XenEvtchnDevice, XEN_EVTCHN)

/* A port in the format of upstream's stream. */
typedef struct XenEvtchnSavedPort {
    uint32_t vcpu;
    uint16_t type;          /* EVTCHNSTAT_* */
    uint16_t val;           /* PIRQ, VIRQ; or remote port 14:0, to QEMU 15 */
} XenEvtchnSavedPort;

/* A port in subsection fifo. */
typedef struct XenEvtchnSavedFifoPort {
    uint32_t port, val;
    uint16_t vcpu, queue_vcpu;
    uint8_t type, priority, queue_priority;
    bool to_backend, parked;
} XenEvtchnSavedFifoPort;

typedef struct XenEvtchnSavedFifoVcpu {
    uint64_t control_gpa;   /* XEN_GPA_NONE: none */
    uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];
} XenEvtchnSavedFifoVcpu;

#define XEN_EVTCHN_MAX_ARRAY_PAGES \
    (EVTCHN_FIFO_NR_CHANNELS / (XEN_EMU_PAGE_SIZE / sizeof(event_word_t)))

/* Only used during save and load; the state itself is in the engine. */
struct XenEvtchnDevice {
    SysBusDevice parent_obj;

    uint64_t callback_param;
    uint32_t nr_ports;
    XenEvtchnSavedPort port[EVTCHN_2L_NR_CHANNELS];
    XenPirqState pirq;

    /* Subsection fifo; nr_fifo_vcpus is 0 if there is none */
    int32_t nr_fifo_vcpus, nr_fifo_ports;
    uint32_t nr_array_pages;
    XenEvtchnSavedFifoVcpu *fifo_vcpu;
    XenEvtchnSavedFifoPort *fifo_port;
    uint64_t *array_gfn;

    /* Subsection parked: 2-level ports whose event waits for a page */
    uint32_t nr_parked;
    uint32_t *parked;

    /* Subsection unmask: ports of either ABI whose unmask waits for a page */
    uint32_t nr_unmask;
    uint32_t *unmask;

    /* Subsection runstate_flag: VMASST_TYPE_runstate_update_flag is on */
    bool runstate_flag;

    /* Subsection unplugged_vcpus: see device/vcpu-unplugged.h */
    int32_t nr_unplugged;
    struct XenUnpluggedVcpu *unplugged;

    /* Subsection hypercall_port: XenAccelOps.hypercall_port; 0: none */
    uint8_t hypercall_port;
};

extern const struct VMStateDescription xen_evtchn_vmstate;
extern const struct VMStateDescription xen_evtchn_unplugged_vmstate;
extern const struct VMStateDescription xen_evtchn_hypercall_port_vmstate;
extern const XenEvtchnOps xen_evtchn_engine_ops;

/*
 * hypercall-port.c: 0, or -EINVAL with the reason reported: the guest that was
 * loaded to @s makes hypercalls in another way than this machine intercepts.
 */
int xen_evtchn_check_hypercall_port(const XenEvtchnDevice *s);

/*
 * engine-callbacks.c: vCPU @vcpu was added.  Notes in its env which VIRQs were
 * bound for its number before, if any.  BQL.
 */
void xen_evtchn_note_virqs(unsigned vcpu);

/* backend.c; @cookie is the one given to xen_evtchn_backend_new(). */
void xen_evtchn_backend_signal(void *cookie);
int xen_evtchn_backend_fd(void *cookie);
void xen_evtchn_backend_register(void);

#endif
