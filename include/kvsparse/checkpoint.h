/*
 * checkpoint.h - libkvsparse-net: where a reader was, in a file, so that a
 * process that was killed goes on exactly there.
 *
 * The file is text, a line for each field.  It is there whole or not at all: it
 * is written under another name beside it, synced, and renamed.
 */
#ifndef KVSPARSE_CHECKPOINT_H
#define KVSPARSE_CHECKPOINT_H

#include <kvsparse/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero it, set struct_size. */
typedef struct kvsp_checkpoint {
  size_t struct_size;
  char number[129]; /* of the last fragment that was dealt with: decimal
                       digits; "": none was                                */
  char stream[1025]; /* its name or ARN; "": not told                       */
  uint64_t bytes;   /* of the caller's own output that belong to it; 0 where
                       that means nothing                                  */
} kvsp_checkpoint;

/* KVSP_OK; KVSP_ERR_ARG, also for a number or a name that cannot be one;
 * KVSP_ERR_FILE with errno set: the file is as it was. */
KVSP_API KVSP_MUST_CHECK int kvsp_checkpoint_save(
    const char *path, const kvsp_checkpoint *checkpoint);
/* KVSP_OK, also where there is no such file: the number is "" then;
 * KVSP_ERR_ARG; KVSP_ERR_FILE with errno set, which is EINVAL where the file is
 * no checkpoint. */
KVSP_API KVSP_MUST_CHECK int kvsp_checkpoint_load(const char *path,
                                                  kvsp_checkpoint *checkpoint);

#ifdef __cplusplus
}
#endif
#endif
