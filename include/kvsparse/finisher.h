/*
 * finisher.h - libkvsparse-matroska: a reader's items in, a finished Matroska
 * file out, in which any player seeks: SeekHead, Info with the true Duration,
 * Tracks, Clusters of known size, Cues, Chapters and Tags.
 *
 * A whole program, which turns a saved stream into a file:
 *
 *   #include <kvsparse/finisher.h>
 *   #include <stdio.h>
 *
 *   static int on_write(void *user, uint64_t offset, const void *data,
 *                       size_t len) {
 *     FILE *file = (FILE *)user;
 *     if (fseek(file, (long)offset, SEEK_SET) != 0 ||
 *         fwrite(data, 1, len, file) != len)
 *       return KVSP_ERR_USER;
 *     return KVSP_OK;
 *   }
 *
 *   static int on_item(void *user, const kvsp_item *item) {
 *     return kvsp_finisher_item((kvsp_finisher *)user, item);
 *   }
 *
 *   int main(void) {
 *     kvsp_finisher_config config = {.struct_size = sizeof config};
 *     kvsp_reader_config reading = {.struct_size = sizeof reading};
 *     kvsp_finisher *finisher;
 *     kvsp_reader *reader;
 *     char buffer[65536];
 *     size_t n;
 *     int rc;
 *     config.write = on_write;
 *     config.user = fopen("finished.mkv", "wb");
 *     reading.flags = KVSP_READ_DECOMPRESS | KVSP_READ_ENTRIES;
 *     if (!config.user || kvsp_reader_new(&reader, &reading) != KVSP_OK ||
 *         kvsp_finisher_new(&finisher, &config) != KVSP_OK)
 *       return 1;
 *     do {
 *       n = fread(buffer, 1, sizeof buffer, stdin);
 *       rc = kvsp_reader_visit(reader, buffer, n, n ? 0 : KVSP_FINAL, on_item,
 *                              finisher);
 *     } while (n > 0 && rc == KVSP_OK);
 *     if (kvsp_finisher_finish(finisher) != KVSP_OK) return 1;
 *     kvsp_finisher_free(finisher);
 *     kvsp_reader_free(reader);
 *     return fclose((FILE *)config.user) == 0 ? 0 : 1;
 *   }
 *
 * Frames are written as they come and never kept.  What is kept until the end
 * is told by kvsp_finisher_stats.memory: 24 bytes for a key frame, and what a
 * fragment's Chapter and Tags are in the file.
 *
 * Each fragment becomes a Chapter from its first frame to the end of its last
 * one, and its tags, the service's and the producer's, a Tag with that Chapter
 * as its target: nothing else in Matroska says of which part of a file a tag
 * is true.  A fragment without frames leaves nothing.
 */
#ifndef KVSPARSE_FINISHER_H
#define KVSPARSE_FINISHER_H

#include <kvsparse/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvsp_finisher kvsp_finisher;

/*
 * Writes len bytes at that offset of the file; both the bytes behind its end,
 * one piece after the other, and single places before it come.  Return 0; any
 * other value (KVSP_ERR_USER or less) stops the call that wrote and comes back
 * from it unchanged.  Calls on the same finisher are refused with
 * KVSP_ERR_REENTRANT.
 */
typedef int (*kvsp_finisher_write)(void *user, uint64_t offset,
                                   const void *data, size_t len);

/* What becomes of the times. */
enum kvsp_finisher_mode {
  KVSP_FINISH_REBASE = 0, /* start at 0 and go on where a producer's session
                             begins anew; gaps stay                        */
  KVSP_FINISH_PACK = 1,   /* start at 0; each fragment follows the one before
                             without a gap (one of a tick may stay)        */
  KVSP_FINISH_KEEP = 2    /* as they are in the stream                     */
};

enum kvsp_finisher_flags {
  KVSP_FINISH_NO_CHAPTERS = 1 /* neither Chapters nor Tags                 */
};

