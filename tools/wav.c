#include "wav.h"

#include <string.h>

/* The fields of WAVEFORMATEX that are looked at. */
enum { ACM_SIZE = 16, ACM_CHANNELS = 2, ACM_RATE = 4, ACM_BITS = 14 };

static bool view_is(kvsp_view v, const char *text) {
  return v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

static uint32_t get(const uint8_t *p, unsigned bytes) {
  uint32_t value = 0;
  while (bytes-- > 0) value = value << 8 | p[bytes];
  return value;
}

/* 0: CodecPrivate tells none. */
static unsigned acm_tag(const kvsp_track *track) {
  if (track->codec_private.len < ACM_SIZE) return 0;
  return get(track->codec_private.data, 2);
}

/* 0: not of plain sound. */
static unsigned tag_of(const kvsp_track *track) {
  kvsp_view id = track->audio_codec_id;
  unsigned tag;
  if (view_is(id, "A_PCM/INT/LIT") || view_is(id, "A_PCM/INT/BIG"))
    return WAV_PCM;
  if (view_is(id, "A_PCM/FLOAT/IEEE")) return WAV_FLOAT;
  if (!view_is(id, "A_MS/ACM")) return 0;
  tag = acm_tag(track);
  return tag == WAV_PCM || tag == WAV_FLOAT || tag == WAV_ALAW ||
                 tag == WAV_MULAW
             ? tag
             : 0;
}

bool wav_holds(const kvsp_track *track) {
  return tag_of(track) != 0;
}

static uint32_t whole_rate(double rate) {
  if (!(rate >= 1 && rate <= WAV_RATE_MAX)) return 0;
  return (uint32_t)(rate + 0.5);
}

/* What the track does not tell its CodecPrivate may. */
static void fill_from_acm(struct wav_format *out, const kvsp_track *track) {
  const uint8_t *p = track->codec_private.data;
  if (!view_is(track->audio_codec_id, "A_MS/ACM")) return;
  if (track->audio_sample_rate <= 0) out->rate = get(p + ACM_RATE, 4);
  if (out->channels == 0) out->channels = get(p + ACM_CHANNELS, 2);
  out->bits = get(p + ACM_BITS, 2);
}

static bool bits_fit(const struct wav_format *format) {
  unsigned bits = format->bits;
  if (format->tag == WAV_FLOAT) return bits == 32 || bits == 64;
  return bits == 8 || bits == 16 || bits == 24 || bits == 32;
}

const char *wav_format_of(struct wav_format *out, const kvsp_track *track) {
  memset(out, 0, sizeof *out);
  out->tag = tag_of(track);
  if (out->tag == 0) return "is no PCM and no G.711";
  out->rate = whole_rate(track->audio_sample_rate);
  out->channels = track->audio_channels;
  out->bits = track->audio_bit_depth;
  fill_from_acm(out, track);
  out->big_endian = view_is(track->audio_codec_id, "A_PCM/INT/BIG");
  if (out->tag == WAV_ALAW || out->tag == WAV_MULAW) out->bits = 8;
  if (out->rate == 0 || out->rate > WAV_RATE_MAX)
    return "has a sample rate that cannot be";
  if (out->channels == 0 || out->channels > WAV_CHANNELS_MAX)
    return "has a number of channels that cannot be";
  if (!bits_fit(out)) return "has a bit depth that WAV files have not";
  return NULL;
}

bool wav_same_format(const struct wav_format *a, const struct wav_format *b) {
  return a->tag == b->tag && a->rate == b->rate && a->channels == b->channels &&
         a->bits == b->bits && a->big_endian == b->big_endian;
}

size_t wav_frame_size(const struct wav_format *format) {
  return (size_t)format->channels * (format->bits / 8);
}

int wav_silence(const struct wav_format *format) {
  if (format->tag == WAV_ALAW) return 0xd5;
  if (format->tag == WAV_MULAW) return 0xff;
  return format->tag == WAV_PCM && format->bits == 8 ? 0x80 : 0;
}

static uint8_t *put(uint8_t *p, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) *p++ = (uint8_t)(value >> (8 * i));
  return p;
}

static uint8_t *put_name(uint8_t *p, const char *name) {
  memcpy(p, name, 4);
  return p + 4;
}

static uint8_t *put_format(uint8_t *p, const struct wav_format *format) {
  bool plain = format->tag == WAV_PCM;
  size_t frame = wav_frame_size(format);
  p = put_name(p, "fmt ");
  p = put(p, plain ? 16 : 18, 4);
  p = put(p, format->tag, 2);
  p = put(p, format->channels, 2);
  p = put(p, format->rate, 4);
  p = put(p, (uint64_t)format->rate * frame, 4);
  p = put(p, frame, 2);
  p = put(p, format->bits, 2);
  return plain ? p : put(p, 0, 2);
}

size_t wav_header(uint8_t out[WAV_HEADER_MAX], const struct wav_format *format,
                  uint64_t data_size) {
  bool plain = format->tag == WAV_PCM;
  size_t length = plain ? 44 : WAV_HEADER_MAX;
  /* Chunks are of even length: an odd one has a byte more behind it. */
  uint64_t riff_size = data_size + (data_size & 1) + length - 8;
  uint64_t count = data_size / wav_frame_size(format);
  uint8_t *p = out;
  if (data_size > UINT32_MAX - WAV_HEADER_MAX) {
    data_size = UINT32_MAX;
    riff_size = UINT32_MAX;
    count = UINT32_MAX;
  }
  p = put_name(p, "RIFF");
  p = put(p, riff_size, 4);
  p = put_name(p, "WAVE");
  p = put_format(p, format);
  if (!plain) {
    p = put_name(p, "fact");
    p = put(p, 4, 4);
    p = put(p, count, 4);
  }
  p = put_name(p, "data");
  put(p, data_size, 4);
  return length;
}
