/*
 * generate.c - kvsparse generate: a stream as GetMedia sends it, made of a
 * moving test picture.  The pictures, the codecs and the wrapping are modules
 * of their own; here they are put in order and cut into fragments.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <inttypes.h>
#include <kvsparse/reader.h>
#include <libavutil/log.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audio_encoder.h"
#include "command.h"
#include "generate_options.h"
#include "kvs_writer.h"
#include "message.h"
#include "output_file.h"
#include "progress.h"
#include "signals.h"
#include "test_picture.h"
#include "text.h"
#include "video_encoder.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define VIDEO_TRACK 1
#define AUDIO_TRACK 2

struct generator {
  const struct generate_options *options;
  struct video_encoder *video;
  struct audio_encoder *audio;
  struct audio_frame audio_frame; /* the next one to be written            */
  struct kvs_track tracks[2];
  struct kvs_writer writer;
  struct output_file output;
  int64_t start_ms;
  int64_t fragment_index; /* -1: none yet                                  */
  uint64_t picture_count; /* all there will be                             */
  uint64_t bytes;
  struct progress progress;
};

/* Time and fragments. */

static int64_t picture_time_ns(const struct generator *g, uint64_t index) {
  uint64_t num = g->options->video.rate_num;
  uint64_t units = index * g->options->video.rate_den;
  return (int64_t)(units / num) * NS_PER_SECOND +
         (int64_t)(units % num * (uint64_t)NS_PER_SECOND / num);
}

static uint64_t count_pictures(const struct generator *g) {
  uint64_t n = (uint64_t)(g->options->duration_ns / NS_PER_SECOND) *
               g->options->video.rate_num / g->options->video.rate_den;
  while (picture_time_ns(g, n) < g->options->duration_ns) n++;
  return n;
}

static int64_t fragment_of(const struct generator *g, uint64_t index) {
  return picture_time_ns(g, index) / g->options->fragment_ns;
}

static int64_t round_to_ms(int64_t ns) {
  return (ns + NS_PER_MS / 2) / NS_PER_MS;
}

/* How far the end of the fragment is behind the end of the stream. */
static int64_t millis_behind(const struct generator *g) {
  int64_t end_ns = (g->fragment_index + 1) * g->options->fragment_ns;
  if (g->options->live || end_ns >= g->options->duration_ns) return 0;
  return (g->options->duration_ns - end_ns) / NS_PER_MS;
}

static int complain_write(const struct generator *g) {
  return output_file_complain(&g->output);
}

static int end_fragment(struct generator *g) {
  if (g->fragment_index < 0) return EXIT_WELL;
  if (kvs_writer_end(&g->writer, millis_behind(g)) != 0)
    return complain_write(g);
  return EXIT_WELL;
}

static int begin_fragment(struct generator *g, int64_t index,
                          int64_t timestamp_ms) {
  struct kvs_fragment fragment;
  fragment.timestamp_ms = timestamp_ms;
  fragment.producer_time_ms = g->start_ms + timestamp_ms;
  /* It takes a while from the camera to the service, never quite as long. */
  fragment.server_time_ms = fragment.producer_time_ms + 350 + index * 37 % 100;
  /* 47 digits that rise, as the service's do. */
  snprintf(fragment.number, sizeof fragment.number,
           "91343852333181%020" PRId64 "%013" PRId64, fragment.producer_time_ms,
           index);
  if (kvs_writer_begin(&g->writer, &fragment) != 0) return complain_write(g);
  g->fragment_index = index;
  return EXIT_WELL;
}

/* Frames. */

static int next_audio(struct generator *g) {
  if (audio_encoder_next(g->audio, &g->audio_frame) == 0) return EXIT_WELL;
  complain("the audio encoder failed");
  return EXIT_FAILED;
}

/* Writes the tone up to that time. */
static int write_audio(struct generator *g, int64_t until_ns) {
  if (!g->audio) return EXIT_WELL;
  while (g->audio_frame.time_ns < until_ns) {
    struct kvs_frame frame = {AUDIO_TRACK, g->audio_frame.time_ns / NS_PER_MS,
                              true, g->audio_frame.data};
    if (kvs_writer_frame(&g->writer, &frame) != 0) return complain_write(g);
    g->bytes += frame.data.len;
    if (next_audio(g) != EXIT_WELL) return EXIT_FAILED;
  }
  return EXIT_WELL;
}

