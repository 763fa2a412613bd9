/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HVM parameters: HVMOP_set_param and HVMOP_get_param
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/i386/kvm/xen_xenstore.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "migration/vmstate.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "hvm_param.h"
#include "internal.h"
#include "trace.h"

#include "hw/xen/interface/hvm/hvm_op.h"
#include "hw/xen/interface/hvm/params.h"

QEMU_BUILD_BUG_ON(sizeof(xen_hvm_param_t) != 16);

#define NR_PARAMS           (HVM_PARAM_MCA_CAP + 1)

/*
 * Task state segment for virtual-8086 mode: the size is above the address.  The
 * minimum is a bare TSS, the maximum one with all bitmaps.
 */
#define TSS_SIZE_SHIFT      32
#define TSS_SIZE_MIN        104
#define TSS_SIZE_MAX        (TSS_SIZE_MIN + 256 / 8 + 65536 / 8 + 1)
/* The size for a guest that sets an address only. */
#define TSS_SIZE_OLD        128

/* Parameters that are only stored.  BQL. */
static struct {
    uint64_t is_set;            /* bitmap, by index */
    uint64_t value[NR_PARAMS];
} kept;

static void keep(uint32_t index, uint64_t value)
{
    kept.is_set |= 1ull << index;
    kept.value[index] = value;
}

static bool is_kept(uint32_t index)
{
    return kept.is_set >> index & 1;
}

/* Parameters of old versions of Xen, which it now refuses. */
static bool is_retired(uint32_t index)
{
    switch (index) {
    case 4:
    case 13:
    case 20 ... 26:
    case 30:
        return true;
    default:
        return false;
    }
}

static int check_index(const xen_hvm_param_t *p)
{
    if (p->index >= NR_PARAMS) {
        return -EINVAL;
    }
    if (!xen_domid_is_self(p->domid)) {
        return p->domid == DOMID_QEMU ? -EINVAL : -ESRCH;
    }
    return is_retired(p->index) ? -EINVAL : 0;
}

static int set_tss(uint64_t value)
{
    uint64_t size = value >> TSS_SIZE_SHIFT;

    if (size < TSS_SIZE_MIN) {
        return -EINVAL;
    }
    keep(HVM_PARAM_VM86_TSS_SIZED, (uint32_t)value |
         MIN(size, (uint64_t)TSS_SIZE_MAX) << TSS_SIZE_SHIFT);
    return 0;
}

/* Also latches the layout, as in Xen.  On an error neither changes. */
static int set_callback(XenHypercall *hc, uint64_t value)
{
    uint64_t old = xen_upcall_param();
    int ret = xen_delivery_set_callback(value);

    if (!ret) {
        ret = xen_set_long_mode(hc->long_mode);
        if (ret) {
            xen_delivery_set_callback(old);
        }
    }
    return ret;
}

static int set_param(XenHypercall *hc, xen_hvm_param_t *p)
{
    switch (p->index) {
    case HVM_PARAM_CALLBACK_IRQ:
        return set_callback(hc, p->value);
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
        /* Xen can move the PM timer; this is its error for an invalid address. */
        return -EINVAL;
    case HVM_PARAM_VM86_TSS:
        if (p->value != (uint32_t)p->value) {
            return -EINVAL;
        }
        if (p->value) {
            return set_tss(p->value | (uint64_t)TSS_SIZE_OLD <<
                                      TSS_SIZE_SHIFT);
        }
        keep(HVM_PARAM_VM86_TSS_SIZED, 0);
        return 0;
    case HVM_PARAM_VM86_TSS_SIZED:
        return set_tss(p->value);
    case HVM_PARAM_X87_FIP_WIDTH:
        if (p->value != 0 && p->value != 4 && p->value != 8) {
            return -EINVAL;
        }
        break;
    case HVM_PARAM_STORE_EVTCHN:
    case HVM_PARAM_CONSOLE_EVTCHN:
    case HVM_PARAM_VM_GENERATION_ID_ADDR:
        break;
    default:
        return -EPERM;
    }
    keep(p->index, p->value);
    return 0;
}

