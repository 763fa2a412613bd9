/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration of how the guest makes hypercalls, a subsection of xen_evtchn
 *
 * The code in the guest's hypercall page either executes VMCALL or VMMCALL, or
 * writes to a port (XenAccelOps.hypercall_port).  A machine with the other kind
 * of interception would not see the guest's hypercalls.  There is a subsection
 * for the port only, so the stream of other guests is the same as upstream's.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "migration/vmstate.h"
#include "hw/xen/emu/domain.h"
#include "evtchn-dev-internal.h"

int xen_evtchn_check_hypercall_port(const XenEvtchnDevice *s)
{
    uint8_t here = xen_emu_accel()->hypercall_port;

    if (s->hypercall_port == here) {
        return 0;
    }
    if (s->hypercall_port && here) {
        error_report("xen_evtchn: hypercalls of the incoming guest are by port "
                     "0x%x, those of this machine by 0x%x", s->hypercall_port,
                     here);
    } else {
        error_report("xen_evtchn: hypercalls of the incoming guest are by %s, "
                     "those of this machine by %s",
                     here ? "VMCALL" : "port", here ? "port" : "VMCALL");
        error_printf("Use xen-hypercalls=%s here, on a host whose KVM supports "
                     "it.\n", here ? "kvm" : "page");
    }
    return -EINVAL;
}

static bool needed(void *opaque)
{
    XenEvtchnDevice *s = opaque;

    return s->hypercall_port;
}

const VMStateDescription xen_evtchn_hypercall_port_vmstate = {
    .name = "xen_evtchn/hypercall_port",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(hypercall_port, XenEvtchnDevice),
        VMSTATE_END_OF_LIST()
    }
};
