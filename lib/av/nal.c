#include "nal.h"

#include <string.h>

/* nal_unit_type of H.264 (table 7-1) and of H.265 (table 7-1). */
enum { AVC_SPS = 7, AVC_PPS = 8, HEVC_VPS = 32, HEVC_SPS = 33, HEVC_PPS = 34 };

/* The fixed parts of the two configuration records. */
enum { AVCC_HEADER = 6, HVCC_HEADER = 23 };

/* Reads forward; ok goes to 0 at the first read beyond the end. */
struct cursor {
  const uint8_t *data;
  size_t len;
  int ok;
};

static kvsp_view take(struct cursor *c, size_t len) {
  kvsp_view v = {NULL, 0};
  if (!c->ok || len > c->len) {
    c->ok = 0;
    return v;
  }
  v.data = c->data;
  v.len = len;
  c->data += len;
  c->len -= len;
  return v;
}

static unsigned take_number(struct cursor *c, size_t bytes) {
  kvsp_view v = take(c, bytes);
  unsigned value = 0;
  for (size_t i = 0; i < v.len; i++) value = value << 8 | v.data[i];
  return value;
}

static void add_set(struct nal_config *config, kvsp_view nal) {
  if (nal.len == 0 || config->set_count == NAL_SETS_MAX) return;
  config->sets[config->set_count++] = nal;
}

static void take_sets(struct nal_config *config, struct cursor *c,
                      unsigned count) {
  for (unsigned i = 0; i < count && c->ok; i++) {
    add_set(config, take(c, take_number(c, 2)));
  }
}

/* ISO/IEC 14496-15, 5.3.3.1.2.  1 when it is whole. */
static int read_avcc(struct nal_config *config) {
  struct cursor c = {config->whole.data, config->whole.len, 1};
  kvsp_view header = take(&c, AVCC_HEADER);
  if (!c.ok || header.data[0] != 1) return 0;
  config->length_size = (header.data[4] & 3u) + 1;
  take_sets(config, &c, header.data[5] & 31u);
  take_sets(config, &c, take_number(&c, 1));
  return c.ok && config->set_count > 0;
}

/* ISO/IEC 14496-15, 8.3.3.1.2.  1 when it is whole. */
static int read_hvcc(struct nal_config *config) {
  struct cursor c = {config->whole.data, config->whole.len, 1};
  kvsp_view header = take(&c, HVCC_HEADER);
  if (!c.ok || header.data[0] > 1) return 0;
  config->length_size = (header.data[21] & 3u) + 1;
  for (unsigned i = 0; i < header.data[22] && c.ok; i++) {
    take(&c, 1); /* the type, which each NAL unit tells itself */
    take_sets(config, &c, take_number(&c, 2));
  }
  return c.ok && config->set_count > 0;
}

/* Bytes of the start code at the beginning, with zeros before it; 0: none. */
static size_t start_code(const uint8_t *data, size_t len) {
  size_t zeros = 0;
  while (zeros < len && data[zeros] == 0) zeros++;
  return zeros >= 2 && zeros < len && data[zeros] == 1 ? zeros + 1 : 0;
}

/* Bytes before the next start code and the zeros that belong to it. */
static size_t nal_size(const uint8_t *data, size_t len) {
  size_t end = len;
  for (size_t i = 0; i + 2 < len; i++) {
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] <= 1) {
      end = i;
      break;
    }
  }
  while (end > 0 && data[end - 1] == 0) end--;
  return end;
}

static int read_start_codes(struct nal_config *config) {
  struct cursor c = {config->whole.data, config->whole.len, 1};
  size_t code = start_code(c.data, c.len);
  while (code > 0) {
    take(&c, code);
    add_set(config, take(&c, nal_size(c.data, c.len)));
    code = start_code(c.data, c.len);
  }
  return config->set_count > 0;
}

void kvsp_av_nal_config(struct nal_config *out, enum nal_codec codec,
                        kvsp_view codec_private) {
  memset(out, 0, sizeof *out);
  out->codec = codec;
  out->whole = codec_private;
  out->length_size = 4;
  if (codec_private.len == 0) return;
  if (start_code(codec_private.data, codec_private.len) > 0) {
    if (read_start_codes(out)) out->framing = NAL_START_CODES;
  } else if (codec == NAL_CODEC_AVC ? read_avcc(out) : read_hvcc(out)) {
    out->framing = NAL_LENGTHS;
  }
}

/* Lengths must lead exactly to the end: anything less is no proof. */
static int lengths_fit(kvsp_view frame, unsigned length_size) {
  struct cursor c = {frame.data, frame.len, 1};
  while (c.ok && c.len > 0) {
    unsigned len = take_number(&c, length_size);
    if (len == 0) return 0;
    take(&c, len);
  }
  return c.ok && frame.len > 0;
}

