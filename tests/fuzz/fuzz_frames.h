/*
 * fuzz_frames.h - frames in a row, so that those of a stream can be compared
 * with those of a file that was made of it.  Knows the public header of the
 * reader only.
 */
#ifndef KVSPARSE_TESTS_FUZZ_FRAMES_H
#define KVSPARSE_TESTS_FUZZ_FRAMES_H

#include <kvsparse/reader.h>

/* What is compared of a frame. */
struct fuzz_noted {
  uint64_t bytes;  /* digests: of its data, ...                             */
  uint64_t beside; /* ... of what its block has beside it, its lace too     */
  uint64_t track;
  uint32_t type;  /* the track's; 0: it was not declared                    */
  uint32_t flags; /* KVSP_FRAME_*                                           */
  int64_t pts_ns;
  int64_t duration_ns;
};

struct fuzz_row {
  struct fuzz_noted *items;
  size_t count, capacity;
};

void fuzz_row_add(struct fuzz_row *row, const kvsp_frame *frame);
void fuzz_row_free(struct fuzz_row *row);

/* Reads the file as strictly as can be: a fault in it is a broken promise.
 * Its frames are added to the row; callback, if any, sees all items. */
void fuzz_row_read(struct fuzz_row *row, const void *data, size_t len,
                   kvsp_item_callback callback, void *user);
/* As many frames, with the same bytes, both known as key frames and as
 * invisible or neither: or a broken promise. */
void fuzz_row_compare(const struct fuzz_row *a, const struct fuzz_row *b);

#endif
