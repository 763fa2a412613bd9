/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP over the guest's network: single bytes back and forth, then bulk data
 *
 *     tcp-load ADDRESS PORT ROUNDS BYTES
 *
 * The host's side is tcpserver.py, or tcp-peer.c in the L1 VM.  The first line of
 * a connection is a command: "echo" sends back what it receives; "take BYTES"
 * receives so many bytes and replies whether they were correct; "give BYTES" sends
 * so many.
 *
 * Each byte of a stream is a function of its position, so that both sides can
 * check it.  Retransmissions are counted by the kernel.
 *
 * A host that is busy for some seconds is not to look like a lost frame, so the
 * route to the server says that nothing is sent again sooner than RTO_MIN_MS after
 * it was sent.  (The sysctl for that came with Linux 6.11 only.)  Not if ROUNDS is 0:
 * then frames are lost, because the guest is being migrated.
 *
 * Prints
 *   tcp-rounds=N           completed
 *   tcp-round-ns=MEDIAN WORST
 *   tcp-out=BYTES NS, tcp-in=BYTES NS
 *   tcp-resent=N           segments of established connections (/proc/net/snmp)
 *   tcp-dropped=N          frames, by the network device
 * or, if something fails, error=..., with exit status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tcp-stream.h"

#define PATIENCE_S      60
#define RTO_MIN_MS      10000
#define DEVICE          "eth0"
#define PIECE           65536

static struct sockaddr_in server;
static unsigned long resent, resent_before;

static void die(const char *what)
{
    printf("error=tcp-load: %s: %m\n", what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static void write_all(int fd, const void *buf, size_t len)
{
    for (const char *p = buf; len; ) {
        ssize_t done = write(fd, p, len);

        /* A socket with a time-out ends so when the guest sleeps in S3. */
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            die("write");
        }
        p += done;
        len -= done;
    }
}

static void read_all(int fd, void *buf, size_t len)
{
    for (char *p = buf; len; ) {
        ssize_t done = read(fd, p, len);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            die("read");
        }
        p += done;
        len -= done;
    }
}

/*
 * RetransSegs: the column with that name in the lines that begin with "Tcp:".
 */
static unsigned long read_resent(void)
{
    FILE *f = fopen("/proc/net/snmp", "r");
    char names[1024], values[1024];
    unsigned long resent = 0;

    if (!f) {
        die("/proc/net/snmp");
    }
    while (fgets(names, sizeof(names), f) && fgets(values, sizeof(values), f)) {
        char *name_at, *value_at;
        char *name = strtok_r(names, "\n ", &name_at);
        char *value = strtok_r(values, "\n ", &value_at);

        if (!name || strcmp(name, "Tcp:")) {
            continue;
        }
        while (name && value && strcmp(name, "RetransSegs")) {
            name = strtok_r(NULL, "\n ", &name_at);
            value = strtok_r(NULL, "\n ", &value_at);
        }
        if (!value) {
            die("RetransSegs");
        }
        resent = atoll(value);
    }
    fclose(f);
    return resent;
}

/* Adds the retransmissions since the connection was established. */
static void count_resent(void)
{
    resent += read_resent() - resent_before;
}

/* Appends an attribute to the message, and returns it. */
static struct rtattr *add_attribute(struct nlmsghdr *msg, unsigned short type,
                                    const void *data, unsigned len)
{
    struct rtattr *a = (void *)((char *)msg + NLMSG_ALIGN(msg->nlmsg_len));

    a->rta_type = type;
    a->rta_len = RTA_LENGTH(len);
    if (len) {
        memcpy(RTA_DATA(a), data, len);
    }
    msg->nlmsg_len = NLMSG_ALIGN(msg->nlmsg_len) + RTA_ALIGN(a->rta_len);
    return a;
}

