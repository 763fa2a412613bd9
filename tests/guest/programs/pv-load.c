/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Load on a disk or a network, for so many milliseconds
 *
 *     pv-load random MS DEVICE DEPTH     reads of 4 KiB at random places
 *     pv-load read MS DEVICE             reads of 1 MiB, one after the other
 *     pv-load write MS DEVICE            writes of 1 MiB
 *     pv-load round MS ADDRESS PORT      a byte to and fro over TCP
 *     pv-load out MS ADDRESS PORT        a TCP stream to the host
 *     pv-load in MS ADDRESS PORT         a TCP stream from the host
 *
 * Disks are opened with O_DIRECT; DEPTH requests are in flight at any time.
 * The host's side of the network is tcp-peer.c.
 *
 * Prints a line
 *
 *     OPERATIONS BYTES NS MEDIAN P99 WORST
 *
 * with the time that it took, and the times of single operations in ns (0 for
 * streams).  What does not end in PATIENCE_S counts as that, and ends the run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S      3
#define MAX_DEPTH       64
#define MAX_OPERATIONS  1000000
#define SMALL           4096
#define LARGE           (1 << 20)
#define PIECE           65536

static uint64_t took[MAX_OPERATIONS];
static unsigned operations;
static uint64_t bytes, started_at, end_at;

static void die(const char *what)
{
    printf("error=pv-load: %s: %m\n", what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static void add(uint64_t ns, uint64_t size)
{
    took[operations++] = ns;
    bytes += size;
}

static int may_go_on(void)
{
    return operations < MAX_OPERATIONS && now_ns() < end_at;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t percentile(unsigned percent)
{
    return operations ? took[(operations - 1) * (uint64_t)percent / 100] : 0;
}

static void report(void)
{
    uint64_t ns = now_ns() - started_at;

    qsort(took, operations, sizeof(*took), compare);
    printf("%u %llu %llu %llu %llu %llu\n", operations,
           (unsigned long long)bytes, (unsigned long long)ns,
           (unsigned long long)percentile(50),
           (unsigned long long)percentile(99),
           (unsigned long long)percentile(100));
}

/* ------------------------------------------------------------------ disks */

static uint64_t device_size;

static int open_disk(const char *path)
{
    int fd = open(path, O_RDWR | O_DIRECT);

    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &device_size)) {
        die(path);
    }
    return fd;
}

static void *buffer(size_t size)
{
    void *buf = aligned_alloc(SMALL, size);

    if (!buf) {
        die("memory");
    }
    memset(buf, 0x5a, size);
    return buf;
}

/* xorshift64: places only have to differ. */
static uint64_t random_place(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % (device_size / SMALL) * SMALL;
}

static void submit(aio_context_t ctx, struct iocb *cb)
{
    cb->aio_offset = random_place();
    cb->aio_data = now_ns();
    if (syscall(SYS_io_submit, ctx, 1, &cb) != 1) {
        die("io_submit");
    }
}

static void random_reads(const char *path, unsigned depth)
{
    struct iocb cb[MAX_DEPTH];
    struct io_event event[MAX_DEPTH];
    aio_context_t ctx = 0;
    int fd = open_disk(path), in_flight = 0;

    if (!depth || depth > MAX_DEPTH || syscall(SYS_io_setup, depth, &ctx)) {
        die("io_setup");
    }
    for (unsigned i = 0; i < depth; i++, in_flight++) {
        cb[i] = (struct iocb) {
            .aio_lio_opcode = IOCB_CMD_PREAD,
            .aio_fildes = fd,
            .aio_buf = (uintptr_t)buffer(SMALL),
            .aio_nbytes = SMALL,
        };
        submit(ctx, &cb[i]);
    }
    while (in_flight) {
        long n = syscall(SYS_io_getevents, ctx, 1, depth, event, NULL);
        uint64_t now = now_ns();

        if (n < 1) {
            die("io_getevents");
        }
        for (long i = 0; i < n; i++) {
            if (event[i].res != SMALL) {
                errno = -event[i].res;
                die("read");
            }
            add(now - event[i].data, SMALL);
            in_flight--;
            if (may_go_on()) {
                submit(ctx, (struct iocb *)(uintptr_t)event[i].obj);
                in_flight++;
            }
        }
    }
}

static void sequential(const char *path, int is_write)
{
    int fd = open_disk(path);
    void *buf = buffer(LARGE);
    uint64_t at = 0;

    while (may_go_on()) {
        uint64_t start = now_ns();
        ssize_t done = is_write ? pwrite(fd, buf, LARGE, at) :
                                  pread(fd, buf, LARGE, at);

        if (done != LARGE) {
            die(is_write ? "write" : "read");
        }
        add(now_ns() - start, LARGE);
        at = at + 2 * LARGE > device_size ? 0 : at + LARGE;
    }
}

/* ---------------------------------------------------------------- network */

static int open_for(const char *purpose, char **where)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons(atoi(where[1])),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (inet_pton(AF_INET, where[0], &server.sin_addr) != 1 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
        connect(fd, (struct sockaddr *)&server, sizeof(server)) ||
        write(fd, purpose, strlen(purpose)) != (ssize_t)strlen(purpose)) {
        die("connect");
    }
    /* On a busy host this may take as long as a turn. */
    end_at += now_ns() - started_at;
    started_at = now_ns();
    return fd;
}

static void rounds(char **where)
{
    int fd = open_for("echo\n", where);
    char byte = 'x';

    while (may_go_on()) {
        uint64_t start = now_ns();
        int done = write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;

        add(now_ns() - start, 1);
        if (!done) {
            break;
        }
    }
}

/* The bytes that have arrived count, for as long as the last took. */
static void stream_out(char **where)
{
    int fd = open_for("sink\n", where);
    void *buf = buffer(PIECE);
    char answer[24] = "";
    ssize_t done;

    do {
        done = write(fd, buf, PIECE);
    } while (done > 0 && may_go_on());
    shutdown(fd, SHUT_WR);
    if (read(fd, answer, sizeof(answer) - 1) > 0) {
        bytes = atoll(answer);
    }
}

static void stream_in(char **where)
{
    int fd = open_for("pour\n", where);
    void *buf = buffer(PIECE);
    ssize_t n;

    while (may_go_on() && (n = read(fd, buf, PIECE)) > 0) {
        bytes += n;
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[1] : "";
    char **rest = argv + 3;

    started_at = now_ns();
    if (argc > 3) {
        end_at = started_at + atoi(argv[2]) * UINT64_C(1000000);
    }
    if (argc == 5 && !strcmp(what, "random")) {
        random_reads(rest[0], atoi(rest[1]));
    } else if (argc == 4 && !strcmp(what, "read")) {
        sequential(rest[0], 0);
    } else if (argc == 4 && !strcmp(what, "write")) {
        sequential(rest[0], 1);
    } else if (argc == 5 && !strcmp(what, "round")) {
        rounds(rest);
    } else if (argc == 5 && !strcmp(what, "out")) {
        stream_out(rest);
    } else if (argc == 5 && !strcmp(what, "in")) {
        stream_in(rest);
    } else {
        printf("error=pv-load: bad arguments\n");
        return 2;
    }
    report();
    return 0;
}
