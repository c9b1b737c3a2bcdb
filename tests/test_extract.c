/*
 * test_extract.c - what kvsparse extract is made of that needs no program:
 * WAV headers, the clock that finds silence, the ADTS header, the extractor.
 */
#include <check.h>
#include <kvsparse/extractor.h>
#include <libavutil/log.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adts.h"
#include "support/encode.h"
#include "support/mux.h"
#include "support/suite.h"
#include "tools/sound_clock.h"
#include "tools/wav.h"

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static kvsp_view view(const void *data, size_t len) {
  kvsp_view v = {data, len};
  return v;
}

static kvsp_view text(const char *string) {
  return view(string, strlen(string));
}

/* WAV. */

static kvsp_track pcm_track(void) {
  kvsp_track track;
  memset(&track, 0, sizeof track);
  track.type = KVSP_TRACK_AUDIO;
  track.audio_codec_id = text("A_PCM/INT/LIT");
  track.audio_sample_rate = 8000;
  track.audio_channels = 1;
  track.audio_bit_depth = 16;
  return track;
}

static uint32_t get32(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
         (uint32_t)p[3] << 24;
}

START_TEST(wav_header_tells_the_truth) {
  struct wav_format format = {WAV_PCM, 8000, 2, 16, false};
  uint8_t h[WAV_HEADER_MAX];
  ck_assert_uint_eq(wav_header(h, &format, 1000), 44);
  ck_assert_mem_eq(h, "RIFF", 4);
  ck_assert_uint_eq(get32(h + 4), 1036);
  ck_assert_mem_eq(h + 8, "WAVEfmt \x10\0\0\0\1\0\2\0", 16);
  ck_assert_uint_eq(get32(h + 24), 8000);
  ck_assert_uint_eq(get32(h + 28), 32000);
  ck_assert_mem_eq(h + 32, "\4\0\x10\0data", 8);
  ck_assert_uint_eq(get32(h + 40), 1000);
}
END_TEST

START_TEST(wav_header_of_g711_and_odd_sizes) {
  struct wav_format format = {WAV_MULAW, 8000, 1, 8, false};
  uint8_t h[WAV_HEADER_MAX];
  ck_assert_uint_eq(wav_header(h, &format, 1001), 58);
  ck_assert_uint_eq(get32(h + 4), 58 - 8 + 1002);
  ck_assert_uint_eq(get32(h + 46), 1001); /* fact */
  ck_assert_uint_eq(get32(h + 54), 1001); /* data */
  ck_assert_uint_eq(h[20], 7);
  ck_assert_int_eq(wav_silence(&format), 0xff);
}
END_TEST

START_TEST(wav_header_of_more_than_it_can_tell) {
  struct wav_format format = {WAV_PCM, 8000, 1, 16, false};
  uint8_t h[WAV_HEADER_MAX];
  static const uint64_t sizes[] = {WAV_SIZE_UNKNOWN, UINT32_MAX,
                                   UINT32_MAX - 57};
  for (size_t i = 0; i < 3; i++) {
    wav_header(h, &format, sizes[i]);
    ck_assert_uint_eq(get32(h + 4), UINT32_MAX);
    ck_assert_uint_eq(get32(h + 40), UINT32_MAX);
  }
  wav_header(h, &format, UINT32_MAX - 59);
  ck_assert_uint_eq(get32(h + 40), UINT32_MAX - 59);
}
END_TEST

START_TEST(wav_refuses_what_cannot_be) {
  static const double rates[] = {0, -1, 0.5, 1e6 + 1, 1e300};
  struct wav_format format;
  kvsp_track track = pcm_track();
  ck_assert_ptr_null(wav_format_of(&format, &track));
  for (size_t i = 0; i < 5; i++) {
    track.audio_sample_rate = rates[i];
    ck_assert_ptr_nonnull(wav_format_of(&format, &track));
  }
  track.audio_sample_rate = (double)NAN;
  ck_assert_ptr_nonnull(wav_format_of(&format, &track));
  track = pcm_track();
  track.audio_channels = 1000;
  ck_assert_ptr_nonnull(wav_format_of(&format, &track));
  track.audio_channels = 0;
  ck_assert_ptr_nonnull(wav_format_of(&format, &track));
  track = pcm_track();
  track.audio_bit_depth = 12;
  ck_assert_ptr_nonnull(wav_format_of(&format, &track));
}
END_TEST

