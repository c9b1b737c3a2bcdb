/*
 * source.h - the input: a file, standard input or a live stream (live.h), read
 * in pieces.  Knows file descriptors; knows nothing of what the bytes mean.
 *
 *   struct source source;
 *   const void *data;
 *   size_t length;
 *   if (source_open(&source, path, 0) != EXIT_WELL) return EXIT_FAILED;
 *   while (source_read(&source, &data, &length) > 0)
 *     ...
 *   source_close(&source);
 */
#ifndef KVSPARSE_TOOLS_SOURCE_H
#define KVSPARSE_TOOLS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_PIECE ((size_t)65536)
#define SOURCE_SIZE_UNKNOWN UINT64_MAX

struct source {
  const char *name; /* for messages: the path, or "standard input"         */
  uint64_t size;    /* all bytes of a regular file, else SIZE_UNKNOWN      */
  uint64_t offset;  /* bytes read so far                                   */
  int fd;
  bool regular; /* a regular file never makes us wait                     */
  bool failed;  /* reading ended with an error, not at the end            */
  size_t piece_size;
  uint8_t *piece;
  struct live *live;   /* kvs://STREAM; NULL: a file                         */
  const uint8_t *rest; /* of its piece                                     */
  size_t rest_length;
};

/* path "-" is standard input, kvs://STREAM a live stream; the path must outlive
 * the source.  piece_size 0 means SOURCE_PIECE.  From then on a signal that
 * asks to stop (signals.h) ends the input, as if it had ended there.
 * EXIT_WELL, or EXIT_FAILED (or EXIT_USAGE for a URL) after a complaint
 * (nothing to close then). */
int source_open(struct source *source, const char *path, size_t piece_size);
/*
 * The next piece: at most piece_size bytes, valid until the next call.  Before
 * it would wait it flushes standard output.  > 0: data and length are set; 0:
 * the end; < 0: a read error, complained about.
 */
int source_read(struct source *source, const void **data, size_t *length);
void source_close(struct source *source);

#endif
