#include "sound_writer.h"

#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"

#define PIECE_SIZE 4096u
/* What one channel may be ahead of the other: as long as the longest fragment
 * lasts, and not more memory than that. */
#define AHEAD_SECONDS 30u
#define AHEAD_BYTES ((size_t)8 << 20)

static uint64_t smaller(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* Two channels. */

static int fail_memory(void) {
  complain("out of memory");
  return EXIT_FAILED;
}

/* Moves what is left to the beginning, once that is the smaller part: so each
 * byte is moved once or so. */
static void compact(struct sound_channel *channel) {
  if (channel->begin <= channel->used) return;
  if (channel->used > 0)
    memmove(channel->queue, channel->queue + channel->begin, channel->used);
  channel->begin = 0;
}

static int queue_up(struct sound_channel *channel, const void *data,
                    size_t length) {
  size_t wanted;
  size_t capacity = channel->capacity ? channel->capacity : PIECE_SIZE;
  uint8_t *grown;
  compact(channel);
  wanted = channel->begin + channel->used + length;
  while (capacity < wanted) capacity *= 2;
  if (capacity != channel->capacity) {
    grown = realloc(channel->queue, capacity);
    if (!grown) return fail_memory();
    channel->queue = grown;
    channel->capacity = capacity;
  }
  memcpy(channel->queue + channel->begin + channel->used, data, length);
  channel->used += length;
  return EXIT_WELL;
}

static void drop_front(struct sound_channel *channel, size_t length) {
  channel->used -= length;
  channel->begin += length;
}

/* Left and right in turns. */
static int write_pairs(struct sound_writer *w, size_t from, size_t length) {
  uint8_t piece[2 * PIECE_SIZE];
  size_t sample = wav_frame_size(&w->format);
  const uint8_t *left = w->channels[0].queue + w->channels[0].begin;
  const uint8_t *right = w->channels[1].queue + w->channels[1].begin;
  size_t used = 0;
  for (size_t at = from; at < from + length; at += sample) {
    memcpy(piece + used, left + at, sample);
    memcpy(piece + used + sample, right + at, sample);
    used += 2 * sample;
  }
  return extract_file_write(w->file, piece, used);
}

/* What both have. */
static int write_both(struct sound_writer *w) {
  size_t sample = wav_frame_size(&w->format);
  size_t step = PIECE_SIZE / sample * sample;
  size_t length = (size_t)smaller(w->channels[0].used, w->channels[1].used);
  for (size_t at = 0; at < length; at += step) {
    int status = write_pairs(w, at, (size_t)smaller(step, length - at));
    if (status != EXIT_WELL) return status;
  }
  w->frames += length / sample;
  drop_front(&w->channels[0], length);
  drop_front(&w->channels[1], length);
  return EXIT_WELL;
}

static int queue_silence(struct sound_writer *w, struct sound_channel *channel,
                         size_t length) {
  uint8_t piece[PIECE_SIZE];
  memset(piece, wav_silence(&w->format), sizeof piece);
  sound_clock_advance(&channel->clock, length / wav_frame_size(&w->format),
                      NULL);
  while (length > 0) {
    size_t n = (size_t)smaller(length, sizeof piece);
    if (queue_up(channel, piece, n) != EXIT_WELL) return EXIT_FAILED;
    length -= n;
  }
  return EXIT_WELL;
}

/* Both are as long as the longer one. */
static int level(struct sound_writer *w) {
  struct sound_channel *a = &w->channels[0];
  struct sound_channel *b = &w->channels[1];
  int status = EXIT_WELL;
  if (a->used < b->used) status = queue_silence(w, a, b->used - a->used);
  if (b->used < a->used) status = queue_silence(w, b, a->used - b->used);
  return status == EXIT_WELL ? write_both(w) : status;
}

static bool is_far_ahead(const struct sound_writer *w, size_t length) {
  size_t a = w->channels[0].used;
  size_t b = w->channels[1].used;
  return (a > b ? a - b : b - a) > length;
}

/* One channel or two. */

static int put_bytes(struct sound_writer *w, unsigned channel, const void *data,
                     size_t length) {
  int status;
  if (w->channel_count == 1) {
    w->frames += length / wav_frame_size(&w->format);
    return extract_file_write(w->file, data, length);
  }
  status = queue_up(&w->channels[channel], data, length);
  if (status == EXIT_WELL) status = write_both(w);
  if (status == EXIT_WELL && is_far_ahead(w, AHEAD_BYTES)) status = level(w);
  return status;
}

static int put_silence(struct sound_writer *w, unsigned channel,
                       uint64_t frames) {
  uint8_t piece[PIECE_SIZE];
  size_t size = wav_frame_size(&w->format);
  size_t step = PIECE_SIZE / size;
  int status = EXIT_WELL;
  if (frames > (SOUND_SILENCE_MAX - w->silence_bytes) / size) {
    w->too_long++;
    sound_clock_advance(&w->channels[channel].clock, frames, NULL);
    return EXIT_WELL;
  }
  memset(piece, wav_silence(&w->format), sizeof piece);
  w->silence_bytes += frames * size;
  sound_clock_advance(&w->channels[channel].clock, frames, NULL);
  while (frames > 0 && status == EXIT_WELL) {
    size_t n = (size_t)smaller(frames, step);
    status = put_bytes(w, channel, piece, n * size);
    frames -= n;
  }
  return status;
}

/* Files. */

static void start_clock(struct sound_writer *w, struct sound_channel *channel,
                        int64_t origin_ns) {
  struct sound_clock *clock = &channel->clock;
  memset(clock, 0, sizeof *clock);
  clock->rate = w->format.rate;
  clock->max_silence_ns = w->max_silence_ns;
  clock->producer_end_ns = KVSP_TIME_NONE;
  if (origin_ns != KVSP_TIME_NONE) sound_clock_start(clock, origin_ns);
}

static int open_file(struct sound_writer *w, const struct wav_format *format,
                     int64_t origin_ns) {
  struct wav_format whole = *format;
  int status;
  if (w->channel_count == 2 && format->channels != 1) {
    complain("--stereo takes tracks of one channel; this one has %u",
             format->channels);
    return EXIT_FAILED;
  }
  if (w->file->count > 0 && !extract_file_takes_more(w->file)) {
    complain(
        "another recording begins, and the output takes one only: -o FILE "
        "gives each a file of its own");
    return EXIT_FAILED;
  }
  whole.channels *= w->channel_count;
  w->format = *format;
  for (unsigned i = 0; i < 2; i++) start_clock(w, &w->channels[i], origin_ns);
  status = extract_file_open(w->file, "wav", &whole);
  w->open = true;
  return status;
}

static int close_channels(struct sound_writer *w, int status) {
  if (status == EXIT_WELL && w->channel_count == 2) status = level(w);
  for (unsigned i = 0; i < 2; i++) {
    w->too_long += w->channels[i].clock.too_long;
    w->channels[i].used = 0;
    w->channels[i].begin = 0;
  }
  return status;
}

int sound_writer_end(struct sound_writer *w, int status) {
  if (!w->open) return status;
  w->open = false;
  return extract_file_close(w->file, close_channels(w, status));
}

int sound_writer_put(struct sound_writer *w, unsigned channel,
                     const struct wav_format *format, kvsp_view data,
                     const struct sound_time *time, int64_t origin_ns) {
  struct sound_clock *clock = &w->channels[channel].clock;
  size_t size = wav_frame_size(format);
  uint64_t gap;
  int status = EXIT_WELL;
  if (w->open && !wav_same_format(&w->format, format)) {
    status = sound_writer_end(w, EXIT_WELL);
    origin_ns = time->pts_ns;
  }
  if (status == EXIT_WELL && !w->open) status = open_file(w, format, origin_ns);
  if (status != EXIT_WELL) return status;
  if (data.len % size != 0) w->cut++;
  data.len -= data.len % size;
  clock->tolerance_ns = w->tolerance_ns;
  gap = sound_clock_gap(clock, time);
  if (gap > 0) status = put_silence(w, channel, gap);
  if (status == EXIT_WELL && data.len > 0)
    status = put_bytes(w, channel, data.data, data.len);
  sound_clock_advance(clock, data.len / size, time);
  return status;
}

int sound_writer_align(struct sound_writer *w, bool restart) {
  size_t ahead;
  if (!w->open || w->channel_count == 1) return EXIT_WELL;
  ahead = (size_t)w->format.rate * wav_frame_size(&w->format) * AHEAD_SECONDS;
  if (restart || is_far_ahead(w, ahead)) return level(w);
  return EXIT_WELL;
}

void sound_writer_free(struct sound_writer *w) {
  for (unsigned i = 0; i < 2; i++) {
    free(w->channels[i].queue);
    w->channels[i].queue = NULL;
  }
}
