/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simplest store that could be: a table of paths, copied for a transaction
 *
 * No limits, no fast anything: an operation is a few lines over a table of all
 * paths.  Random tests compare the real one with it.
 */
#ifndef TESTS_UNIT_XENSTORE_MODEL_H
#define TESTS_UNIT_XENSTORE_MODEL_H

#include "hw/xen/emu/xenstore/store.h"

#define MODEL_CLIENTS   2       /* number n is domain n */

typedef struct Model Model;

Model *model_new(void);
void model_free(Model *m);

/*
 * As the functions of store.h.  @path is absolute.  @tx: 0, or a number that
 * the caller chose when it started it.
 */
int model_write(Model *m, unsigned who, uint32_t tx, const char *path,
                const char *value);
int model_mkdir(Model *m, unsigned who, uint32_t tx, const char *path);
int model_rm(Model *m, unsigned who, uint32_t tx, const char *path);
/* @perms: as text, "n1 r0" */
int model_set_perms(Model *m, unsigned who, uint32_t tx, const char *path,
                    const char *perms);
/* What is to be seen there: value, permissions and children in one text. */
int model_look(Model *m, unsigned who, uint32_t tx, const char *path,
               GString *text);
void model_tx_start(Model *m, unsigned who, uint32_t tx);
int model_tx_end(Model *m, unsigned who, uint32_t tx, bool commit);
void model_watch(Model *m, unsigned who, const char *path, const char *token,
                 int depth);
int model_unwatch(Model *m, unsigned who, const char *path,
                  const char *token);
/* "path token" of all events that wait for @who, sorted; they are taken. */
char *model_events(Model *m, unsigned who);

#endif