START_TEST(wav_takes_g711_from_its_header) {
  static const uint8_t acm[18] = {6,    0, 1, 0, 0x40, 0x1f, 0, 0, 0x40,
                                  0x1f, 0, 0, 1, 0,    8,    0, 0, 0};
  struct wav_format format;
  kvsp_track track;
  memset(&track, 0, sizeof track);
  track.audio_codec_id = text("A_MS/ACM");
  for (size_t len = 0; len < 16; len++) {
    track.codec_private = view(acm, len);
    ck_assert(!wav_holds(&track));
  }
  track.codec_private = view(acm, sizeof acm);
  ck_assert_ptr_null(wav_format_of(&format, &track));
  ck_assert_uint_eq(format.tag, WAV_ALAW);
  ck_assert_uint_eq(format.rate, 8000);
  ck_assert_uint_eq(format.channels, 1);
  ck_assert_uint_eq(format.bits, 8);
}
END_TEST

/* The clock. */

static struct sound_clock new_clock(uint32_t rate) {
  struct sound_clock clock;
  memset(&clock, 0, sizeof clock);
  clock.rate = rate;
  clock.tolerance_ns = 20 * MS;
  clock.max_silence_ns = 600 * SECOND;
  clock.producer_end_ns = KVSP_TIME_NONE;
  return clock;
}

/* Puts a piece there; returns the silence before it. */
static uint64_t put_piece(struct sound_clock *clock, int64_t pts_ns,
                          int64_t producer_ns, bool restart, uint64_t frames) {
  struct sound_time time = {pts_ns, producer_ns, restart};
  uint64_t gap = sound_clock_gap(clock, &time);
  sound_clock_advance(clock, gap, NULL);
  sound_clock_advance(clock, frames, &time);
  return gap;
}

/* 1024 samples at 44100 Hz are 23.2 ms: rounded to milliseconds, for hours. */
START_TEST(clock_takes_rounding_for_nothing) {
  struct sound_clock clock = new_clock(44100);
  for (uint64_t i = 0; i < 500000; i++) {
    int64_t pts = (int64_t)(i * 1024 * 1000 / 44100) * MS;
    ck_assert_uint_eq(put_piece(&clock, pts, KVSP_TIME_NONE, false, 1024), 0);
  }
  ck_assert_uint_eq(clock.position, 500000u * 1024);
}
END_TEST

START_TEST(clock_fills_a_pause_to_the_sample) {
  struct sound_clock clock = new_clock(8000);
  ck_assert_uint_eq(put_piece(&clock, 5000 * MS, KVSP_TIME_NONE, false, 80), 0);
  ck_assert_uint_eq(put_piece(&clock, 5040 * MS, KVSP_TIME_NONE, false, 80),
                    240);
  /* 20 ms late is nothing, and is made good with what follows. */
  ck_assert_uint_eq(put_piece(&clock, 5070 * MS, KVSP_TIME_NONE, false, 80), 0);
  ck_assert_uint_eq(put_piece(&clock, 5090 * MS, KVSP_TIME_NONE, false, 80),
                    240);
  ck_assert_uint_eq(clock.position, 800);
}
END_TEST

START_TEST(clock_counts_what_is_too_long) {
  struct sound_clock clock = new_clock(8000);
  static const int64_t far[] = {601 * SECOND, INT64_MAX, INT64_MAX - 1};
  for (size_t i = 0; i < 3; i++) {
    clock = new_clock(8000);
    put_piece(&clock, 0, KVSP_TIME_NONE, false, 80);
    ck_assert_uint_eq(put_piece(&clock, far[i], KVSP_TIME_NONE, false, 80), 0);
    ck_assert_uint_eq(clock.too_long, 1);
    ck_assert_uint_eq(clock.position, 160);
  }
  /* It goes on from there. */
  clock = new_clock(8000);
  put_piece(&clock, INT64_MIN + 1, KVSP_TIME_NONE, false, 80);
  put_piece(&clock, SECOND, KVSP_TIME_NONE, false, 80);
  ck_assert_uint_eq(
      put_piece(&clock, SECOND + 50 * MS, KVSP_TIME_NONE, false, 80), 320);
}
END_TEST

START_TEST(clock_follows_the_producer_over_a_restart) {
  struct sound_clock clock = new_clock(8000);
  put_piece(&clock, 900 * SECOND, 1000 * SECOND, false, 8000);
  /* A new session, two seconds later by the producer's clock. */
  ck_assert_uint_eq(put_piece(&clock, 0, 1003 * SECOND, true, 8000), 16000);
  ck_assert_uint_eq(put_piece(&clock, SECOND, 1004 * SECOND, false, 8000), 0);
  /* Back without a word, and no clock to tell: it just goes on. */
  ck_assert_uint_eq(put_piece(&clock, -9 * SECOND, KVSP_TIME_NONE, false, 80),
                    0);
  ck_assert_uint_eq(
      put_piece(&clock, -9 * SECOND + 50 * MS, KVSP_TIME_NONE, false, 80), 320);
}
END_TEST

