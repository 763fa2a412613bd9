/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_xen_version: the version of Xen, and its features
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/uuid.h"
#include "exec/target_page.h"
#include "hw/xen/emu/domain.h"
#include "system/system.h"
#include "internal.h"

#include "hw/xen/interface/version.h"

/* The interface version in this string has always been 3.0. */
#define CAPABILITIES \
    "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "

/* For unprivileged guests, instead of Xen's command line. */
#define DENIED  "<denied>"

QEMU_BUILD_BUG_ON(sizeof_field(XenEmuConfig, extraversion) !=
                  XEN_EXTRAVERSION_LEN);
QEMU_BUILD_BUG_ON(sizeof(xen_feature_info_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(xen_compile_info_t) != 144);

/* Copies out a string field of a fixed size, padded with zeroes. */
static int put_string(XenHypercall *hc, uint64_t gva, const char *s,
                      size_t size)
{
    g_autofree char *field = g_malloc0(size);

    pstrcpy(field, size, s);
    return xen_copy_to_guest(hc, gva, field, size);
}

static int compile_info(XenHypercall *hc, uint64_t gva)
{
    xen_compile_info_t info = { };

    /* The host, user and date of the build are not disclosed to guests. */
    pstrcpy(info.compiler, sizeof(info.compiler), "qemu-xen-emu");
    return XEN_PUT(hc, gva, &info);
}

static int get_features(XenHypercall *hc, uint64_t gva)
{
    xen_feature_info_t info;

    if (XEN_GET(hc, &info, gva)) {
        return -EFAULT;
    }
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS) {
        return -EINVAL;
    }
    info.submap = 1u << XENFEAT_writable_page_tables |
                  1u << XENFEAT_writable_descriptor_tables |
                  1u << XENFEAT_auto_translated_physmap |
                  1u << XENFEAT_hvm_safe_pvclock |
                  1u << XENFEAT_hvm_pirqs;
    if (xen_emu_accel()->cpu.raise_callback) {
        info.submap |= 1u << XENFEAT_hvm_callback_vector;
    }
    return XEN_PUT(hc, gva, &info);
}

int64_t xen_hcall_xen_version(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[1];

    switch (cmd) {
    case XENVER_version:
        return xen_emu_config()->version;
    case XENVER_extraversion:
        return put_string(hc, gva, xen_emu_config()->extraversion,
                          XEN_EXTRAVERSION_LEN);
    case XENVER_compile_info:
        return compile_info(hc, gva);
    case XENVER_capabilities:
        return put_string(hc, gva, CAPABILITIES, XEN_CAPABILITIES_INFO_LEN);
    case XENVER_changeset:
        return put_string(hc, gva, "unavailable", XEN_CHANGESET_INFO_LEN);
    case XENVER_platform_parameters:
        /* Xen's own address, which is not in the address space of an HVM guest. */
        return xen_put_long(hc, gva, 0, 0);
    case XENVER_get_features:
        return get_features(hc, gva);
    case XENVER_pagesize:
        /* It takes no argument. */
        return gva ? -EINVAL : qemu_target_page_size();
    case XENVER_guest_handle:
        return xen_copy_to_guest(hc, gva, &qemu_uuid, sizeof(qemu_uuid));
    case XENVER_commandline:
        return xen_copy_to_guest(hc, gva, DENIED, sizeof(DENIED));
    case XENVER_build_id:
        return -EPERM;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
