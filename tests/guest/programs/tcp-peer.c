/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other side of pv-load.c, and in the L1 VM of tcp-load.c, for which it has
 * the part of tcpserver.py that it needs
 *
 *     tcp-peer PORT
 *
 * Serves each connection in a process of its own, until it is killed.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp-stream.h"

#define PIECE   65536

static uint8_t piece[PIECE], expected[PIECE];

static void write_all(int fd, const uint8_t *p, size_t len)
{
    while (len) {
        ssize_t done = write(fd, p, len);

        if (done <= 0) {
            _exit(1);
        }
        p += done;
        len -= done;
    }
}

static void echo(int fd)
{
    ssize_t len;

    while ((len = read(fd, piece, PIECE)) > 0) {
        write_all(fd, piece, len);
    }
}

static void take(int fd, size_t bytes)
{
    const char *answer = "right\n";

    for (size_t at = 0; at < bytes; ) {
        size_t left = bytes - at;
        ssize_t len = read(fd, piece, left < PIECE ? left : PIECE);

        if (len <= 0) {
            return;
        }
        stream_fill(expected, at, len);
        if (memcmp(piece, expected, len)) {
            answer = "wrong\n";
        }
        at += len;
    }
    write_all(fd, (const uint8_t *)answer, strlen(answer));
}

static void give(int fd, size_t bytes)
{
    for (size_t at = 0; at < bytes; ) {
        size_t len = bytes - at < PIECE ? bytes - at : PIECE;

        stream_fill(piece, at, len);
        write_all(fd, piece, len);
        at += len;
    }
}

/* Reads to the end, and says how much it was. */
static void sink(int fd)
{
    unsigned long long bytes = 0;
    ssize_t len;

    while ((len = read(fd, piece, PIECE)) > 0) {
        bytes += len;
    }
    dprintf(fd, "%llu\n", bytes);
}

/* Until the guest has had enough. */
static void pour(int fd)
{
    for (;;) {
        write_all(fd, piece, PIECE);
    }
}

static void serve(int fd)
{
    char command[64];
    unsigned len = 0;
    size_t bytes;

    while (len < sizeof(command) - 1 && read(fd, command + len, 1) == 1 &&
           command[len] != '\n') {
        len++;
    }
    command[len] = 0;
    if (!strcmp(command, "echo")) {
        echo(fd);
    } else if (sscanf(command, "take %zu", &bytes) == 1) {
        take(fd, bytes);
    } else if (sscanf(command, "give %zu", &bytes) == 1) {
        give(fd, bytes);
    } else if (!strcmp(command, "sink")) {
        sink(fd);
    } else if (!strcmp(command, "pour")) {
        pour(fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = { .sin_family = AF_INET };
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: tcp-peer PORT\n");
        return 2;
    }
    here.sin_port = htons(atoi(argv[1]));
    here.sin_addr.s_addr = htonl(INADDR_ANY);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&here, sizeof(here)) ||
        listen(listener, 8)) {
        perror("tcp-peer");
        return 1;
    }
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0 && fork() == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}
