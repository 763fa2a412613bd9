/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved states of Xen guests: create, parse, modify and load them
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "libxen-state.h"

/* Of the format; see migration/savevm.h and qemu-file-types.h. */
#define SECTION_FULL        0x04
#define SUBSECTION          0x05
#define DESCRIPTION         0x06
#define SECTION_FOOTER      0x7e
#define FOOTER_LEN          5

char *xen_state_save_begin(XenVm *vm)
{
    char *path = xen_new_file(0);
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate', "
                             "'arguments': { 'uri': %s } }", uri);
    return path;
}

bool xen_state_save_is(XenVm *vm, const char *wanted)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
        "{ 'execute': 'query-migrate' }");
    const char *status = qdict_get_str(info, "status");
    bool is = g_str_equal(status, wanted);

    g_assert_cmpstr(status, !=, "failed");
    qobject_unref(info);
    return is;
}

char *xen_state_save(XenVm *vm)
{
    char *path = xen_state_save_begin(vm);

    while (!xen_state_save_is(vm, "completed")) {
        g_usleep(1000);
    }
    return path;
}

void xen_state_load(XenVm *vm, const char *path)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
}

void xen_state_change(const char *path, const char *text, size_t offset, char c)
{
    g_autofree char *data = NULL;
    size_t size;
    char *at;

    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    at = memmem(data, size, text, strlen(text));
    g_assert_nonnull(at);
    at[offset] = c;
    g_assert_true(g_file_set_contents(path, data, size, NULL));
}

void xen_state_change_told(const char *path, const char *key, char c)
{
    xen_state_change(path, key, strlen(key) + 1, c);
}

static bool is_loaded(XenVm *vm)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
                                               "{ 'execute': 'query-status' }");
    bool loaded = !g_str_equal(qdict_get_str(info, "status"), "inmigrate");

    qobject_unref(info);
    return loaded;
}

void xen_state_wait(XenVm *vm)
{
    while (!is_loaded(vm)) {
        g_usleep(1000);
    }
}

static bool is_refused(XenVm *vm)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
        "{ 'execute': 'query-migrate' }");
    const char *status = qdict_get_try_str(info, "status");
    bool failed = !g_strcmp0(status, "failed");

    g_assert_cmpstr(status, !=, "completed");
    qobject_unref(info);
    return failed;
}

void xen_state_expect_refused(XenVm *vm, const char *path)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s, "
                             "'exit-on-error': false } }", uri);
    while (!is_refused(vm)) {
        g_usleep(1000);
    }
}

void xen_state_expect_reason(XenVm *vm, const char *path, const char *log,
                             const char *reason)
{
    g_autofree char *said = NULL;
    const char *desc;
    QDict *answer;

    xen_state_expect_refused(vm, path);
    answer = qtest_qmp(vm->qts, "{ 'execute': 'query-migrate' }");
    desc = qdict_get_try_str(qdict_get_qdict(answer, "return"), "error-desc");
    g_assert_true(g_file_get_contents(log, &said, NULL, NULL));
    if (!strstr(said, reason) && !(desc && strstr(desc, reason))) {
        g_error("'%s' is not in '%s' '%s'", reason, said, desc ?: "");
    }
    qobject_unref(answer);
    unlink(log);
}

XenVm *xen_state_move(XenVm *vm, const char *accel, int64_t clock_ns)
{
    g_autofree char *path = xen_state_save(vm);
    XenVm *target = xen_vm_start_target(vm, accel, XEN_STATE_TARGET);

    qtest_clock_set(target->qts, clock_ns);
    xen_state_load(target, path);
    qtest_qmp_eventwait(target->qts, "RESUME");
    xen_vm_stop(vm);
    unlink(path);
    return target;
}

/* ------------------------------------------------------------- snapshots */

static bool job_is_over(QTestState *qts)
{
    QDict *answer = qtest_qmp(qts, "{ 'execute': 'query-jobs' }");
    QDict *job = qobject_to(QDict, qlist_peek(qdict_get_qlist(answer,
                                                              "return")));
    bool over = g_str_equal(qdict_get_str(job, "status"), "concluded");

    if (over) {
        g_assert_false(qdict_haskey(job, "error"));
    }
    qobject_unref(answer);
    return over;
}

