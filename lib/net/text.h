/*
 * text.h - text that grows, always with a NUL behind it.  All of them may hold
 * secrets: what is given back to the allocator is overwritten first, also
 * where the text moves.  Knows nothing of what is in it.
 */
#ifndef KVSP_NET_TEXT_H
#define KVSP_NET_TEXT_H

#include "net_memory.h"

#if defined(__GNUC__)
#define KVSP_TEXT_FORMAT(first) \
  __attribute__((format(printf, first, (first) + 1)))
#else
#define KVSP_TEXT_FORMAT(first)
#endif

struct text {
  const kvsp_allocator *allocator;
  char *data; /* NULL: empty and never written to                          */
  size_t len;
  size_t capacity;
  size_t max; /* bytes that it may hold                                    */
};

void kvsp_text_init(struct text *t, const kvsp_allocator *a, size_t max);
/* Wipes and releases; usable again afterwards. */
void kvsp_text_clear(struct text *t);
/* KVSP_OK, KVSP_ERR_NOMEM, KVSP_ERR_LIMIT_VALUE. */
int kvsp_text_append(struct text *t, const void *data, size_t len);
int kvsp_text_add(struct text *t, const char *string);
/* At most 2 kB at a time; what is longer is cut. */
int kvsp_text_print(struct text *t, const char *format, ...)
    KVSP_TEXT_FORMAT(2);
/* As a JSON string in quotes: control characters and what JSON wants escaped
 * is. */
int kvsp_text_add_json(struct text *t, const char *string);
/* As part of a form or of a query: all but letters, digits and -._~ as %XX. */
int kvsp_text_add_form(struct text *t, const char *string);
/* "" where it is empty. */
const char *kvsp_text_string(const struct text *t);
/* What is in there, as kvsp_net_strdup gives it; NULL: no memory. */
char *kvsp_text_copy(const struct text *t);

#endif
