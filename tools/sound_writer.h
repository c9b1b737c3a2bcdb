/*
 * sound_writer.h - pieces of sound to a WAV file, each where its timestamp
 * says: silence where there was none, and one track, or two as left and right.
 * Knows clocks, silence and interleaving; knows no tracks and no decoders.
 */
#ifndef KVSPARSE_TOOLS_SOUND_WRITER_H
#define KVSPARSE_TOOLS_SOUND_WRITER_H

#include "extract_file.h"
#include "sound_clock.h"

/* All the silence of one run, in bytes: what a stream says of its times must
 * not fill a disk. */
#define SOUND_SILENCE_MAX (UINT64_C(4) << 30)

struct sound_channel {
  struct sound_clock clock;
  uint8_t *queue; /* with two channels: what waits for the other one       */
  size_t begin, used, capacity;
};

/* Zero it, set the first four. */
struct sound_writer {
  struct extract_file *file;
  unsigned channel_count; /* 1, or 2: mono each, left and right            */
  int64_t tolerance_ns;   /* may change between pieces                     */
  int64_t max_silence_ns; /* of one gap                                    */
  bool open;
  struct wav_format format; /* of one channel's pieces                     */
  struct sound_channel channels[2];
  uint64_t silence_bytes;
  uint64_t too_long; /* gaps that were not filled                          */
  uint64_t cut;      /* pieces that did not end with a whole sample        */
  uint64_t frames;   /* sample frames written to files                     */
};

/*
 * One piece.  The first one opens a file, and so does one of another format;
 * time 0 of both channels is origin_ns then.  Bytes of WAV order.  EXIT_WELL,
 * EXIT_FAILED or EXIT_USAGE after a complaint.
 */
int sound_writer_put(struct sound_writer *writer, unsigned channel,
                     const struct wav_format *format, kvsp_view data,
                     const struct sound_time *time, int64_t origin_ns);
/* Between two fragments: a channel that lags far behind is silent.  With
 * restart both go on from the same place. */
int sound_writer_align(struct sound_writer *writer, bool restart);
/* Writes what waits and closes the file, if one is open.  Returns status, or
 * EXIT_FAILED. */
int sound_writer_end(struct sound_writer *writer, int status);
void sound_writer_free(struct sound_writer *writer);

#endif