/* Zero it, set struct_size and write, then what you need. */
typedef struct kvsp_finisher_config {
  size_t struct_size;
  kvsp_finisher_write write; /* never NULL                                 */
  void *user;
  uint32_t mode;             /* KVSP_FINISH_REBASE, _PACK or _KEEP         */
  uint32_t flags;            /* KVSP_FINISH_NO_CHAPTERS                    */
  const char *writing_app;   /* copied; NULL: "libkvsparse" and its version */
  uint64_t max_memory;       /* bytes kept for Cues, Chapters and Tags;
                                0: 256 MiB                                 */
} kvsp_finisher_config;

/* Memory is C++'s own (operator new).  KVSP_OK, KVSP_ERR_ARG,
 * KVSP_ERR_NOMEM. */
KVSP_API KVSP_MUST_CHECK int kvsp_finisher_new(
    kvsp_finisher **out, const kvsp_finisher_config *config);
/* NULL is fine.  Writes nothing.  From its own callback nothing happens. */
KVSP_API void kvsp_finisher_free(kvsp_finisher *f);
/* As new, for another file, with the same configuration.  KVSP_OK,
 * KVSP_ERR_ARG, KVSP_ERR_REENTRANT; KVSP_ERR_NOMEM: try it again. */
KVSP_API int kvsp_finisher_reset(kvsp_finisher *f);

/*
 * Takes each item of a reader, in their order; the first frame begins the
 * file.  Let the reader run with KVSP_READ_DECOMPRESS: frames that are still
 * compressed, or encrypted, are left out and counted, because a kvsp_track
 * does not tell how to undo that; so are frames whose track is not known.  And
 * with KVSP_READ_ENTRIES: then the file's TrackEntries say all that those of
 * its first fragment do (colours, aspect ratio, CodecDelay...), without it only
 * what a kvsp_track has names for.
 *   KVSP_OK
 *   KVSP_END         a FRAGMENT whose tracks are not those of the file, by
 *                    codec, codec private data, picture size, rate, channels
 *                    or depth, or are more of them: it was not taken, and the
 *                    file can only be finished.  To go on in another one:
 *                    finish, reset, and give this item again
 *   KVSP_ERR_LIMIT_MEMORY  max_memory is reached: finish, reset, and give
 *                    this item again, or give up
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT, KVSP_ERR_STATE after finish
 *   KVSP_ERR_NOMEM, KVSP_ERR_INTERNAL, what write returned: the same comes
 *                    again until a reset; the file is of no use
 */
KVSP_API KVSP_MUST_CHECK int kvsp_finisher_item(kvsp_finisher *f,
                                                const kvsp_item *item);
/*
 * Writes what stands behind the frames, and the head once more.  Call it when
 * the stream has ended, wherever that was.
 *   KVSP_OK          the file is whole
 *   KVSP_END         no frame came, so nothing was written
 *   KVSP_ERR_ARG, KVSP_ERR_REENTRANT, KVSP_ERR_STATE when it was called before
 *   KVSP_ERR_NOMEM, KVSP_ERR_INTERNAL, what write returned
 */
KVSP_API KVSP_MUST_CHECK int kvsp_finisher_finish(kvsp_finisher *f);

/* Of the file since new or reset.  May grow at the end. */
typedef struct kvsp_finisher_stats {
  uint64_t frames;            /* written                                   */
  uint64_t frames_unknown;    /* left out: not of a track of the file      */
  uint64_t frames_compressed; /* left out: still compressed, or encrypted  */
  uint64_t clusters;
  uint64_t cues;
  uint64_t chapters;
  uint64_t bytes;             /* how long the file is                      */
  uint64_t memory;            /* kept now for Cues, Chapters and Tags      */
  int64_t duration_ns;        /* from its first frame to its end           */
} kvsp_finisher_stats;
/* Fills struct_size bytes of *stats.  KVSP_OK, KVSP_ERR_ARG. */
KVSP_API int kvsp_finisher_get_stats(const kvsp_finisher *f,
                                     kvsp_finisher_stats *stats,
                                     size_t struct_size);
/* The versions of the libraries below: "libebml 1.4.4, libmatroska 1.7.1".
 * Static. */
KVSP_API const char *kvsp_finisher_version(void);

#ifdef __cplusplus
}
#endif
#endif
