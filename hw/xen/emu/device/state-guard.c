/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Incoming states of upstream's xenstore are checked
 *
 * A migration stream is somebody else's data.  xenstore is upstream's, and uses
 * numbers from it as lengths and offsets.  So its class gets a copy of its
 * description of the state, with checks of ours behind the fields that need one:
 * a check without data, so the stream stays what it was.
 * What a state holds for xenstore's nodes is checked where it is parsed
 * (patches/0117 to 0119).
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "hw/qdev-core.h"
#include "hw/xen/emu/emu.h"
#include "migration/vmstate.h"

#include "hw/xen/interface/io/xs_wire.h"

#define XS_HEADER       sizeof(struct xsd_sockmsg)
/* A guest has at most 1,000 nodes of 2 KiB, and ten transactions. */
#define XS_TREES_MAX    (64 * MiB)

typedef struct StateCheck {
    const char *after;          /* a field */
    bool (*ok)(void *opaque, int version_id);
} StateCheck;

static const VMStateDescription *xenstore;      /* upstream's */

static const VMStateField *field_of(const VMStateDescription *vmsd,
                                    const char *name)
{
    const VMStateField *f = vmsd->fields;

    while (!g_str_equal(f->name, name)) {
        f++;
        /* The names are those of the tree that we are built with. */
        assert(f->flags != VMS_END);
    }
    return f;
}

static void *state_of(void *opaque, const VMStateDescription *vmsd,
                      const char *name)
{
    return opaque + field_of(vmsd, name)->offset;
}

#define XENSTORE(opaque, type, name) \
    (*(type *)state_of(opaque, xenstore, name))

static bool says(bool ok, const char *what)
{
    if (!ok) {
        error_report("xen: %s of the incoming state cannot be", what);
    }
    return ok;
}

/*
 * The message that came as far as its first req_offset bytes.  A guest may have
 * sent half of a header, and one with a length that ended the connection.
 */
static bool request_fits(void *opaque)
{
    const struct xsd_sockmsg *req = state_of(opaque, xenstore, "req_data");
    uint32_t offset = XENSTORE(opaque, uint32_t, "req_offset");

    if (offset < XS_HEADER) {
        /* Upstream adds these in 32 bits: it would take it for complete. */
        return (uint32_t)(XS_HEADER + req->len) != offset;
    }
    if (XENSTORE(opaque, bool, "fatal_error")) {
        return offset <= XS_HEADER + XENSTORE_PAYLOAD_MAX;
    }
    return req->len <= XENSTORE_PAYLOAD_MAX && offset <= XS_HEADER + req->len;
}

static bool response_fits(void *opaque)
{
    const struct xsd_sockmsg *rsp = state_of(opaque, xenstore, "rsp_data");
    uint32_t offset = XENSTORE(opaque, uint32_t, "rsp_offset");

    if (!XENSTORE(opaque, bool, "rsp_pending")) {
        return offset == 0;
    }
    return rsp->len <= XENSTORE_PAYLOAD_MAX && offset < XS_HEADER + rsp->len;
}

static bool xenstore_messages_fit(void *opaque, int version_id)
{
    return says(request_fits(opaque), "xenstore's request") &&
           says(response_fits(opaque), "xenstore's response");
}

static bool xenstore_size_fits(void *opaque, int version_id)
{
    return says(XENSTORE(opaque, uint32_t, "impl_state_size") <= XS_TREES_MAX,
                "the size of xenstore");
}

static const VMStateDescription *guarded(const VMStateDescription *vmsd,
                                         const StateCheck *checks,
                                         size_t nr_checks)
{
    VMStateDescription *copy = g_memdup2(vmsd, sizeof(*vmsd));
    const VMStateField end = VMSTATE_END_OF_LIST();
    GArray *fields = g_array_new(false, false, sizeof(VMStateField));

    for (const VMStateField *f = vmsd->fields; f->flags != VMS_END; f++) {
        g_array_append_val(fields, *f);
        for (size_t i = 0; i < nr_checks; i++) {
            if (g_str_equal(checks[i].after, f->name)) {
                VMStateField check = VMSTATE_VALIDATE("valid", checks[i].ok);

                g_array_append_val(fields, check);
            }
        }
    }
    g_array_append_val(fields, end);
    copy->fields = (VMStateField *)g_array_free(fields, false);
    return copy;
}

void xen_emu_guard_states(void)
{
    static const StateCheck of_xenstore[] = {
        { .after = "fatal_error", .ok = xenstore_messages_fit },
        { .after = "impl_state_size", .ok = xenstore_size_fits },
    };
    DeviceClass *dc = DEVICE_CLASS(object_class_by_name("xen-xenstore"));
    xenstore = dc->vmsd;
    dc->vmsd = guarded(xenstore, of_xenstore, ARRAY_SIZE(of_xenstore));
}
