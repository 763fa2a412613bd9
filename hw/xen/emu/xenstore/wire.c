/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore's messages; see include/hw/xen/emu/xenstore/wire.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/xen/emu/xenstore/wire.h"

/* A request that is being answered. */
typedef struct Request {
    XenstoreConn *c;
    uint32_t tx;
    char *data;                 /* with a 0 behind it */
    size_t len;
    XenstoreMessage *reply;
} Request;

/* ------------------------------------------------------------- arguments -- */

/* The one string that the payload is; NULL: it is something else. */
static const char *only_string(const Request *r)
{
    return r->len && strlen(r->data) == r->len - 1 ? r->data : NULL;
}

/*
 * Points up to @max of @strings to the strings of the payload, and returns how
 * many it has; what is behind the last 0 is none.
 */
static unsigned get_strings(const Request *r, const char **strings,
                            unsigned max)
{
    unsigned n = 0;

    for (size_t at = 0, len; at < r->len; at += len + 1) {
        len = strlen(r->data + at);
        if (at + len == r->len) {
            break;
        }
        if (n < max) {
            strings[n] = r->data + at;
        }
        n++;
    }
    return n;
}

/* Digits only, no more than @max. */
static bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t n = 0;

    if (!*text) {
        return false;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        n = n * 10 + (*text - '0');
        if (n > max) {
            return false;
        }
    }
    *value = n;
    return true;
}

static bool parse_perm(const char *text, XenstorePerm *perm)
{
    static const char letters[] = "nrwb";
    const char *letter = *text ? strchr(letters, *text) : NULL;
    uint64_t domid;

    if (!letter || !parse_number(text + 1, UINT16_MAX, &domid)) {
        return false;
    }
    perm->access = letter - letters;
    perm->domid = domid;
    return true;
}

/* --------------------------------------------------------------- answers -- */

static void append(Request *r, const void *data, size_t len)
{
    g_assert(len <= XENSTORE_PAYLOAD_MAX - r->reply->hdr.len);
    if (len) {
        memcpy(r->reply->payload + r->reply->hdr.len, data, len);
        r->reply->hdr.len += len;
    }
}

static int G_GNUC_PRINTF(2, 3) append_format(Request *r, const char *format,
                                             ...)
{
    size_t room = XENSTORE_PAYLOAD_MAX - r->reply->hdr.len;
    va_list ap;
    int len;

    va_start(ap, format);
    len = vsnprintf(r->reply->payload + r->reply->hdr.len, room, format, ap);
    va_end(ap);
    if (len + 1 > room) {
        return -E2BIG;
    }
    r->reply->hdr.len += len + 1;
    return 0;
}

static int done(Request *r, int ret)
{
    if (!ret) {
        append(r, "OK", 3);
    }
    return ret;
}

/* ---------------------------------------------------------------- nodes -- */

static int do_read(Request *r)
{
    const char *path = only_string(r);
    g_autoptr(GBytes) value = NULL;
    int ret = path ? xenstore_read(r->c, r->tx, path, &value) : -EINVAL;

    if (!ret) {
        gsize len;
        const void *data = g_bytes_get_data(value, &len);

        if (len > XENSTORE_PAYLOAD_MAX) {
            return -E2BIG;
        }
        append(r, data, len);
    }
    return ret;
}

static int do_write(Request *r)
{
    const char *path;
    size_t at;

    if (!get_strings(r, &path, 1)) {
        return -EINVAL;
    }
    at = strlen(path) + 1;
    return done(r, xenstore_write(r->c, r->tx, path, r->data + at,
                                  r->len - at));
}

static int do_mkdir(Request *r)
{
    const char *path = only_string(r);

    return done(r, path ? xenstore_create(r->c, r->tx, path) : -EINVAL);
}

static int do_rm(Request *r)
{
    const char *path = only_string(r);

    return done(r, path ? xenstore_rm(r->c, r->tx, path) : -EINVAL);
}