START_TEST(clock_without_times_adds_nothing) {
  struct sound_clock clock = new_clock(1);
  for (int i = 0; i < 10; i++)
    ck_assert_uint_eq(
        put_piece(&clock, KVSP_TIME_NONE, KVSP_TIME_NONE, i == 5, 1), 0);
  ck_assert_uint_eq(clock.position, 10);
}
END_TEST

/* ADTS. */

START_TEST(adts_header_is_what_the_standard_says) {
  static const uint8_t lc_48k_stereo[2] = {0x11, 0x90};
  uint8_t h[ADTS_HEADER_SIZE + 371];
  struct adts adts;
  memset(h, 0, sizeof h);
  ck_assert_ptr_null(kvsp_av_adts_config(&adts, view(lc_48k_stereo, 2)));
  kvsp_av_adts_header(h, &adts, 371);
  ck_assert_mem_eq(h, "\xff\xf1\x4c\x80\x2f\x5f\xfc", 7);
  ck_assert(kvsp_av_adts_is_framed(view(h, sizeof h)));
  ck_assert(!kvsp_av_adts_is_framed(view(h, sizeof h - 1)));
}
END_TEST

START_TEST(adts_config_of_every_kind) {
  static const struct {
    uint8_t bytes[8];
    size_t len;
    int fine;
  } cases[] = {
      {{0x11, 0x90}, 2, 1},
      {{0x2b, 0x92, 0x08}, 3, 1}, /* SBR, LC inside */
      {{0x11}, 1, 0},             /* cut off */
      {{0}, 0, 0},
      {{0x11, 0x80}, 2, 0},                   /* channels in the frames */
      {{0x17, 0x80, 0x5d, 0xc0, 0x10}, 5, 1}, /* 48000 Hz in full */
      {{0x17, 0x80, 0x5d, 0xc1, 0x10}, 5, 0}, /* 48002 Hz */
      {{0x11, 0x94}, 2, 0},                   /* 960 samples */
      {{0xf8, 0xe6, 0x20}, 3, 0},             /* an escaped type */
  };
  struct adts adts;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *fault =
        kvsp_av_adts_config(&adts, view(cases[i].bytes, cases[i].len));
    ck_assert_msg((fault == NULL) == cases[i].fine, "case %zu: %s", i,
                  fault ? fault : "fine");
  }
}
END_TEST

/* The extractor. */

static int append(void *user, const kvsp_extract *extract) {
  bytes_append(user, extract->data.data, extract->data.len);
  return 0;
}

static int refuse(void *user, const kvsp_extract *extract) {
  (void)extract;
  return *(int *)user;
}

static kvsp_extractor *extractor_for(const kvsp_track *track, uint32_t format) {
  kvsp_extractor_config config;
  kvsp_extractor *e;
  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.format = format;
  ck_assert_int_eq(kvsp_extractor_new(&e, track, &config), KVSP_OK);
  return e;
}

static kvsp_track video_track(const struct encoded *encoded) {
  kvsp_track track;
  memset(&track, 0, sizeof track);
  track.number = 1;
  track.type = KVSP_TRACK_VIDEO;
  track.codec_id = text(encoded->codec_id);
  track.codec_private = view(encoded->extradata, encoded->extradata_size);
  return track;
}

static void send_all(kvsp_extractor *e, const kvsp_track *track,
                     const struct encoded *encoded, struct bytes *out) {
  for (size_t i = 0; i < encoded->count; i++) {
    kvsp_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.track = track;
    frame.data = view(encoded->packets[i].data, encoded->packets[i].size);
    frame.flags = encoded->packets[i].key ? KVSP_FRAME_KEY : 0;
    ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, out), KVSP_OK);
  }
  ck_assert_int_eq(kvsp_extractor_send(e, NULL, append, out), KVSP_OK);
  ck_assert_int_eq(kvsp_extractor_send(e, NULL, append, out), KVSP_ERR_STATE);
}

