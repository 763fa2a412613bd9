/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's end of xenstore: its ring and event channel
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "libxen-store.h"

#include "hw/xen/interface/hvm/params.h"

#define FIELD(s, name) \
    ((s)->ring + offsetof(struct xenstore_domain_interface, name))
/* Between two looks at a ring that QEMU has not moved yet. */
#define LOOK_AGAIN_US   200

XenStore xen_store_open(XenVm *vm)
{
    XenStore s = { .vm = vm, .next_id = 1 };
    uint64_t value;

    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_STORE_PFN, &value), ==, 0);
    s.ring = value * XEN_PAGE_SIZE;
    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_STORE_EVTCHN, &value), ==, 0);
    s.port = value;
    xen_unmask(vm, s.port);
    return s;
}

void xen_store_kick(XenStore *s)
{
    g_assert_cmpint(xen_send(s->vm, s->port), ==, 0);
}

static uint32_t read_field(XenStore *s, uint64_t gpa)
{
    return qtest_readl(s->vm->qts, gpa);
}

void xen_store_put(XenStore *s, const void *data, size_t len, size_t piece)
{
    const char *p = data;

    while (len) {
        uint32_t prod = read_field(s, FIELD(s, req_prod));
        uint32_t used = prod - read_field(s, FIELD(s, req_cons));
        size_t at = MASK_XENSTORE_IDX(prod);
        size_t n = MIN(MIN(len, piece), MIN(XENSTORE_RING_SIZE - used,
                                            XENSTORE_RING_SIZE - at));

        if (!n) {
            g_usleep(LOOK_AGAIN_US);
            continue;
        }
        qtest_memwrite(s->vm->qts, FIELD(s, req) + at, p, n);
        qtest_writel(s->vm->qts, FIELD(s, req_prod), prod + n);
        xen_store_kick(s);
        p += n;
        len -= n;
    }
}

static void get_bytes(XenStore *s, void *data, size_t len)
{
    char *p = data;

    while (len) {
        uint32_t cons = read_field(s, FIELD(s, rsp_cons));
        uint32_t avail = read_field(s, FIELD(s, rsp_prod)) - cons;
        size_t at = MASK_XENSTORE_IDX(cons);
        size_t n = MIN(len, MIN(avail, XENSTORE_RING_SIZE - at));

        if (!n) {
            g_usleep(LOOK_AGAIN_US);
            continue;
        }
        qtest_memread(s->vm->qts, FIELD(s, rsp) + at, p, n);
        qtest_writel(s->vm->qts, FIELD(s, rsp_cons), cons + n);
        /* It may have more to say than the ring holds. */
        xen_store_kick(s);
        p += n;
        len -= n;
    }
}

void xen_store_get(XenStore *s, XenStoreMessage *msg)
{
    memset(msg, 0, sizeof(*msg));
    get_bytes(s, &msg->header, sizeof(msg->header));
    g_assert_cmpuint(msg->header.len, <=, XENSTORE_PAYLOAD_MAX);
    get_bytes(s, msg->payload, msg->header.len);
}

uint32_t xen_store_send(XenStore *s, uint32_t type, uint32_t tx,
                        XenStoreBytes payload)
{
    XenStoreMessage request = {
        .header = {
            .type = type, .req_id = s->next_id++, .tx_id = tx,
            .len = payload.len,
        },
    };

    g_assert_cmpuint(payload.len, <=, XENSTORE_PAYLOAD_MAX);
    memcpy(request.payload, payload.data, payload.len);
    xen_store_put(s, &request, sizeof(request.header) + payload.len,
                  XENSTORE_RING_SIZE);
    return request.header.req_id;
}

void xen_store_request(XenStore *s, uint32_t type, uint32_t tx,
                       XenStoreBytes payload, XenStoreMessage *answer)
{
    uint32_t id = xen_store_send(s, type, tx, payload);

    xen_store_get(s, answer);
    g_assert_cmpuint(answer->header.req_id, ==, id);
    g_assert_cmpuint(answer->header.tx_id, ==, tx);
    if (answer->header.type != type) {
        g_assert_cmpuint(answer->header.type, ==, XS_ERROR);
    }
}

void xen_store_expect(XenStore *s, uint32_t type, uint32_t tx,
                      XenStoreBytes payload, XenStoreBytes expected)
{
    XenStoreMessage answer;

    xen_store_request(s, type, tx, payload, &answer);
    if (answer.header.type == XS_ERROR) {
        g_error("xenstore: request %u: %s", type, answer.payload);
    }
    g_assert_cmpmem(answer.payload, answer.header.len, expected.data,
                    expected.len);
}

void xen_store_expect_error(XenStore *s, uint32_t type, uint32_t tx,
                            XenStoreBytes payload, const char *error)
{
    XenStoreMessage answer;

    xen_store_request(s, type, tx, payload, &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_ERROR);
    g_assert_cmpstr(answer.payload, ==, error);
    g_assert_cmpuint(answer.header.len, ==, strlen(error) + 1);
}

uint32_t xen_store_start_transaction(XenStore *s)
{
    XenStoreMessage answer;
    unsigned id;

    xen_store_request(s, XS_TRANSACTION_START, 0, XEN_STORE_STRINGS(""),
                      &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_TRANSACTION_START);
    g_assert_cmpint(qemu_strtoui(answer.payload, NULL, 10, &id), ==, 0);
    return id;
}
