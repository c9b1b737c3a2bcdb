#include "codec.h"

#include <string.h>

struct codec_name {
  const char *codec_id;
  enum AVCodecID id;
};

/* The Matroska codec registry, https://www.matroska.org/technical/codec_specs
 * as far as libavcodec knows them and KVS producers or their sources send
 * them. */
static const struct codec_name names[] = {
    {"V_MPEG4/ISO/AVC", AV_CODEC_ID_H264},
    {"V_MPEGH/ISO/HEVC", AV_CODEC_ID_HEVC},
    {"V_MJPEG", AV_CODEC_ID_MJPEG},
    {"V_VP8", AV_CODEC_ID_VP8},
    {"V_VP9", AV_CODEC_ID_VP9},
    {"V_AV1", AV_CODEC_ID_AV1},
    {"V_MPEG4/ISO/SP", AV_CODEC_ID_MPEG4},
    {"V_MPEG4/ISO/ASP", AV_CODEC_ID_MPEG4},
    {"V_MPEG4/ISO/AP", AV_CODEC_ID_MPEG4},
    {"V_MPEG4/MS/V3", AV_CODEC_ID_MSMPEG4V3},
    {"V_MPEG1", AV_CODEC_ID_MPEG1VIDEO},
    {"V_MPEG2", AV_CODEC_ID_MPEG2VIDEO},
    {"V_THEORA", AV_CODEC_ID_THEORA},
    {"V_FFV1", AV_CODEC_ID_FFV1},
    {"A_AAC", AV_CODEC_ID_AAC},
    {"A_OPUS", AV_CODEC_ID_OPUS},
    {"A_VORBIS", AV_CODEC_ID_VORBIS},
    {"A_FLAC", AV_CODEC_ID_FLAC},
    {"A_MPEG/L2", AV_CODEC_ID_MP2},
    {"A_MPEG/L3", AV_CODEC_ID_MP3},
    {"A_AC3", AV_CODEC_ID_AC3},
    {"A_EAC3", AV_CODEC_ID_EAC3},
};

struct codec_tag {
  char fourcc[5]; /* upper case                                            */
  enum AVCodecID id;
};

/* What V_MS/VFW/FOURCC carries in practice. */
static const struct codec_tag fourccs[] = {
    {"H264", AV_CODEC_ID_H264},       {"X264", AV_CODEC_ID_H264},
    {"AVC1", AV_CODEC_ID_H264},       {"DAVC", AV_CODEC_ID_H264},
    {"VSSH", AV_CODEC_ID_H264},       {"HEVC", AV_CODEC_ID_HEVC},
    {"H265", AV_CODEC_ID_HEVC},       {"X265", AV_CODEC_ID_HEVC},
    {"HVC1", AV_CODEC_ID_HEVC},       {"HEV1", AV_CODEC_ID_HEVC},
    {"MJPG", AV_CODEC_ID_MJPEG},      {"JPEG", AV_CODEC_ID_MJPEG},
    {"AVRN", AV_CODEC_ID_MJPEG},      {"LJPG", AV_CODEC_ID_LJPEG},
    {"MP4V", AV_CODEC_ID_MPEG4},      {"FMP4", AV_CODEC_ID_MPEG4},
    {"XVID", AV_CODEC_ID_MPEG4},      {"DIVX", AV_CODEC_ID_MPEG4},
    {"DX50", AV_CODEC_ID_MPEG4},      {"M4S2", AV_CODEC_ID_MPEG4},
    {"3IV2", AV_CODEC_ID_MPEG4},      {"DIV3", AV_CODEC_ID_MSMPEG4V3},
    {"MP43", AV_CODEC_ID_MSMPEG4V3},  {"MP42", AV_CODEC_ID_MSMPEG4V2},
    {"H263", AV_CODEC_ID_H263},       {"MPG1", AV_CODEC_ID_MPEG1VIDEO},
    {"MPG2", AV_CODEC_ID_MPEG2VIDEO}, {"VP80", AV_CODEC_ID_VP8},
    {"VP90", AV_CODEC_ID_VP9},        {"AV01", AV_CODEC_ID_AV1},
    {"WMV1", AV_CODEC_ID_WMV1},       {"WMV2", AV_CODEC_ID_WMV2},
    {"WMV3", AV_CODEC_ID_WMV3},       {"WVC1", AV_CODEC_ID_VC1},
    {"FFV1", AV_CODEC_ID_FFV1},       {"HFYU", AV_CODEC_ID_HUFFYUV},
    {"FFVH", AV_CODEC_ID_FFVHUFF},    {"DVSD", AV_CODEC_ID_DVVIDEO},
    {"MPNG", AV_CODEC_ID_PNG},        {"PNG ", AV_CODEC_ID_PNG},
    {"MJ2C", AV_CODEC_ID_JPEG2000},   {"I420", AV_CODEC_ID_RAWVIDEO},
    {"IYUV", AV_CODEC_ID_RAWVIDEO},   {"YV12", AV_CODEC_ID_RAWVIDEO},
    {"NV12", AV_CODEC_ID_RAWVIDEO},   {"NV21", AV_CODEC_ID_RAWVIDEO},
    {"YUY2", AV_CODEC_ID_RAWVIDEO},   {"UYVY", AV_CODEC_ID_RAWVIDEO},
    {"Y800", AV_CODEC_ID_RAWVIDEO},   {"GREY", AV_CODEC_ID_RAWVIDEO},
};