/* NAL units of that type behind start codes. */
static int count_units(const struct bytes *b, unsigned mask, unsigned value) {
  int count = 0;
  for (size_t i = 0; i + 3 < b->len; i++)
    count += b->data[i] == 0 && b->data[i + 1] == 0 && b->data[i + 2] == 1 &&
             (b->data[i + 3] & mask) == value;
  return count;
}

static struct encode_options small_video(const char *encoder) {
  struct encode_options options;
  memset(&options, 0, sizeof options);
  options.encoder = encoder;
  options.width = 64;
  options.height = 48;
  options.frames = 12;
  options.gop = 4;
  return options;
}

/* Lengths or start codes, sets in CodecPrivate, in the frames or in both: in the
 * end each of the three key frames has its own. */
static void sets_before_each_key_frame(const char *encoder, unsigned mask,
                                       unsigned sps) {
  struct encode_options options = small_video(encoder);
  struct encoded other;
  encode(&other, &options);
  for (int i = 0; i < 4; i++) {
    struct encoded encoded;
    struct bytes out = {0};
    kvsp_track track;
    kvsp_extractor *e;
    options.lengths = i == 0;
    options.in_band = i >= 2;
    encode(&encoded, &options);
    track = video_track(i == 3 ? &other : &encoded);
    e = extractor_for(&track, KVSP_EXTRACT_ANNEXB);
    send_all(e, &track, &encoded, &out);
    ck_assert_int_eq(count_units(&out, mask, sps), 3);
    kvsp_extractor_free(e);
    bytes_free(&out);
    encoded_free(&encoded);
  }
  encoded_free(&other);
}

START_TEST(h264_has_its_sets) {
  if (!encode_available("libx264")) return;
  sets_before_each_key_frame("libx264", 31, 7);
}
END_TEST

START_TEST(h265_has_its_sets) {
  if (!encode_available("libx265")) return;
  sets_before_each_key_frame("libx265", 0x7e, 33 << 1);
}
END_TEST

START_TEST(damage_is_told_and_survived) {
  struct encode_options options = small_video("libx264");
  struct encoded encoded;
  struct bytes out = {0};
  kvsp_track track;
  kvsp_frame frame;
  kvsp_extractor *e;
  if (!encode_available("libx264")) return;
  options.lengths = 1;
  encode(&encoded, &options);
  track = video_track(&encoded);
  e = extractor_for(&track, KVSP_EXTRACT_ANNEXB);
  memset(&frame, 0, sizeof frame);
  frame.track = &track;
  frame.data = view(encoded.packets[0].data, encoded.packets[0].size - 1);
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out),
                   KVSP_ERR_CODEC);
  ck_assert_str_ne(kvsp_extractor_message(e), "");
  ck_assert_uint_eq(out.len, 0);
  frame.data = view("\xff\xff\xff", 3);
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out),
                   KVSP_ERR_CODEC);
  frame.data.len = 0;
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_OK);
  send_all(e, &track, &encoded, &out);
  ck_assert_int_eq(count_units(&out, 31, 7), 3);
  kvsp_extractor_free(e);
  bytes_free(&out);
  encoded_free(&encoded);
}
END_TEST

static int messages;

static void on_log(void *context, int level, const char *format, va_list list) {
  (void)context, (void)format, (void)list;
  if (level <= AV_LOG_INFO) messages++;
}

/* A JPEG of AVI whose first segment is longer than the frame; libavcodec is
 * not asked, since it would print what it thinks of it. */
START_TEST(a_jpeg_that_is_cut_off) {
  static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'A',  'V', 'I',
                                 '1',  0,    0,    0,    0, 0,  0,    0,   0,
                                 0,    0,    0xFF, 0xDB, 0, 2,  0xFF, 0xD9};
  static const uint8_t no_jpeg[] = {0xFF, 0xD9, 0xFF, 0xE0, 0, 2, 'A',
                                    'V',  'I',  '1',  0,    0, 0, 0};
  struct bytes out = {0};
  kvsp_track track;
  kvsp_frame frame;
  kvsp_extractor *e;
  memset(&track, 0, sizeof track);
  memset(&frame, 0, sizeof frame);
  track.codec_id = text("V_MJPEG");
  frame.track = &track;
  e = extractor_for(&track, KVSP_EXTRACT_JPEG);
  av_log_set_callback(on_log);
  for (size_t len = 11; len <= sizeof jpeg; len++) {
    uint8_t *copy = malloc(len);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, jpeg, len);
    frame.data = view(copy, len);
    ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out),
                     len < 20 ? KVSP_ERR_CODEC : KVSP_OK);
    ck_assert_int_eq(messages, 0);
    free(copy);
  }
  ck_assert_uint_gt(out.len, sizeof jpeg);
  out.len = 0; /* what is no JPEG at all is left as it is */
  frame.data = view(jpeg + 1, sizeof jpeg - 1);
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_OK);
  frame.data = view(no_jpeg, sizeof no_jpeg);
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_OK);
  ck_assert_uint_eq(out.len, sizeof jpeg - 1 + sizeof no_jpeg);
  ck_assert_int_eq(messages, 0);
  av_log_set_callback(av_log_default_callback);
  kvsp_extractor_free(e);
  bytes_free(&out);
}
END_TEST

