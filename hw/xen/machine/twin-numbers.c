/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbers of PV twins where a guest is loaded: see twin-numbers.h */
#include "qemu/osdep.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "hw/xen/pv/twin.h"
#include "migration/vmstate.h"
#include "emulated.h"
#include "trace.h"
#include "twin-numbers.h"
#include "twins.h"

/* Some 1,000 of them. */
#define LIST_MAX    (64 * KiB)

/* Of lines "NUMBER PLACE"; only while a stream is saved or loaded. */
typedef struct List {
    uint8_t *text;
    uint32_t size;
} List;

/* -------------------------------------------------------------------- save */

static bool list_needed(void *opaque)
{
    g_autoptr(GPtrArray) devices = NULL;

    if (!xen_twins_have_changed()) {
        return false;
    }
    devices = xen_twins_find();
    return devices->len;
}

static int list_pre_save(void *opaque)
{
    List *list = opaque;
    g_autoptr(GPtrArray) devices = xen_twins_find();
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < devices->len; i++) {
        DeviceState *dev = g_ptr_array_index(devices, i);
        g_autofree char *place = xen_emulated_place(dev);

        g_string_append_printf(text, "%" PRIu32 " %s\n", xen_twins_number(dev),
                               place);
    }
    list->size = text->len;
    list->text = (uint8_t *)g_string_free(text, false);
    return 0;
}

static void forget_list(void *opaque)
{
    List *list = opaque;

    g_clear_pointer(&list->text, g_free);
    list->size = 0;
}

XEN_POST_SAVE(list_post_save, forget_list)

/* -------------------------------------------------------------------- load */

/* A device of this machine that has a twin. */
typedef struct Twin {
    DeviceState *emulated;
    int64_t number;             /* that it is to have, or XEN_TWINS_ANY */
    bool again;                 /* it is to be made again */
} Twin;