/* Creates an image; @what: "file", or "qcow2", which adds a node. */
static void create_image(QTestState *qts, const char *what, QDict *options,
                         QDict *node)
{
    QDict *cache = qdict_new();

    /* It need not survive the test, so do not flush it. */
    qdict_put_bool(cache, "no-flush", true);
    qdict_put_str(options, "driver", what);
    qdict_put_str(node, "driver", what);
    qdict_put_str(node, "node-name", what);
    qdict_put(node, "cache", cache);
    qtest_qmp_assert_success(qts, "{ 'execute': 'blockdev-create', "
                             "'arguments': { 'job-id': 'create', "
                             "'options': %p } }", options);
    while (!job_is_over(qts)) {
        g_usleep(1000);
    }
    qtest_qmp_assert_success(qts, "{ 'execute': 'job-dismiss', "
                             "'arguments': { 'id': 'create' } }");
    qtest_qmp_assert_success(qts, "{ 'execute': 'blockdev-add', "
                             "'arguments': %p }", node);
}

static QDict *dict_of_path(const char *path)
{
    QDict *dict = qdict_new();

    qdict_put_str(dict, "filename", path);
    return dict;
}

static QDict *dict_of_file(void)
{
    QDict *dict = qdict_new();

    qdict_put_str(dict, "file", "file");
    return dict;
}

void xen_create_qcow2(QTestState *qts, const char *path, uint64_t size)
{
    QDict *options = dict_of_path(path);

    qdict_put_int(options, "size", 0);
    create_image(qts, "file", options, dict_of_path(path));
    options = dict_of_file();
    qdict_put_int(options, "size", size);
    create_image(qts, "qcow2", options, dict_of_file());
}

XenSnapshot *xen_snapshot_new(XenVm *vm)
{
    XenSnapshot *s = g_new0(XenSnapshot, 1);
    char *said;

    s->vm = vm;
    s->path = xen_new_file(0);
    xen_create_qcow2(vm->qts, s->path, 64 << 10);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    said = qtest_hmp(vm->qts, "savevm state");
    g_assert_cmpstr(said, ==, "");
    g_free(said);
    s->fd = open(s->path, O_RDWR);
    g_assert_cmpint(s->fd, >=, 0);
    return s;
}

char *xen_snapshot_load(XenSnapshot *s)
{
    char *said = qtest_hmp(s->vm->qts, "loadvm state");

    if (*said) {
        return said;
    }
    g_free(said);
    return NULL;
}

void xen_snapshot_free(XenSnapshot *s)
{
    close(s->fd);
    unlink(s->path);
    g_free(s->path);
    g_free(s);
}

/* ------------------------------------------------------ position of fields */

/* Walks the fields of one level; the next one is at *at. */
typedef struct Walk {
    GArray *fields;
    const char *only;       /* prefix, or NULL */
    size_t at;
} Walk;

static void walk_fields(Walk *w, const char *prefix, QList *fields);

static void add_field(Walk *w, const char *path, size_t size)
{
    XenStateField field = { .path = g_strdup(path), .at = w->at, .size = size };

    if (!w->only || g_str_has_prefix(path, w->only)) {
        g_array_append_val(w->fields, field);
    } else {
        g_free(field.path);
    }
}

static void walk_field(Walk *w, const char *prefix, QDict *field)
{
    const char *name = qdict_get_str(field, "name");
    bool array = qdict_haskey(field, "array_len");
    int64_t nr = qdict_get_try_int(field, "array_len", 1);
    int64_t index = qdict_get_try_int(field, "index", 0);
    QDict *inner = qdict_get_qdict(field, "struct");
    size_t size = qdict_get_int(field, "size");

    array |= qdict_haskey(field, "index");
    for (int64_t i = 0; i < nr; i++) {
        g_autofree char *path = array ?
            g_strdup_printf("%s%s[%" PRId64 "]", prefix, name, index + i) :
            g_strconcat(prefix, name, NULL);
        size_t end = w->at + size;

        if (inner && qdict_haskey(inner, "fields")) {
            g_autofree char *deeper = g_strconcat(path, ".", NULL);

            walk_fields(w, deeper, qdict_get_qlist(inner, "fields"));
        } else {
            add_field(w, path, size);
        }
        w->at = end;
    }
}

static void walk_fields(Walk *w, const char *prefix, QList *fields)
{
    QListEntry *entry;

    QLIST_FOREACH_ENTRY(fields, entry) {
        walk_field(w, prefix, qobject_to(QDict, qlist_entry_obj(entry)));
    }
}