/* A route to the server alone, with a locked RTO_MIN. */
static void add_patient_route(void)
{
    struct {
        struct nlmsghdr head;
        struct rtmsg route;
        char attributes[128];
    } msg = {
        .head = {
            .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
            .nlmsg_type = RTM_NEWROUTE,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
                           NLM_F_REPLACE,
        },
        .route = {
            .rtm_family = AF_INET, .rtm_dst_len = 32,
            .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
            .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST,
        },
    };
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[256];
    } answer;
    uint32_t device = if_nametoindex(DEVICE);
    uint32_t lock = 1u << RTAX_RTO_MIN, rto_min = RTO_MIN_MS;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    struct rtattr *metrics;

    add_attribute(&msg.head, RTA_DST, &server.sin_addr, 4);
    add_attribute(&msg.head, RTA_OIF, &device, sizeof(device));
    metrics = add_attribute(&msg.head, RTA_METRICS, NULL, 0);
    add_attribute(&msg.head, RTAX_LOCK, &lock, sizeof(lock));
    add_attribute(&msg.head, RTAX_RTO_MIN, &rto_min, sizeof(rto_min));
    metrics->rta_len = (char *)&msg + msg.head.nlmsg_len - (char *)metrics;
    if (send(fd, &msg, msg.head.nlmsg_len, 0) < 0 ||
        recv(fd, &answer, sizeof(answer), 0) < 0) {
        die("netlink");
    }
    if (answer.error.error) {
        errno = -answer.error.error;
        die("route");
    }
    close(fd);
}

/* A sleep in S3 interrupts connect(), too; the connection is made nevertheless. */
static int connect_to_server(int fd)
{
    struct pollfd connected = { .fd = fd, .events = POLLOUT };
    int done = connect(fd, (struct sockaddr *)&server, sizeof(server));
    socklen_t size = sizeof(errno);

    if (!done || errno != EINTR) {
        return done;
    }
    do {
        done = poll(&connected, 1, PATIENCE_S * 1000);
    } while (done < 0 && errno == EINTR);
    if (!done) {
        errno = ETIMEDOUT;
    } else if (done > 0) {
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &size);
    }
    return done > 0 && !errno ? 0 : -1;
}

static int open_for(const char *purpose)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
        connect_to_server(fd)) {
        die("connect");
    }
    /* Do not count retransmissions during the handshake. */
    resent_before = read_resent();
    write_all(fd, purpose, strlen(purpose));
    return fd;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void ping_pong(unsigned rounds)
{
    int fd = open_for("echo\n");
    uint64_t *took = calloc(rounds, sizeof(*took));

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t start = now_ns();
        uint8_t out = i, in = ~i;

        write_all(fd, &out, 1);
        read_all(fd, &in, 1);
        if (in != out) {
            printf("error=tcp-load: a byte came back changed\n");
            exit(1);
        }
        took[i] = now_ns() - start;
    }
    count_resent();
    close(fd);
    qsort(took, rounds, sizeof(*took), compare);
    printf("tcp-rounds=%u\n", rounds);
    printf("tcp-round-ns=%llu %llu\n", (unsigned long long)took[rounds / 2],
           (unsigned long long)took[rounds - 1]);
    free(took);
}

/* @out: sends a stream; the host replies whether it was right. */
static void transfer(size_t bytes, bool out)
{
    static uint8_t expected[PIECE], received[PIECE];
    char command[40], answer[6];
    bool right = true;
    uint64_t start;
    int fd;

    snprintf(command, sizeof(command), "%s %zu\n", out ? "take" : "give",
             bytes);
    fd = open_for(command);
    start = now_ns();
    for (size_t at = 0; right && at < bytes; at += PIECE) {
        size_t len = bytes - at < PIECE ? bytes - at : PIECE;

        stream_fill(expected, at, len);
        if (out) {
            write_all(fd, expected, len);
        } else {
            read_all(fd, received, len);
            right = !memcmp(received, expected, len);
        }
    }
    if (out) {
        read_all(fd, answer, sizeof(answer));
        right = !memcmp(answer, "right\n", sizeof(answer));
    }
    count_resent();
    close(fd);
    if (!right) {
        printf("error=tcp-load: the %s stream was changed\n",
               out ? "outgoing" : "incoming");
        exit(1);
    }
    printf("tcp-%s=%zu %llu\n", out ? "out" : "in", bytes,
           (unsigned long long)(now_ns() - start));
}

static void print_dropped(void)
{
    FILE *f = fopen("/sys/class/net/eth0/statistics/tx_dropped", "r");
    unsigned long dropped;

    if (!f || fscanf(f, "%lu", &dropped) != 1) {
        die("tx_dropped");
    }
    fclose(f);
    printf("tcp-dropped=%lu\n", dropped);
}

int main(int argc, char **argv)
{
    if (argc != 5 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        printf("error=usage: tcp-load ADDRESS PORT ROUNDS BYTES\n");
        return 2;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons(atoi(argv[2]));
    if (atoi(argv[3])) {
        add_patient_route();
        ping_pong(atoi(argv[3]));
    }
    transfer(atoll(argv[4]), true);
    transfer(atoll(argv[4]), false);
    printf("tcp-resent=%lu\n", resent);
    print_dropped();
    return 0;
}