static int write_video(struct generator *g, const struct video_frame *video) {
  int64_t time_ns = picture_time_ns(g, video->index);
  int64_t fragment = fragment_of(g, video->index);
  struct kvs_frame frame = {VIDEO_TRACK, round_to_ms(time_ns), video->key,
                            video->data};

  if (write_audio(g, time_ns) != EXIT_WELL) return EXIT_FAILED;
  /* B-frames come late, but never behind the next key frame. */
  if (fragment > g->fragment_index) {
    if (end_fragment(g) != EXIT_WELL) return EXIT_FAILED;
    if (begin_fragment(g, fragment, frame.timestamp_ms) != EXIT_WELL)
      return EXIT_FAILED;
  }
  if (kvs_writer_frame(&g->writer, &frame) != 0) return complain_write(g);
  g->bytes += frame.data.len;
  return EXIT_WELL;
}

/* Writes the frames that the encoder has ready. */
static int write_ready(struct generator *g) {
  struct video_frame frame;
  int rc = video_encoder_receive(g->video, &frame);
  for (; rc > 0; rc = video_encoder_receive(g->video, &frame))
    if (write_video(g, &frame) != EXIT_WELL) return EXIT_FAILED;
  if (rc < 0) {
    complain("the video encoder failed");
    return EXIT_FAILED;
  }
  if (g->options->live && fflush(g->writer.out) != 0) return complain_write(g);
  return EXIT_WELL;
}

static int draw_picture(struct generator *g, uint64_t index) {
  struct test_canvas canvas;
  struct test_scene scene;
  char counter[32];
  char place[64];
  char date[TEXT_SIZE];
  int64_t time_ns = picture_time_ns(g, index);

  if (video_encoder_canvas(g->video, &canvas) != 0) return -1;
  snprintf(counter, sizeof counter, "%06" PRIu64, index);
  snprintf(place, sizeof place, "FRAGMENT %05" PRId64, fragment_of(g, index));
  text_date(date, (g->start_ms + round_to_ms(time_ns)) * NS_PER_MS);
  scene.time_ns = time_ns;
  scene.counter = counter;
  scene.caption[0] = date;
  scene.caption[1] = place;
  test_picture_draw(&canvas, &scene);
  return 0;
}

static int encode_picture(struct generator *g, uint64_t index) {
  bool first = index == 0 || fragment_of(g, index) != fragment_of(g, index - 1);
  if (draw_picture(g, index) == 0 && video_encoder_send(g->video, first) == 0)
    return write_ready(g);
  complain("the video encoder failed");
  return EXIT_FAILED;
}

