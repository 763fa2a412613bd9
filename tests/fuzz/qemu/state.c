/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States of the guest that are saved, damaged, and loaded again
 *
 * The state is the guest's of this moment, so what is loaded is nearly right.  A
 * step changes a few bytes of it, each by a place in one of our sections; coverage
 * finds the places that matter.  Whatever the load returns, all goes on.
 *
 * Of the sections those of devices that are not ours are not saved, which makes it
 * fast.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "hw/core/qdev.h"
#include "hw/core/sysbus.h"
#include "io/channel-buffer.h"
#include "migration/qemu-file.h"
#include "migration/register.h"
#include "migration/savevm.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "hw/xen/emu/device/reset.h"
#include "qemu-fuzz.h"

#define MAX_PATCHES     4
/* The file's magic number and version, which a section's state does not have. */
#define FILE_HEADER     8
#define NR_SECTIONS     32
/* vCPUs, overlay, event channels, grants, xenstore, platform device; at least. */
#define NR_OURS         (XEN_FUZZ_VCPUS + 5)

/* QEMU's own devices.  What unplug hides is QEMU's, but "platform" is ours. */
static bool is_ours(Object *obj)
{
    const char *type = object_get_typename(obj);

    return g_str_has_prefix(type, "xen-");
}

static int forget_state(Object *obj, void *opaque)
{
    DeviceState *dev = (DeviceState *)object_dynamic_cast(obj, TYPE_DEVICE);
    const VMStateDescription *vmsd = dev ? qdev_get_vmsd(dev) : NULL;

    if (vmsd && !is_ours(obj) && !object_dynamic_cast(obj, TYPE_CPU)) {
        vmstate_unregister(VMSTATE_IF(dev), vmsd, dev);
    }
    return 0;
}

void xen_fuzz_state_init(void)
{
    object_child_foreach_recursive(object_get_root(), forget_state, NULL);
}

/* Where a section of ours is in the stream, and what of it may be changed. */
typedef struct Section {
    size_t begin, end;          /* with header and footer */
    size_t from;
} Section;

/* Of the vCPU only the part with Xen's state: the rest is QEMU's. */
static bool find_changeable(const uint8_t *data, size_t at, Section *s)
{
    static const char vcpu[] = "cpu/xen_vcpu";
    uint8_t len = data[s->begin + 5];
    const char *name = (const char *)data + s->begin + 6;
    const uint8_t *part;

    if (len == 3 && memcmp(name, "cpu", 3) == 0) {
        part = memmem(data + at, s->end - at, vcpu, strlen(vcpu));
        s->from = part ? part - data + strlen(vcpu) : 0;
        return part;
    }
    s->from = at;
    return memmem(name, len, "xen", 3) || memmem(name, len, "platform", 8);
}

/*
 * The end of the section that begins at @data, or NULL.  Its state may contain what
 * looks like its footer: then no section follows.
 */
static const uint8_t *find_end(const uint8_t *data, size_t size)
{
    uint8_t footer[5] = { QEMU_VM_SECTION_FOOTER };
    const uint8_t *at = data, *last = data + size - sizeof(footer) - 1;

    memcpy(footer + 1, data + 1, 4);
    while ((at = memmem(at, data + size - at, footer, sizeof(footer)))) {
        at += sizeof(footer);
        if (at > last || at[0] == QEMU_VM_SECTION_FULL) {
            return at;
        }
    }
    return NULL;
}

static unsigned find_sections(const uint8_t *data, size_t size, Section *found)
{
    size_t at = FILE_HEADER;
    unsigned n = 0;

    while (n < NR_SECTIONS && data[at] == QEMU_VM_SECTION_FULL) {
        Section s = { .begin = at };
        const uint8_t *end = find_end(data + at, size - at);

        if (!end) {
            break;
        }
        s.end = end - data;
        /* After type, number, name, instance and version. */
        if (find_changeable(data, at + 6 + data[at + 5] + 8, &s)) {
            found[n++] = s;
        }
        at = s.end;
    }
    return n;
}

static void patch(uint8_t *data, const Section *s, Record *r)
{
    uint16_t where = record_u16(r);
    uint8_t how = record_u8(r), value = record_u8(r);
    uint8_t *byte = data + s->from + where % (s->end - s->from);

    switch (how % 4) {
    case 0:
        *byte = value;
        break;
    case 1:
        *byte ^= 1u << value % 8;
        break;
    case 2:
        *byte += value;
        break;
    case 3:
        break;
    }
}

static GByteArray *save(void)
{
    QIOChannelBuffer *buffer = qio_channel_buffer_new(64 * 1024);
    QEMUFile *f = qemu_file_new_output(QIO_CHANNEL(buffer));
    GByteArray *state = g_byte_array_new();
    int ret = qemu_save_device_state(f);

    g_assert_cmpint(ret, ==, 0);
    qemu_fflush(f);
    g_byte_array_append(state, buffer->data, buffer->usage);
    qemu_fclose(f);
    object_unref(OBJECT(buffer));
    return state;
}

/* Sections of ours only, so that no damage can be in QEMU's. */
static void load(const uint8_t *data, const Section *s, unsigned n,
                 size_t limit)
{
    QIOChannelBuffer *buffer = qio_channel_buffer_new(64 * 1024);
    const char end = QEMU_VM_EOF;
    QEMUFile *f;

    for (unsigned i = 0; i < n; i++) {
        size_t len = s[i].end - s[i].begin;

        qio_channel_write(QIO_CHANNEL(buffer), (char *)data + s[i].begin, len,
                          NULL);
    }
    qio_channel_write(QIO_CHANNEL(buffer), &end, 1, NULL);
    buffer->usage = MIN(buffer->usage, limit);
    buffer->offset = 0;
    f = qemu_file_new_input(QIO_CHANNEL(buffer));
    qemu_load_device_state(f);
    qemu_fclose(f);
    object_unref(OBJECT(buffer));
}

void xen_fuzz_state(XenFuzzProgram *p, Record *r)
{
    uint8_t how = record_u8(r), cut = record_u8(r);
    g_autoptr(GByteArray) state = NULL;
    Section section[NR_SECTIONS];
    unsigned n;

    if (p->loaded) {
        return;
    }
    p->loaded = true;
    vm_stop(RUN_STATE_SAVE_VM);
    state = save();
    n = find_sections(state->data, state->len, section);
    g_assert_cmpuint(n, >=, NR_OURS);
    for (unsigned i = how % (MAX_PATCHES + 1); n && i > 0; i--) {
        patch(state->data, &section[record_u8(r) % n], r);
    }
    if (how & 0x80) {
        /* As the target of a migration, which is new. */
        g_assert_cmpint(xen_emu_machine_reset(), ==, 0);
    }
    load(state->data, section, n, cut == 0xff ? record_u16(r) : SIZE_MAX);
    vm_start();
}