static int do_directory(Request *r)
{
    const char *path = only_string(r);
    g_autoptr(GByteArray) names = g_byte_array_new();
    uint64_t total, generation;
    int ret = path ? xenstore_directory(r->c, r->tx, path, 0,
                                        XENSTORE_PAYLOAD_MAX, names, &total,
                                        &generation) : -EINVAL;

    if (ret) {
        return ret;
    }
    if (total > names->len) {
        return -E2BIG;
    }
    append(r, names->data, names->len);
    return 0;
}

static int do_directory_part(Request *r)
{
    g_autoptr(GByteArray) names = g_byte_array_new();
    uint64_t offset, total, generation;
    const char *arg[2];
    /* "18446744073709551615" and two times 0 leave this much for names. */
    const size_t max = XENSTORE_PAYLOAD_MAX - 22;
    int ret;

    if (get_strings(r, arg, 2) != 2 ||
        !parse_number(arg[1], UINT32_MAX, &offset)) {
        return -EINVAL;
    }
    ret = xenstore_directory(r->c, r->tx, arg[0], offset, max, names, &total,
                             &generation);
    if (ret) {
        return ret;
    }
    append_format(r, "%" G_GUINT64_FORMAT, generation);
    append(r, names->data, names->len);
    /* An empty name says that this is the end. */
    if (offset + names->len >= total) {
        append(r, "", 1);
    }
    return 0;
}

static int do_get_perms(Request *r)
{
    static const char letters[] = "nrwb";
    const char *path = only_string(r);
    g_autoptr(GArray) perms = g_array_new(false, false, sizeof(XenstorePerm));
    int ret = path ? xenstore_get_perms(r->c, r->tx, path, perms) : -EINVAL;

    for (guint i = 0; !ret && i < perms->len; i++) {
        const XenstorePerm *p = &g_array_index(perms, XenstorePerm, i);

        ret = append_format(r, "%c%u", letters[p->access], p->domid);
    }
    return ret;
}

static int do_set_perms(Request *r)
{
    /* At two bytes and a 0 each, what a message holds. */
    const char *arg[XENSTORE_PAYLOAD_MAX / 3 + 2];
    unsigned n = get_strings(r, arg, G_N_ELEMENTS(arg));
    g_autofree XenstorePerm *perms = NULL;

    /* An empty string takes less, but is not a permission. */
    if (n < 2 || n > G_N_ELEMENTS(arg)) {
        return -EINVAL;
    }
    perms = g_new0(XenstorePerm, n - 1);
    for (unsigned i = 1; i < n; i++) {
        if (!parse_perm(arg[i], &perms[i - 1])) {
            return -EINVAL;
        }
    }
    return done(r, xenstore_set_perms(r->c, r->tx, arg[0], perms, n - 1));
}

/* -------------------------------------------------- transactions, watches -- */

static int do_transaction_start(Request *r)
{
    uint32_t id;
    int ret = r->tx ? -EBUSY : xenstore_tx_start(r->c, &id);

    return ret ?: append_format(r, "%u", id);
}

static int do_transaction_end(Request *r)
{
    const char *arg = only_string(r);

    if (!arg || (strcmp(arg, "T") && strcmp(arg, "F"))) {
        return -EINVAL;
    }
    return done(r, xenstore_tx_end(r->c, r->tx, *arg == 'T'));
}

static int do_watch(Request *r)
{
    const char *arg[3];
    unsigned n = get_strings(r, arg, 3);
    uint64_t depth = -1;

    if (n != 2 && n != 3) {
        return -EINVAL;
    }
    /* A reserved string, of a client that knows no depth, is empty. */
    if (n == 3 && *arg[2] && !parse_number(arg[2], INT32_MAX, &depth)) {
        return -EINVAL;
    }
    return done(r, xenstore_watch(r->c, arg[0], arg[1], (int)depth, NULL));
}

static int do_unwatch(Request *r)
{
    const char *arg[2];

    if (get_strings(r, arg, 2) != 2) {
        return -EINVAL;
    }
    return done(r, xenstore_unwatch(r->c, arg[0], arg[1]));
}

static int do_reset_watches(Request *r)
{
    xenstore_reset_connection(r->c);
    return done(r, 0);
}

static int do_get_domain_path(Request *r)
{
    const char *arg = only_string(r);
    uint64_t domid;

    if (!arg || !parse_number(arg, UINT16_MAX, &domid)) {
        return -EINVAL;
    }
    return append_format(r, "/local/domain/%u", (unsigned)domid);
}