enum nal_framing kvsp_av_nal_framing(kvsp_view frame, unsigned length_size) {
  /* 00 00 01 xx may be a length as well, so that these are tried first. */
  if (lengths_fit(frame, length_size)) return NAL_LENGTHS;
  if (start_code(frame.data, frame.len) > 0) return NAL_START_CODES;
  return NAL_UNKNOWN;
}

/* Counts bytes, and writes them where there is a place for them. */
struct output {
  uint8_t *data;
  size_t len;
};

static void put(struct output *o, kvsp_view v) {
  if (o->data && v.len) memcpy(o->data + o->len, v.data, v.len);
  o->len += v.len;
}

static void put_number(struct output *o, unsigned value, unsigned bytes) {
  while (bytes-- > 0) {
    uint8_t byte = (uint8_t)(value >> (8 * bytes));
    kvsp_view v = {&byte, 1};
    put(o, v);
  }
}

static unsigned set_type(const struct nal_config *config, size_t i) {
  unsigned first = config->sets[i].data[0];
  return config->codec == NAL_CODEC_AVC ? first & 31u : first >> 1 & 63u;
}

static void put_start_codes(struct output *o, const struct nal_config *config) {
  for (size_t i = 0; i < config->set_count; i++) {
    put_number(o, 1, 4);
    put(o, config->sets[i]);
  }
}

static void put_set(struct output *o, kvsp_view nal) {
  put_number(o, (unsigned)nal.len, 2);
  put(o, nal);
}

/* At most max sets of a type; returns how many there are. */
static unsigned put_sets_of(struct output *o, const struct nal_config *config,
                            unsigned type, unsigned max) {
  unsigned count = 0;
  for (size_t i = 0; i < config->set_count; i++) {
    if (set_type(config, i) != type || config->sets[i].len > 0xffff) continue;
    if (count == max) break;
    if (o) put_set(o, config->sets[i]);
    count++;
  }
  return count;
}

static void put_avcc(struct output *o, const struct nal_config *config) {
  /* Profile, constraints and level come from the first SPS; a decoder takes
   * its own from there as well. */
  static const uint8_t no_sps[] = {AVC_SPS, 66, 0, 30};
  const uint8_t *sps = no_sps;
  for (size_t i = config->set_count; i-- > 0;) {
    if (set_type(config, i) == AVC_SPS && config->sets[i].len >= 4) {
      sps = config->sets[i].data;
    }
  }
  put_number(o, 1, 1);
  put(o, (kvsp_view){sps + 1, 3});
  put_number(o, 0xfcu | (config->length_size - 1), 1);
  put_number(o, 0xe0u | put_sets_of(NULL, config, AVC_SPS, 31), 1);
  put_sets_of(o, config, AVC_SPS, 31);
  put_number(o, put_sets_of(NULL, config, AVC_PPS, 255), 1);
  put_sets_of(o, config, AVC_PPS, 255);
}

static void put_hvcc(struct output *o, const struct nal_config *config) {
  static const unsigned types[] = {HEVC_VPS, HEVC_SPS, HEVC_PPS};
  /* What decoders do not read stays 0: they take it from the sets. */
  put_number(o, 1, 1);
  for (int i = 1; i < 21; i++) put_number(o, 0, 1);
  put_number(o, 0xfcu | (config->length_size - 1), 1);
  put_number(o, 3, 1);
  for (size_t i = 0; i < 3; i++) {
    put_number(o, types[i], 1);
    put_number(o, put_sets_of(NULL, config, types[i], 255), 2);
    put_sets_of(o, config, types[i], 255);
  }
}

size_t kvsp_av_nal_extradata(const struct nal_config *config,
                             enum nal_framing framing, uint8_t *out) {
  struct output o = {out, 0};
  if (framing == NAL_UNKNOWN) framing = config->framing;
  if (framing == NAL_UNKNOWN) return 0;
  if (framing == config->framing) {
    put(&o, config->whole);
  } else if (framing == NAL_START_CODES) {
    put_start_codes(&o, config);
  } else if (config->codec == NAL_CODEC_AVC) {
    put_avcc(&o, config);
  } else {
    put_hvcc(&o, config);
  }
  return o.len;
}

/* Four bytes each: Annex B wants them for the first unit of a picture and for
 * parameter sets, and allows them everywhere. */
size_t kvsp_av_nal_start_codes(kvsp_view frame, unsigned length_size,
                               uint8_t *out) {
  struct cursor c = {frame.data, frame.len, 1};
  struct output o = {out, 0};
  while (c.ok && c.len > 0) {
    kvsp_view unit = take(&c, take_number(&c, length_size));
    put_number(&o, 1, 4);
    put(&o, unit);
  }
  return o.len;
}
