/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a libFuzzer target once for each file of a folder, without libFuzzer
 *
 *     replay DIR
 *
 * The exit status is 1 if the folder has no files.
 */
#include <stdio.h>
#include <glib.h>
#include "fuzz.h"

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    GDir *dir = argc == 2 ? g_dir_open(argv[1], 0, &err) : NULL;
    const char *name;
    unsigned n = 0;

    if (!dir) {
        fprintf(stderr, "replay: %s\n", err ? err->message : "no folder");
        return 1;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *data = NULL;
        gsize size;

        if (!g_file_get_contents(path, &data, &size, &err)) {
            fprintf(stderr, "replay: %s\n", err->message);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        n++;
    }
    g_dir_close(dir);
    printf("%u inputs\n", n);
    return n ? 0 : 1;
}
