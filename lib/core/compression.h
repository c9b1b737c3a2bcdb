/*
 * compression.h - undoes ContentCompression (RFC 9559, 5.1.4.1.31.6): stripped
 * headers always, zlib where the library was built with it.
 */
#ifndef KVSP_CORE_COMPRESSION_H
#define KVSP_CORE_COMPRESSION_H

#include "memory.h"

/* Bytes that are made anew for each frame, in storage that stays. */
struct scratch {
  struct memory *memory;
  void *bytes;
  size_t capacity;
};

void kvsp_scratch_init(struct scratch *s, struct memory *memory);
void kvsp_scratch_clear(struct scratch *s);

/* header and then v, valid until the next call with the same scratch. */
int kvsp_restore_header(struct scratch *s, kvsp_view header, kvsp_view v,
                        kvsp_view *out);
/* What v, which is zlib data, was, of at most max bytes.  KVSP_OK,
 * KVSP_ERR_COMPRESSION, KVSP_ERR_LIMIT_FRAME, KVSP_ERR_UNSUPPORTED, errors of
 * memory. */
int kvsp_inflate(struct scratch *s, kvsp_view v, uint64_t max, kvsp_view *out);

#endif