static int do_privileged(Request *r)
{
    return -EACCES;
}

/* ----------------------------------------------------------------- table -- */

static const struct {
    const char *name;
    int (*run)(Request *r);
    bool any_tx;                /* the transaction's number does not count */
} types[] = {
    [XS_CONTROL] = { "CONTROL", do_privileged, true },
    [XS_DIRECTORY] = { "DIRECTORY", do_directory },
    [XS_READ] = { "READ", do_read },
    [XS_GET_PERMS] = { "GET_PERMS", do_get_perms },
    [XS_WATCH] = { "WATCH", do_watch, true },
    [XS_UNWATCH] = { "UNWATCH", do_unwatch, true },
    [XS_TRANSACTION_START] = { "TRANSACTION_START", do_transaction_start },
    [XS_TRANSACTION_END] = { "TRANSACTION_END", do_transaction_end },
    [XS_INTRODUCE] = { "INTRODUCE", do_privileged, true },
    [XS_RELEASE] = { "RELEASE", do_privileged, true },
    [XS_GET_DOMAIN_PATH] = { "GET_DOMAIN_PATH", do_get_domain_path },
    [XS_WRITE] = { "WRITE", do_write },
    [XS_MKDIR] = { "MKDIR", do_mkdir },
    [XS_RM] = { "RM", do_rm },
    [XS_SET_PERMS] = { "SET_PERMS", do_set_perms },
    [XS_WATCH_EVENT] = { "WATCH_EVENT" },
    [XS_ERROR] = { "ERROR" },
    [XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", do_privileged, true },
    [XS_RESUME] = { "RESUME", do_privileged, true },
    [XS_SET_TARGET] = { "SET_TARGET", do_privileged, true },
    [XS_RESET_WATCHES] = { "RESET_WATCHES", do_reset_watches },
    [XS_DIRECTORY_PART] = { "DIRECTORY_PART", do_directory_part },
};

const char *xenstore_wire_name(uint32_t type)
{
    return type < G_N_ELEMENTS(types) && types[type].name ? types[type].name
                                                          : "?";
}

static const char *error_name(int ret)
{
    for (size_t i = 0; i < G_N_ELEMENTS(xsd_errors); i++) {
        if (xsd_errors[i].errnum == -ret) {
            return xsd_errors[i].errstring;
        }
    }
    g_assert_not_reached();
}

void xenstore_wire_request(XenstoreConn *c, XenstoreMessage *req,
                           XenstoreMessage *reply)
{
    Request r = {
        .c = c, .tx = req->hdr.tx_id, .data = req->payload,
        .len = req->hdr.len, .reply = reply,
    };
    uint32_t type = req->hdr.type;
    int ret;

    g_assert(r.len <= XENSTORE_PAYLOAD_MAX);
    req->payload[r.len] = 0;
    reply->hdr = req->hdr;
    reply->hdr.len = 0;
    if (type >= G_N_ELEMENTS(types) || !types[type].run) {
        ret = -ENOSYS;
    } else if (r.tx && !types[type].any_tx &&
               !xenstore_tx_is_open(c, r.tx)) {
        ret = -ENOENT;
    } else {
        ret = types[type].run(&r);
    }
    if (ret) {
        const char *name = error_name(ret);

        reply->hdr.type = XS_ERROR;
        reply->hdr.len = strlen(name) + 1;
        memcpy(reply->payload, name, reply->hdr.len);
    }
}

bool xenstore_wire_event(XenstoreConn *c, XenstoreMessage *msg)
{
    XenstoreEvent ev;
    size_t path, token;

    if (!xenstore_next_event(c, &ev)) {
        return false;
    }
    path = strlen(ev.path) + 1;
    token = strlen(ev.token) + 1;
    msg->hdr = (struct xsd_sockmsg) {
        .type = XS_WATCH_EVENT, .len = path + token,
    };
    g_assert(msg->hdr.len <= XENSTORE_PAYLOAD_MAX);
    memcpy(msg->payload, ev.path, path);
    memcpy(msg->payload + path, ev.token, token);
    return true;
}