struct format_tag {
  unsigned tag; /* WAVEFORMATEX.wFormatTag                                 */
  enum AVCodecID id;
};

static const struct format_tag format_tags[] = {
    {0x0006, AV_CODEC_ID_PCM_ALAW}, {0x0007, AV_CODEC_ID_PCM_MULAW},
    {0x0050, AV_CODEC_ID_MP2},      {0x0055, AV_CODEC_ID_MP3},
    {0x00ff, AV_CODEC_ID_AAC},      {0x2000, AV_CODEC_ID_AC3},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int view_is(kvsp_view v, const char *text) {
  return v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

static uint32_t little_endian(const uint8_t *p, unsigned bytes) {
  uint32_t value = 0;
  while (bytes-- > 0) value = value << 8 | p[bytes];
  return value;
}

/* Not toupper: that one asks the locale. */
static int fourcc_is(const uint8_t *p, const char *fourcc) {
  for (int i = 0; i < 4; i++) {
    int c = p[i] >= 'a' && p[i] <= 'z' ? p[i] - 'a' + 'A' : p[i];
    if (c != fourcc[i]) return 0;
  }
  return 1;
}

/* CodecPrivate is a BITMAPINFOHEADER, and the codec's own header behind it. */
static enum AVCodecID find_vfw(struct codec *out, kvsp_view codec_private) {
  const uint8_t *p = codec_private.data;
  if (codec_private.len < 40) return AV_CODEC_ID_NONE;
  out->bits_per_sample = (int)little_endian(p + 14, 2);
  out->tag = little_endian(p + 16, 4);
  out->extradata.data = p + 40;
  out->extradata.len = codec_private.len - 40;
  for (size_t i = 0; i < COUNT(fourccs); i++) {
    if (fourcc_is(p + 16, fourccs[i].fourcc)) return fourccs[i].id;
  }
  return AV_CODEC_ID_NONE;
}

static enum AVCodecID pcm(unsigned bits, int big_endian) {
  switch (bits) {
    case 8: return AV_CODEC_ID_PCM_U8;
    case 16: return big_endian ? AV_CODEC_ID_PCM_S16BE : AV_CODEC_ID_PCM_S16LE;
    case 24: return big_endian ? AV_CODEC_ID_PCM_S24BE : AV_CODEC_ID_PCM_S24LE;
    case 32: return big_endian ? AV_CODEC_ID_PCM_S32BE : AV_CODEC_ID_PCM_S32LE;
    default: return AV_CODEC_ID_NONE;
  }
}

/* CodecPrivate is a WAVEFORMATEX: 18 bytes, and the codec's own header. */
static enum AVCodecID find_acm(struct codec *out, kvsp_view codec_private) {
  const uint8_t *p = codec_private.data;
  if (codec_private.len < 16) return AV_CODEC_ID_NONE;
  out->tag = little_endian(p, 2);
  out->bits_per_sample = (int)little_endian(p + 14, 2);
  out->extradata.len = codec_private.len > 18 ? codec_private.len - 18 : 0;
  out->extradata.data = out->extradata.len ? p + 18 : NULL;
  if (out->tag == 1) return pcm((unsigned)out->bits_per_sample, 0);
  for (size_t i = 0; i < COUNT(format_tags); i++) {
    if (format_tags[i].tag == out->tag) return format_tags[i].id;
  }
  return AV_CODEC_ID_NONE;
}

static enum AVCodecID find_id(struct codec *out, const kvsp_track *track) {
  kvsp_view id = track->codec_id;
  if (view_is(id, "V_MS/VFW/FOURCC")) {
    return find_vfw(out, track->codec_private);
  }
  if (view_is(id, "A_MS/ACM")) return find_acm(out, track->codec_private);
  if (view_is(id, "A_PCM/INT/LIT")) return pcm(track->bit_depth, 0);
  if (view_is(id, "A_PCM/INT/BIG")) return pcm(track->bit_depth, 1);
  for (size_t i = 0; i < COUNT(names); i++) {
    if (view_is(id, names[i].codec_id)) return names[i].id;
  }
  return AV_CODEC_ID_NONE;
}

int kvsp_av_codec_find(struct codec *out, const kvsp_track *track) {
  memset(out, 0, sizeof *out);
  out->extradata = track->codec_private;
  out->id = find_id(out, track);
  if (out->id == AV_CODEC_ID_NONE) return 0;
  if (out->id == AV_CODEC_ID_H264) out->nal = NAL_CODEC_AVC;
  if (out->id == AV_CODEC_ID_HEVC) out->nal = NAL_CODEC_HEVC;
  out->decoder = avcodec_find_decoder(out->id);
  return 1;
}

int kvsp_av_codec_intra_only(enum AVCodecID id) {
  const AVCodecDescriptor *descriptor = avcodec_descriptor_get(id);
  return descriptor && (descriptor->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
}