/* Frames without any parameter set, with lengths of each size: nothing is
 * printed, and the units are what they were. */
START_TEST(lengths_become_start_codes) {
  static const uint8_t wanted[] = {0, 0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x06};
  av_log_set_callback(on_log);
  messages = 0;
  for (uint8_t size = 1; size <= 4; size++) {
    uint8_t record[] = {1, 66, 0, 30, 0xFC, 0xE0, 1, 0, 1, 0x68};
    uint8_t lengths[2 * 4 + 3] = {0};
    size_t at = size;
    struct bytes out = {0};
    kvsp_track track;
    kvsp_frame frame;
    kvsp_extractor *e;
    record[4] = (uint8_t)(0xFC + size - 1);
    lengths[at - 1] = 2;
    lengths[at++] = 0x65; /* a picture */
    lengths[at++] = 1;
    at += size;
    lengths[at - 1] = 1;
    lengths[at++] = 0x06; /* a message */
    memset(&track, 0, sizeof track);
    memset(&frame, 0, sizeof frame);
    track.codec_id = text("V_MPEG4/ISO/AVC");
    track.codec_private = view(record, sizeof record);
    frame.track = &track;
    frame.data = view(lengths, at);
    e = extractor_for(&track, KVSP_EXTRACT_ANNEXB);
    ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_OK);
    ck_assert_uint_eq(out.len, sizeof wanted);
    ck_assert_mem_eq(out.data, wanted, sizeof wanted);
    kvsp_extractor_free(e);
    bytes_free(&out);
  }
  ck_assert_int_eq(messages, 0);
  av_log_set_callback(av_log_default_callback);
}
END_TEST

/* Another CodecPrivate is followed, another CodecID is not. */
START_TEST(a_changing_track) {
  static const uint8_t mono[2] = {0x11, 0x88};
  static const uint8_t stereo[2] = {0x11, 0x90};
  struct bytes out = {0};
  kvsp_track track;
  kvsp_frame frame;
  kvsp_extractor *e;
  memset(&track, 0, sizeof track);
  memset(&frame, 0, sizeof frame);
  track.number = 7;
  track.type = KVSP_TRACK_AUDIO;
  track.codec_id = text("A_AAC");
  track.codec_private = view(mono, 2);
  frame.track = &track;
  frame.data = view("abc", 3);
  e = extractor_for(&track, KVSP_EXTRACT_ADTS);
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_OK);
  track.codec_private = view(stereo, 2);
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_OK);
  ck_assert_uint_eq(out.len, 20);
  ck_assert_uint_eq(out.data[3] >> 6, 1);
  ck_assert_uint_eq(out.data[13] >> 6, 2);
  track.codec_private.len = 0;
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out),
                   KVSP_ERR_CODEC);
  track.codec_id = text("A_OPUS");
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out),
                   KVSP_ERR_UNSUPPORTED);
  track.number = 8;
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_ERR_ARG);
  kvsp_extractor_free(e);
  bytes_free(&out);
}
END_TEST

/* channel_configuration of the last frame of three bytes. */
static unsigned last_channels(const struct bytes *b) {
  ck_assert_uint_ge(b->len, 10);
  return b->data[b->len - 10 + 3] >> 6;
}

/* A CodecState replaces CodecPrivate until its fragment ends, or CodecPrivate
 * is another one. */