/* Place -> number + 1; NULL with @errp set. */
static GHashTable *parse(const char *text, Error **errp)
{
    g_autoptr(GHashTable) numbers = g_hash_table_new_full(g_str_hash,
                                                          g_str_equal, g_free,
                                                          NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

    for (char **line = lines; *line; line++) {
        const char *place;
        unsigned number;

        if (!**line) {
            continue;
        }
        if (qemu_strtoui(*line, &place, 10, &number) || *place != ' ' ||
            number >= INT_MAX) {
            error_setg(errp, "its list of numbers is not a valid one");
            return NULL;
        }
        g_hash_table_insert(numbers, g_strdup(place + 1),
                            GUINT_TO_POINTER(number + 1));
    }
    return g_steal_pointer(&numbers);
}

/* All twins here; those that @numbers has are taken out of it. */
static GArray *match(GHashTable *numbers)
{
    g_autoptr(GPtrArray) devices = xen_twins_find();
    GArray *twins = g_array_new(false, false, sizeof(Twin));

    for (unsigned i = 0; i < devices->len; i++) {
        Twin twin = {
            .emulated = g_ptr_array_index(devices, i),
            .number = XEN_TWINS_ANY,
        };
        g_autofree char *place = xen_emulated_place(twin.emulated);
        gpointer number = g_hash_table_lookup(numbers, place);

        if (number) {
            twin.number = GPOINTER_TO_UINT(number) - 1;
            twin.again = xen_twins_number(twin.emulated) != twin.number;
            g_hash_table_remove(numbers, place);
        }
        g_array_append_val(twins, twin);
    }
    return twins;
}

/* One that the guest does not know, with a number that it knows another by. */
static bool is_in_the_way(const Twin *twin, const GArray *twins)
{
    uint32_t number = xen_twins_number(twin->emulated);
    bool is_disk = xen_emulated_disk(twin->emulated);

    for (unsigned i = 0; i < twins->len; i++) {
        const Twin *other = &g_array_index(twins, Twin, i);

        if (other->number == number &&
            is_disk == !!xen_emulated_disk(other->emulated)) {
            return true;
        }
    }
    return false;
}

static bool make_again(const Twin *twin, Error **errp)
{
    g_autofree char *place = xen_emulated_place(twin->emulated);
    DeviceState *dev = xen_twins_make_again(twin->emulated, twin->number, errp);

    if (!dev) {
        error_prepend(errp, "the twin of the device at %s: ", place);
        return false;
    }
    xen_twin_begin_load(dev);
    trace_xen_twin_number(place, xen_twins_number(twin->emulated));
    if (twin->number != XEN_TWINS_ANY &&
        xen_twins_number(twin->emulated) != twin->number) {
        error_setg(errp, "the twin of the device at %s has number %" PRId64
                   " to the incoming guest, which another device has here",
                   place, twin->number);
        return false;
    }
    return true;
}

/* Those that the guest knows come first: the others get what is left. */
static bool make_all_again(const GArray *twins, Error **errp)
{
    for (unsigned i = 0; i < twins->len; i++) {
        const Twin *twin = &g_array_index(twins, Twin, i);

        if (twin->again) {
            object_unparent(OBJECT(xen_twin_of(twin->emulated)));
        }
    }
    for (int unknown = 0; unknown < 2; unknown++) {
        for (unsigned i = 0; i < twins->len; i++) {
            const Twin *twin = &g_array_index(twins, Twin, i);

            if (twin->again && unknown == (twin->number == XEN_TWINS_ANY) &&
                !make_again(twin, errp)) {
                return false;
            }
        }
    }
    return true;
}

static bool load(const char *text, Error **errp)
{
    g_autoptr(GHashTable) numbers = parse(text, errp);
    g_autoptr(GArray) twins = NULL;
    GHashTableIter iter;
    gpointer place;

    if (!numbers) {
        return false;
    }
    twins = match(numbers);
    g_hash_table_iter_init(&iter, numbers);
    if (g_hash_table_iter_next(&iter, &place, NULL)) {
        error_setg(errp, "the incoming guest has a PV twin of a device at %s, "
                   "and this machine has not", (char *)place);
        return false;
    }
    for (unsigned i = 0; i < twins->len; i++) {
        Twin *twin = &g_array_index(twins, Twin, i);

        if (twin->number == XEN_TWINS_ANY) {
            twin->again = is_in_the_way(twin, twins);
        }
    }
    return make_all_again(twins, errp);
}

static int list_pre_load(void *opaque)
{
    forget_list(opaque);
    return 0;
}

static int list_post_load(void *opaque, int version_id)
{
    List *list = opaque;
    /* Of no bytes there is no buffer. */
    g_autofree char *text = g_strndup((char *)list->text ?: "", list->size);
    Error *err = NULL;

    forget_list(list);
    if (!load(text, &err)) {
        error_prepend(&err, "xen-pv-twins: ");
        error_report_err(err);
        return -EINVAL;
    }
    return 0;
}

static bool list_fits(void *opaque, int version_id)
{
    List *list = opaque;

    return list->size <= LIST_MAX;
}

static const VMStateDescription vmstate = {
    .name = "xen-pv-twins",
    .version_id = 1,
    .minimum_version_id = 1,
    .early_setup = true,
    /* Before those of PV devices, which are registered later. */
    .priority = MIG_PRI_GICV3,
    .needed = list_needed,
    .pre_save = list_pre_save,
    .post_save = list_post_save,
    .pre_load = list_pre_load,
    .post_load = list_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(size, List),
        VMSTATE_VALIDATE("list of numbers too long", list_fits),
        VMSTATE_VBUFFER_ALLOC_UINT32(text, List, 0, NULL, size),
        VMSTATE_END_OF_LIST()
    },
};

void xen_twin_numbers_init(void)
{
    static List list;
    static bool registered;

    if (!registered) {
        vmstate_register(NULL, 0, &vmstate, &list);
        registered = true;
    }
}
