/*
 * corpus.h - real streams, which are no part of the project: the folder that
 * the environment variable KVSPARSE_CORPUS names has them, in folders of their
 * own.  Knows files; knows nothing of what is in them.
 */
#ifndef KVSPARSE_TESTS_CORPUS_H
#define KVSPARSE_TESTS_CORPUS_H

#include <stdbool.h>

#include "support/mux.h"

/* Whether there is such a folder. */
bool corpus_is_there(void);

/* corpus/folder/name + suffix; the test fails when it does not fit. */
void corpus_path(char *out, size_t capacity, const char *folder,
                 const char *name, const char *suffix);

/* Appends that file; the test fails when it cannot be read. */
void corpus_load(struct bytes *b, const char *folder, const char *name,
                 const char *suffix);

typedef void (*corpus_check)(const char *folder, const char *name,
                             const struct bytes *b);

/* Each file of the folder, in order; the test fails when there is none. */
void corpus_each(const char *folder, corpus_check check);

#endif
