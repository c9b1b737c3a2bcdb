#include "adts.h"

#include <string.h>

enum { AOT_LTP = 4, AOT_SBR = 5, AOT_PS = 29, AOT_ESCAPE = 31 };
/* samplingFrequencyIndex: the frequency follows in 24 bits. */
enum { FREQUENCY_EXPLICIT = 15, FREQUENCY_COUNT = 13 };

static const uint32_t frequencies[FREQUENCY_COUNT] = {
    96000, 88200, 64000, 48000, 44100, 32000, 24000,
    22050, 16000, 12000, 11025, 8000,  7350};

/* Reads bits; ok goes to 0 at the first read beyond the end. */
struct bits {
  kvsp_view data;
  size_t at;
  int ok;
};

static unsigned take(struct bits *b, unsigned count) {
  unsigned value = 0;
  if (!b->ok || count > b->data.len * 8 - b->at) {
    b->ok = 0;
    return 0;
  }
  for (; count > 0; count--, b->at++)
    value = value << 1 | (b->data.data[b->at / 8] >> (7 - b->at % 8) & 1u);
  return value;
}

static unsigned take_object_type(struct bits *b) {
  unsigned type = take(b, 5);
  return type == AOT_ESCAPE ? 32 + take(b, 6) : type;
}

/* FREQUENCY_COUNT: none that has an index. */
static unsigned take_frequency(struct bits *b) {
  unsigned index = take(b, 4);
  uint32_t hertz;
  if (index != FREQUENCY_EXPLICIT)
    return index < FREQUENCY_COUNT ? index : FREQUENCY_COUNT;
  hertz = take(b, 24);
  for (index = 0; index < FREQUENCY_COUNT; index++)
    if (frequencies[index] == hertz) break;
  return index;
}

const char *kvsp_av_adts_config(struct adts *out, kvsp_view config) {
  struct bits b = {config, 0, 1};
  unsigned type;
  memset(out, 0, sizeof *out);
  if (config.len == 0) return "AAC without CodecPrivate";
  type = take_object_type(&b);
  out->frequency = take_frequency(&b);
  out->channels = take(&b, 4);
  /* The frames are those of the type inside; a decoder finds the rest. */
  if (type == AOT_SBR || type == AOT_PS) {
    (void)take_frequency(&b);
    type = take_object_type(&b);
  }
  if (!b.ok) return "the AudioSpecificConfig is cut off";
  if (type == 0 || type > AOT_LTP)
    return "ADTS has no word for this kind of AAC";
  if (out->frequency == FREQUENCY_COUNT)
    return "ADTS has no word for this sample rate";
  if (out->channels == 0 || out->channels > 7)
    return "ADTS has no word for this arrangement of channels";
  /* frameLengthFlag; the bit may be missing in a config that is cut short. */
  if (take(&b, 1) != 0) return "ADTS has no word for frames of 960 samples";
  out->profile = type - 1;
  return NULL;
}

void kvsp_av_adts_header(uint8_t out[ADTS_HEADER_SIZE], const struct adts *adts,
                         size_t frame_size) {
  unsigned size = (unsigned)(frame_size + ADTS_HEADER_SIZE);
  out[0] = 0xff;
  out[1] = 0xf1; /* MPEG-4, no CRC */
  out[2] = (uint8_t)(adts->profile << 6 | adts->frequency << 2 |
                     adts->channels >> 2);
  out[3] = (uint8_t)((adts->channels & 3u) << 6 | size >> 11);
  out[4] = (uint8_t)(size >> 3);
  /* The buffer's fullness is not told: all ones. */
  out[5] = (uint8_t)((size & 7u) << 5 | 0x1f);
  out[6] = 0xfc;
}

int kvsp_av_adts_is_framed(kvsp_view frame) {
  const uint8_t *p = frame.data;
  size_t size;
  if (frame.len < ADTS_HEADER_SIZE) return 0;
  if (p[0] != 0xff || (p[1] & 0xf6u) != 0xf0) return 0;
  size = (size_t)(p[3] & 3u) << 11 | (size_t)p[4] << 3 | p[5] >> 5;
  return size == frame.len;
}
