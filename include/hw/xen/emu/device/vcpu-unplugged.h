/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest has registered for a vCPU, while that vCPU is unplugged
 *
 * To Xen, a vCPU that the guest has taken offline still exists: its vcpu_info,
 * its time and runstate areas and its upcall vector stay registered until the
 * domain is reset.  Guests depend on it.  Linux registers vcpu_info once for
 * each number, since Xen refuses a second time, and takes for granted that it
 * is in use when the vCPU comes back.  QEMU deletes the vCPU, so this module
 * keeps the addresses, by number, for the next vCPU of that number.
 *
 * They are migrated in a subsection of xen-evtchn's section, because the vCPU
 * has no section of its own then.
 *
 * BQL.
 */
#ifndef HW_XEN_EMU_DEVICE_VCPU_UNPLUGGED_H
#define HW_XEN_EMU_DEVICE_VCPU_UNPLUGGED_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/device/vcpu.h"

/* As in a stream. */
typedef struct XenUnpluggedVcpu {
    uint32_t id;
    XenVcpuRegistered registered;
} XenUnpluggedVcpu;

/* Vcpu @id goes, and had @registered. */
void xen_unplugged_keep(unsigned id, const XenVcpuRegistered *registered);
/* A vCPU comes: what number @id had registered, which is then forgotten. */
XenVcpuRegistered xen_unplugged_take(unsigned id);
/* Domain reset. */
void xen_unplugged_forget_all(void);

/* A copy of all, to be freed with g_free(), by number; NULL if @nr is 0. */
XenUnpluggedVcpu *xen_unplugged_save(int32_t *nr);
/*
 * Replaces all by the @nr entries at @saved.  -EINVAL, with an error message,
 * if one cannot be right or its vCPU is plugged in this machine; then nothing
 * has changed.
 */
int xen_unplugged_load(const XenUnpluggedVcpu *saved, int32_t nr);

#endif
