/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest has registered for a vCPU, while that vCPU is unplugged
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "migration/vmstate.h"
#include "hw/xen/emu/device/vcpu-unplugged.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "evtchn-dev-internal.h"

static const XenVcpuRegistered nothing = {
    .info_gpa = XEN_GPA_NONE,
    .time_info_gpa = XEN_GPA_NONE,
    .runstate_gpa = XEN_GPA_NONE,
};

/* XenUnpluggedVcpu, sorted by number.  At most one for each vCPU. */
static GArray *unplugged;

static XenUnpluggedVcpu *entry(guint i)
{
    return &g_array_index(unplugged, XenUnpluggedVcpu, i);
}

/* The index of the first entry whose number is at least @id. */
static guint find(unsigned id)
{
    guint i = 0;

    if (!unplugged) {
        unplugged = g_array_new(false, false, sizeof(XenUnpluggedVcpu));
    }
    while (i < unplugged->len && entry(i)->id < id) {
        i++;
    }
    return i;
}

static bool is_nothing(const XenVcpuRegistered *r)
{
    return r->info_gpa == XEN_GPA_NONE && r->time_info_gpa == XEN_GPA_NONE &&
           r->runstate_gpa == XEN_GPA_NONE && !r->upcall_vector;
}

void xen_unplugged_keep(unsigned id, const XenVcpuRegistered *registered)
{
    XenUnpluggedVcpu new = { .id = id, .registered = *registered };
    guint i = find(id);

    assert(bql_locked());
    assert(i == unplugged->len || entry(i)->id != id);
    if (!is_nothing(registered)) {
        g_array_insert_val(unplugged, i, new);
    }
}

XenVcpuRegistered xen_unplugged_take(unsigned id)
{
    XenVcpuRegistered found = nothing;
    guint i = find(id);

    assert(bql_locked());
    if (i < unplugged->len && entry(i)->id == id) {
        found = entry(i)->registered;
        g_array_remove_index(unplugged, i);
    }
    return found;
}

void xen_unplugged_forget_all(void)
{
    assert(bql_locked());
    if (unplugged) {
        g_array_set_size(unplugged, 0);
    }
}

/* ------------------------------------------------------------- migration -- */

XenUnpluggedVcpu *xen_unplugged_save(int32_t *nr)
{
    *nr = unplugged ? unplugged->len : 0;
    return *nr ? g_memdup2(unplugged->data, *nr * sizeof(XenUnpluggedVcpu)) :
                 NULL;
}

static int check(const XenUnpluggedVcpu *saved, int32_t nr)
{
    for (int32_t i = 0; i < nr; i++) {
        unsigned id = saved[i].id;
        int ret;

        if (id >= xen_evtchn_max_vcpus(xen_emu_evtchn()) ||
            (i && id <= saved[i - 1].id)) {
            error_report("xen: the list of unplugged vCPUs in the incoming "
                         "state has the invalid vCPU %u", id);
            return -EINVAL;
        }
        if (xen_vcpu_get(id)) {
            error_report("xen: vCPU %u is unplugged in the incoming state, but "
                         "plugged in this machine", id);
            return -EINVAL;
        }
        ret = xen_vcpu_check_registered(id, &saved[i].registered);
        if (ret) {
            return ret;
        }
    }
    return 0;
}

int xen_unplugged_load(const XenUnpluggedVcpu *saved, int32_t nr)
{
    int ret = check(saved, nr);

    if (!ret) {
        xen_unplugged_forget_all();
        find(0);
        g_array_append_vals(unplugged, saved, nr);
    }
    return ret;
}

static bool unplugged_needed(void *opaque)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_unplugged > 0;
}

static bool nr_unplugged_is_valid(void *opaque, int version_id)
{
    XenEvtchnDevice *s = opaque;

    return s->nr_unplugged > 0 &&
           s->nr_unplugged <= xen_evtchn_max_vcpus(xen_emu_evtchn());
}

static const VMStateDescription vcpu_vmstate = {
    .name = "xen_evtchn_unplugged_vcpu",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(id, XenUnpluggedVcpu),
        VMSTATE_UINT64(registered.info_gpa, XenUnpluggedVcpu),
        VMSTATE_UINT64(registered.time_info_gpa, XenUnpluggedVcpu),
        VMSTATE_UINT64(registered.runstate_gpa, XenUnpluggedVcpu),
        VMSTATE_UINT8(registered.upcall_vector, XenUnpluggedVcpu),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription xen_evtchn_unplugged_vmstate = {
    .name = "xen_evtchn/unplugged_vcpus",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = unplugged_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_INT32(nr_unplugged, XenEvtchnDevice),
        VMSTATE_VALIDATE("number of unplugged vCPUs", nr_unplugged_is_valid),
        VMSTATE_STRUCT_VARRAY_ALLOC(unplugged, XenEvtchnDevice, nr_unplugged, 1,
                                    vcpu_vmstate, XenUnpluggedVcpu),
        VMSTATE_END_OF_LIST()
    }
};