static int get_param(XenHypercall *hc, xen_hvm_param_t *p)
{
    switch (p->index) {
    case HVM_PARAM_CALLBACK_IRQ:
        p->value = xen_upcall_param();
        return 0;
    case HVM_PARAM_STORE_PFN:
        p->value = XEN_SPECIAL_PFN(XENSTORE);
        return 0;
    case HVM_PARAM_STORE_EVTCHN:
        p->value = is_kept(p->index) ? kept.value[p->index]
                                     : xen_xenstore_get_port();
        return 0;
    case HVM_PARAM_CONSOLE_PFN:
        /* A machine may have no primary console: Linux checks for 0. */
        p->value = xen_emu_console_pfn();
        return p->value ? 0 : -EINVAL;
    case HVM_PARAM_CONSOLE_EVTCHN:
        p->value = is_kept(p->index) ? kept.value[p->index]
                                     : xen_emu_console_port();
        return p->value ? 0 : -EINVAL;
    case HVM_PARAM_VM86_TSS:
        p->value = (uint32_t)kept.value[HVM_PARAM_VM86_TSS_SIZED];
        return 0;
    case HVM_PARAM_VM86_TSS_SIZED:
    case HVM_PARAM_VM_GENERATION_ID_ADDR:
    case HVM_PARAM_X87_FIP_WIDTH:
    case HVM_PARAM_ALTP2M:
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
        /* 0 until it is set, if it ever is. */
        p->value = kept.value[p->index];
        return 0;
    default:
        return -EPERM;
    }
}

/* Calls @op with the guest's argument if that refers to a parameter. */
static int on_param(XenHypercall *hc, uint64_t gva, xen_hvm_param_t *p,
                    int (*op)(XenHypercall *hc, xen_hvm_param_t *p))
{
    int ret;

    if (XEN_GET(hc, p, gva)) {
        return -EFAULT;
    }
    ret = check_index(p);
    if (ret) {
        return ret;
    }
    BQL_LOCK_GUARD();
    return op(hc, p);
}

int xen_hvm_set_param(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_param_t p = {};
    int ret = on_param(hc, gva, &p, set_param);

    trace_xen_hvm_set_param(p.index, p.value, ret);
    return ret;
}

int xen_hvm_get_param(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_param_t p = {};
    int ret = on_param(hc, gva, &p, get_param);

    trace_xen_hvm_get_param(p.index, p.value, ret);
    if (!ret && XEN_PUT(hc, gva, &p)) {
        ret = -EFAULT;
    }
    return ret;
}

static void reset(Notifier *n, void *phase)
{
    switch (*(XenResetPhase *)phase) {
    case XEN_RESET_MACHINE:
        memset(&kept, 0, sizeof(kept));
        break;
    case XEN_RESET_RINGS:
        /* The guest's own ports are closed; those of the back ends count. */
        kept.is_set &= ~(1ull << HVM_PARAM_STORE_EVTCHN |
                         1ull << HVM_PARAM_CONSOLE_EVTCHN);
        break;
    default:
        break;
    }
}

static Notifier reset_notifier = { .notify = reset };

/* Without stored parameters the stream is the same as upstream's. */
static bool needed(void *opaque)
{
    return kept.is_set;
}

static const VMStateDescription vmstate_xen_hvm_params = {
    .name = "xen-hvm-params",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(is_set, typeof(kept)),
        VMSTATE_UINT64_ARRAY(value, typeof(kept), NR_PARAMS),
        VMSTATE_END_OF_LIST()
    },
};

void xen_hvm_param_init(void)
{
    xen_emu_add_reset_notifier(&reset_notifier);
    vmstate_register(NULL, 0, &vmstate_xen_hvm_params, &kept);
}