static void walk_subsections(Walk *w, const uint8_t *data, QDict *of)
{
    QList *list = qdict_get_qlist(of, "subsections");
    QListEntry *entry;

    if (!list) {
        return;
    }
    QLIST_FOREACH_ENTRY(list, entry) {
        QDict *sub = qobject_to(QDict, qlist_entry_obj(entry));
        const char *name = qdict_get_str(sub, "vmsd_name");
        g_autofree char *prefix = g_strconcat(name, ".", NULL);

        g_assert_cmphex(data[w->at], ==, SUBSECTION);
        g_assert_cmpuint(data[w->at + 1], ==, strlen(name));
        g_assert_cmpmem(data + w->at + 2, strlen(name), name, strlen(name));
        w->at += 2 + strlen(name) + sizeof(uint32_t);
        walk_fields(w, prefix, qdict_get_qlist(sub, "fields"));
        walk_subsections(w, data, sub);
    }
}

/* The description of the stream, which is at its end. */
static QDict *description(const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len - 5; at++) {
        size_t size = ldl_be_p(data + at + 1);

        if (data[at] == DESCRIPTION && data[at + 5] == '{' &&
            size <= len - at - 5 && data[at + 5 + size - 1] == '}') {
            g_autofree char *json = g_strndup((const char *)data + at + 5,
                                              size);

            return qobject_to(QDict, qobject_from_json(json, &error_abort));
        }
    }
    g_assert_not_reached();
}

static QDict *find_device(QDict *all, const char *name, unsigned instance)
{
    QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(all, "devices"), entry) {
        QDict *device = qobject_to(QDict, qlist_entry_obj(entry));

        if (g_str_equal(qdict_get_str(device, "name"), name) &&
            qdict_get_int(device, "instance_id") == instance) {
            return device;
        }
    }
    g_assert_not_reached();
}

/* The start of the section; *body: the start of its fields. */
static size_t find_header(const uint8_t *data, size_t len, const char *name,
                          unsigned instance, size_t *body)
{
    size_t name_len = strlen(name);
    size_t wanted_len = 1 + name_len + sizeof(uint32_t);
    g_autofree uint8_t *wanted = g_malloc(wanted_len);
    const uint8_t *found;

    /*
     * Searched for: the end of the section header, from the name to the
     * version.
     */
    wanted[0] = name_len;
    memcpy(wanted + 1, name, name_len);
    stl_be_p(wanted + 1 + name_len, instance);
    found = memmem(data, len, wanted, wanted_len);
    g_assert_nonnull(found);
    g_assert_cmphex(found[-5], ==, SECTION_FULL);
    *body = found + wanted_len + sizeof(uint32_t) - data;
    return found - 5 - data;
}

static void clear_field(gpointer field)
{
    g_free(((XenStateField *)field)->path);
}

XenStateSection *xen_state_section(const char *path, const char *name,
                                   unsigned instance, const char *prefix)
{
    XenStateSection *s = g_new0(XenStateSection, 1);
    g_autofree char *file = NULL;
    const uint8_t *data;
    size_t len;
    QDict *all, *device;
    Walk w = { .only = prefix };

    g_assert_true(g_file_get_contents(path, &file, &len, NULL));
    data = (const uint8_t *)file;
    all = description(data, len);
    device = find_device(all, name, instance);
    s->begin = find_header(data, len, name, instance, &w.at);

    s->fields = g_array_new(false, false, sizeof(XenStateField));
    g_array_set_clear_func(s->fields, clear_field);
    w.fields = s->fields;
    walk_fields(&w, "", qdict_get_qlist(device, "fields"));
    walk_subsections(&w, data, device);
    /* Check that the section ends here. */
    g_assert_cmphex(data[w.at], ==, SECTION_FOOTER);
    s->end = w.at + FOOTER_LEN;
    qobject_unref(all);
    return s;
}

void xen_state_section_free(XenStateSection *s)
{
    g_array_free(s->fields, true);
    g_free(s);
}

const XenStateField *xen_state_field(const XenStateSection *s,
                                     const char *path)
{
    for (unsigned i = 0; i < s->fields->len; i++) {
        const XenStateField *field = &g_array_index(s->fields, XenStateField,
                                                    i);

        if (g_str_equal(field->path, path)) {
            return field;
        }
    }
    g_error("the state has no field %s", path);
}
