/*
 * extract_track.h - one track's frames to bytes of a format: which format
 * suits it, and whether this build can make it.  The bytes are made by
 * libkvsparse-av (kvsparse/extractor.h) where there is FFmpeg; raw frames,
 * JPEG and plain sound do not need it.  Knows nothing of files.
 */
#ifndef KVSPARSE_TOOLS_EXTRACT_TRACK_H
#define KVSPARSE_TOOLS_EXTRACT_TRACK_H

#include <kvsparse/reader.h>

#include "extract_options.h"
#include "wav.h"

struct kvsp_extractor;

/* Zero it. */
struct extract_track {
  bool open;
  enum extract_format format; /* never AUTO while it is open; with WAV the
                                 frames' bytes come as WAV has them        */
  struct wav_format wav;      /* of WAV and PCM: of what comes next        */
  char codec_id[64];          /* cut                                       */
  struct kvsp_extractor *extractor;
  uint8_t *turned; /* bytes of big-endian samples in the other order       */
  size_t turned_capacity;
  uint64_t frames;  /* that something came of                              */
  uint64_t refused; /* that nothing could be made of                       */
  char reason[160]; /* of the first of them, or why it cannot be opened    */
  /* Of the frame at hand: */
  int (*take)(void *user, kvsp_view data, int64_t pts_ns);
  void *user;
  int64_t pts_ns;
};

/* What suits the track (wanted AUTO), or what is wanted of it. */
enum extract_format extract_track_format(const kvsp_track *track,
                                         enum extract_format wanted);
/* "h264", of the file that the format makes of the track. */
const char *extract_track_extension(const kvsp_track *track,
                                    enum extract_format format);
/* True when the open one goes on with that track. */
bool extract_track_fits(const struct extract_track *t, const kvsp_track *track,
                        enum extract_format wanted);
/* 0, or -1: t->reason says why. */
int extract_track_open(struct extract_track *t, const kvsp_track *track,
                       enum extract_format wanted);
/* Calls take with what comes of the frame, which returns 0 to go on.  0, or
 * what take returned; a frame that is no good is counted. */
int extract_track_send(struct extract_track *t, const kvsp_frame *frame);
/* A frame that is no good, and why: the first reason is kept. */
void extract_track_refuse(struct extract_track *t, const char *reason);
/* What is still inside, then it is closed; its counts stay. */
int extract_track_close(struct extract_track *t);
void extract_track_free(struct extract_track *t);

#endif