/* Returns when the picture would come out of a camera, or a signal came. */
static void wait_for(const struct timespec *start, int64_t time_ns) {
  struct timespec when = *start;
  int64_t ns = when.tv_nsec + time_ns;
  when.tv_sec += (time_t)(ns / NS_PER_SECOND);
  when.tv_nsec = (long)(ns % NS_PER_SECOND);
  while (signals_caught() == 0 &&
         clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
    continue;
}

static void show_progress(struct generator *g, uint64_t done) {
  char note[64];
  if (!g->progress.enabled) return;
  snprintf(note, sizeof note, "%" PRIu64 " of %" PRIu64 " frames", done,
           g->picture_count);
  progress_update(&g->progress, g->bytes, note);
}

/* Until all are made, or a signal asks to stop; *made says how many are. */
static int encode_pictures(struct generator *g, uint64_t *made) {
  struct timespec start = {0, 0};
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (*made = 0; *made < g->picture_count; ++*made) {
    if (g->options->live) wait_for(&start, picture_time_ns(g, *made));
    if (signals_caught() != 0) break;
    if (encode_picture(g, *made) != EXIT_WELL) return EXIT_FAILED;
    show_progress(g, *made + 1);
  }
  return EXIT_WELL;
}

/* A stream that is stopped ends as if it had been asked to be that long. */
static int encode_all(struct generator *g) {
  int64_t end_ns = g->options->duration_ns;
  uint64_t made = 0;
  if (encode_pictures(g, &made) != EXIT_WELL) return EXIT_FAILED;
  if (made == 0) return EXIT_FAILED; /* signals_end() tells why */
  if (made < g->picture_count) end_ns = picture_time_ns(g, made);
  if (video_encoder_finish(g->video) != 0) {
    complain("the video encoder failed");
    return EXIT_FAILED;
  }
  if (write_ready(g) != EXIT_WELL) return EXIT_FAILED;
  if (write_audio(g, end_ns) != EXIT_WELL) return EXIT_FAILED;
  return end_fragment(g);
}

/* Opening and closing. */

static const char *codec_name(enum video_codec codec) {
  if (codec == VIDEO_HEVC) return "hevc";
  return codec == VIDEO_MJPEG ? "mjpeg" : "h264";
}

static int open_video(struct generator *g) {
  struct video_settings settings = g->options->video;
  const char *reason;
  if (video_encoder_new(&g->video, &settings, &reason) == 0) return EXIT_WELL;
  complain("%s: %s", codec_name(settings.codec), reason);
  if (g->options->codec_chosen) return EXIT_FAILED;
  settings.codec = VIDEO_MJPEG;
  if (video_encoder_new(&g->video, &settings, &reason) != 0) {
    complain("mjpeg: %s", reason);
    return EXIT_FAILED;
  }
  if (!g->options->quiet) complain("mjpeg instead");
  return EXIT_WELL;
}

static int open_audio(struct generator *g) {
  const char *reason;
  if (g->options->audio == AUDIO_NONE) return EXIT_WELL;
  if (audio_encoder_new(&g->audio, g->options->audio, &reason) == 0)
    return next_audio(g);
  complain("audio: %s", reason);
  return EXIT_FAILED;
}

static void describe_tracks(struct generator *g) {
  const struct video_settings *settings = &g->options->video;
  struct kvs_track *video = &g->tracks[0];
  struct kvs_track *audio = &g->tracks[1];

  video->number = VIDEO_TRACK;
  video->uid = VIDEO_TRACK;
  video->type = KVSP_TRACK_VIDEO;
  video->name = "kvs_video_track";
  video->codec_id = video_encoder_codec_id(g->video);
  video->codec_private = video_encoder_codec_private(g->video);
  video->default_duration_ns = (uint64_t)picture_time_ns(g, 1);
  video->width = settings->width;
  video->height = settings->height;
  if (!g->audio) return;
  audio->number = AUDIO_TRACK;
  audio->uid = AUDIO_TRACK;
  audio->type = KVSP_TRACK_AUDIO;
  audio->name = "kvs_audio_track";
  audio->codec_id = audio_encoder_codec_id(g->audio);
  audio->codec_private = audio_encoder_codec_private(g->audio);
  audio->sample_rate = audio_encoder_sample_rate(g->audio);
  audio->channels = 1;
  audio->bit_depth = audio_encoder_bit_depth(g->audio);
}

static void set_up_writer(struct generator *g) {
  struct kvs_writer *writer = &g->writer;
  writer->tracks = g->tracks;
  writer->track_count = g->audio ? 2 : 1;
  writer->tags = g->options->tags;
  writer->tag_count = g->options->tag_count;
  writer->tail = !g->options->no_tail;
  /* One session, one UID: by its start, which no two should share. */
  snprintf((char *)writer->segment_uid, sizeof writer->segment_uid,
           "%015" PRId64, g->start_ms);
}

static int open_all(struct generator *g) {
  int status;
  g->start_ms = g->options->start_ns / NS_PER_MS;
  g->fragment_index = -1;
  g->picture_count = count_pictures(g);
  if (open_video(g) != EXIT_WELL) return EXIT_FAILED;
  if (open_audio(g) != EXIT_WELL) return EXIT_FAILED;
  describe_tracks(g);
  set_up_writer(g);
  /* Last: a file is only touched when there is something to write. */
  signals_catch();
  status = output_file_open(&g->output, g->options->output, g->options->force);
  g->writer.out = g->output.stream;
  if (status == EXIT_WELL) progress_start(&g->progress, UINT64_MAX);
  return status;
}

static int close_all(struct generator *g, int status) {
  progress_end(&g->progress);
  status = output_file_close(&g->output, status);
  kvs_writer_free(&g->writer);
  audio_encoder_free(g->audio);
  video_encoder_free(g->video);
  return status;
}

int command_generate(int argc, char **argv) {
  struct generate_options options;
  struct generator generator;
  bool help = false;
  int status;

  status = generate_options_parse(argc, argv, &options, &help);
  if (status != EXIT_WELL || help) return status;

  /* Encoders are talkative. */
  av_log_set_level(AV_LOG_QUIET);
  memset(&generator, 0, sizeof generator);
  generator.options = &options;
  status = open_all(&generator);
  if (status == EXIT_WELL) status = encode_all(&generator);
  return close_all(&generator, status);
}