START_TEST(a_codec_state_counts) {
  static const uint8_t mono[2] = {0x11, 0x88};
  static const uint8_t stereo[2] = {0x11, 0x90};
  static const uint8_t three[2] = {0x11, 0x98};
  const struct {
    uint64_t fragment;
    const uint8_t *declared, *state;
    unsigned channels;
  } frames[] = {
      {3, mono, NULL, 1},  {3, mono, stereo, 2}, {3, mono, NULL, 2},
      {3, three, NULL, 3}, {3, mono, stereo, 2}, {4, mono, NULL, 1},
      {4, mono, three, 3}, {4, mono, NULL, 3},   {5, mono, stereo, 2}};
  struct bytes out = {0};
  kvsp_fragment fragment;
  kvsp_extractor *e;
  kvsp_track track;
  kvsp_frame frame;
  memset(&fragment, 0, sizeof fragment);
  memset(&track, 0, sizeof track);
  memset(&frame, 0, sizeof frame);
  track.type = KVSP_TRACK_AUDIO;
  track.codec_id = text("A_AAC");
  track.codec_private = view(mono, 2);
  frame.track = &track;
  frame.fragment = &fragment;
  frame.data = view("abc", 3);
  e = extractor_for(&track, KVSP_EXTRACT_ADTS);
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
    fragment.index = frames[i].fragment;
    track.codec_private = view(frames[i].declared, 2);
    frame.codec_state = view(frames[i].state, frames[i].state ? 2 : 0);
    ck_assert_int_eq(kvsp_extractor_send(e, &frame, append, &out), KVSP_OK);
    ck_assert_msg(last_channels(&out) == frames[i].channels, "frame %zu", i);
  }
  kvsp_extractor_free(e);
  bytes_free(&out);
}
END_TEST

START_TEST(misuse) {
  kvsp_extractor_config config;
  kvsp_extractor *e = NULL;
  kvsp_track track;
  kvsp_frame frame;
  int code = KVSP_ERR_USER - 5;
  memset(&config, 0, sizeof config);
  memset(&track, 0, sizeof track);
  memset(&frame, 0, sizeof frame);
  track.number = 1;
  track.codec_id = text("V_MPEG4/ISO/AVC");
  ck_assert_int_eq(kvsp_extractor_new(NULL, &track, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_extractor_new(&e, NULL, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_extractor_new(&e, &track, &config), KVSP_ERR_ARG);
  config.struct_size = sizeof config;
  config.format = KVSP_EXTRACT_PCM + 1;
  ck_assert_int_eq(kvsp_extractor_new(&e, &track, &config), KVSP_ERR_ARG);
  config.format = KVSP_EXTRACT_ADTS;
  ck_assert_int_eq(kvsp_extractor_new(&e, &track, &config),
                   KVSP_ERR_UNSUPPORTED);
  ck_assert_ptr_null(e);
  ck_assert_int_eq(kvsp_extractor_new(&e, &track, NULL), KVSP_OK);
  ck_assert_int_eq(kvsp_extractor_send(e, NULL, NULL, NULL), KVSP_ERR_ARG);
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, refuse, &code), KVSP_ERR_ARG);
  frame.track = &track;
  frame.data = view("x", 1);
  frame.flags = KVSP_FRAME_ENCRYPTED;
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, refuse, &code), KVSP_ERR_ARG);
  frame.flags = 0;
  ck_assert_int_eq(kvsp_extractor_send(e, &frame, refuse, &code), code);
  kvsp_extractor_free(e);
  kvsp_extractor_free(NULL);
  ck_assert_str_eq(kvsp_extractor_message(NULL), "");
  ck_assert_int_eq(kvsp_extractor_available(99), 0);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("extract");
  TCase *t = tcase_create("core");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, wav_header_tells_the_truth);
  tcase_add_test(t, wav_header_of_g711_and_odd_sizes);
  tcase_add_test(t, wav_header_of_more_than_it_can_tell);
  tcase_add_test(t, wav_refuses_what_cannot_be);
  tcase_add_test(t, wav_takes_g711_from_its_header);
  tcase_add_test(t, clock_takes_rounding_for_nothing);
  tcase_add_test(t, clock_fills_a_pause_to_the_sample);
  tcase_add_test(t, clock_counts_what_is_too_long);
  tcase_add_test(t, clock_follows_the_producer_over_a_restart);
  tcase_add_test(t, clock_without_times_adds_nothing);
  tcase_add_test(t, adts_header_is_what_the_standard_says);
  tcase_add_test(t, adts_config_of_every_kind);
  tcase_add_test(t, h264_has_its_sets);
  tcase_add_test(t, h265_has_its_sets);
  tcase_add_test(t, damage_is_told_and_survived);
  tcase_add_test(t, a_jpeg_that_is_cut_off);
  tcase_add_test(t, lengths_become_start_codes);
  tcase_add_test(t, a_changing_track);
  tcase_add_test(t, a_codec_state_counts);
  tcase_add_test(t, misuse);
  suite_add_tcase(s, t);
  return s;
}

int main(void) {
  return run_suite(suite());
}
