#include "encode.h"

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "encode: %s\n", what);
  exit(99);
}

static void *resize(void *ptr, size_t size) {
  void *grown = realloc(ptr, size ? size : 1);
  require(grown != NULL, "out of memory");
  return grown;
}

static const char *matroska_name(enum AVCodecID id) {
  static const struct {
    enum AVCodecID id;
    const char *name;
  } names[] = {
      {AV_CODEC_ID_H264, "V_MPEG4/ISO/AVC"},
      {AV_CODEC_ID_HEVC, "V_MPEGH/ISO/HEVC"},
      {AV_CODEC_ID_MJPEG, "V_MJPEG"},
      {AV_CODEC_ID_MPEG4, "V_MPEG4/ISO/ASP"},
      {AV_CODEC_ID_MPEG2VIDEO, "V_MPEG2"},
      {AV_CODEC_ID_MPEG1VIDEO, "V_MPEG1"},
      {AV_CODEC_ID_VP8, "V_VP8"},
      {AV_CODEC_ID_VP9, "V_VP9"},
      {AV_CODEC_ID_AV1, "V_AV1"},
      {AV_CODEC_ID_FFV1, "V_FFV1"},
      {AV_CODEC_ID_THEORA, "V_THEORA"},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].id == id) return names[i].name;
  }
  return "V_UNKNOWN";
}

/* The picture. */

static void draw(AVFrame *frame, int number, int pattern) {
  for (int plane = 0; plane < 3 && frame->data[plane]; plane++) {
    int shift = plane ? 1 : 0;
    int width = (frame->width + shift) >> shift;
    int height = (frame->height + shift) >> shift;
    for (int y = 0; y < height; y++) {
      uint8_t *row = frame->data[plane] + y * frame->linesize[plane];
      for (int x = 0; x < width; x++) {
        int value = plane ? 96 + (plane * (x + number) + pattern * 16) % 64
                          : 24 + (x * 3 + y * (2 + pattern) + number * 7) % 200;
        row[x] = (uint8_t)value;
      }
    }
  }
  /* Something with edges that moves. */
  for (int y = 0; y < frame->height / 4; y++) {
    uint8_t *row =
        frame->data[0] + (y + frame->height / 3) * frame->linesize[0];
    int left = number * 3 % (frame->width - frame->width / 4);
    memset(row + left, 235, (size_t)frame->width / 4);
  }
}

/* NAL units: from start codes to lengths. */

static size_t next_start_code(const uint8_t *data, size_t size, size_t from) {
  for (size_t i = from; i + 3 <= size; i++) {
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1) return i;
  }
  return size;
}

/* The NAL unit at *position, which moves behind it; 0 at the end. */
static size_t next_nal(const uint8_t *data, size_t size, size_t *position,
                       const uint8_t **nal) {
  size_t begin = next_start_code(data, size, *position) + 3;
  size_t end;
  if (begin >= size) return 0;
  end = next_start_code(data, size, begin);
  *position = end;
  while (end > begin && data[end - 1] == 0) end--;
  *nal = data + begin;
  return end - begin;
}

static void append(uint8_t **out, size_t *out_size, const void *data,
                   size_t size) {
  *out = resize(*out, *out_size + size);
  memcpy(*out + *out_size, data, size);
  *out_size += size;
}

static void append_nal(uint8_t **out, size_t *out_size, const uint8_t *nal,
                       size_t size, unsigned length_size) {
  uint8_t length[4];
  for (unsigned i = 0; i < length_size; i++) {
    length[i] = (uint8_t)(size >> (8 * (length_size - 1 - i)));
  }
  append(out, out_size, length, length_size);
  append(out, out_size, nal, size);
}

static void packet_to_lengths(struct encoded_packet *p) {
  uint8_t *out = NULL;
  const uint8_t *nal;
  size_t out_size = 0, position = 0;
  size_t size = next_nal(p->data, p->size, &position, &nal);
  while (size > 0) {
    append_nal(&out, &out_size, nal, size, 4);
    size = next_nal(p->data, p->size, &position, &nal);
  }
  free(p->data);
  p->data = out;
  p->size = out_size;
}

static int nal_type(enum AVCodecID id, const uint8_t *nal) {
  return id == AV_CODEC_ID_H264 ? nal[0] & 31 : nal[0] >> 1 & 63;
}

/* All sets of one type, each with a length of two bytes; the count. */
static uint8_t append_sets(uint8_t **out, size_t *out_size,
                           const struct encoded *e, int type) {
  const uint8_t *nal;
  size_t position = 0;
  size_t size = next_nal(e->extradata, e->extradata_size, &position, &nal);
  uint8_t count = 0;
  for (; size > 0;
       size = next_nal(e->extradata, e->extradata_size, &position, &nal)) {
    if (nal_type(e->id, nal) != type) continue;
    append_nal(out, out_size, nal, size, 2);
    count++;
  }
  return count;
}

static void to_avcc(struct encoded *e) {
  uint8_t head[6] = {1, 66, 0, 30, 0xff, 0xe0};
  uint8_t *out = NULL, zero = 0, count;
  size_t size = 0, place;
  append(&out, &size, head, sizeof head);
  count = append_sets(&out, &size, e, 7);
  out[5] = (uint8_t)(0xe0 | count);
  memcpy(out + 1, out + 9, 3);
  place = size;
  append(&out, &size, &zero, 1);
  count = append_sets(&out, &size, e, 8);
  out[place] = count;
  free(e->extradata);
  e->extradata = out;
  e->extradata_size = size;
}

static void to_hvcc(struct encoded *e) {
  uint8_t head[23] = {1};
  uint8_t *out = NULL;
  size_t size = 0;
  head[21] = 0x03;
  head[22] = 3;
  append(&out, &size, head, sizeof head);
  for (int type = 32; type <= 34; type++) {
    uint8_t array[3] = {(uint8_t)(0x80 | type), 0, 0};
    size_t place = size + 2;
    uint8_t count;
    append(&out, &size, array, sizeof array);
    count = append_sets(&out, &size, e, type);
    out[place] = count;
  }
  free(e->extradata);
  e->extradata = out;
  e->extradata_size = size;
}

static void to_lengths(struct encoded *e) {
  if (e->id != AV_CODEC_ID_H264 && e->id != AV_CODEC_ID_HEVC) return;
  for (size_t i = 0; i < e->count; i++) packet_to_lengths(&e->packets[i]);
  if (e->extradata_size == 0) return;
  if (e->id == AV_CODEC_ID_H264) to_avcc(e);
  if (e->id == AV_CODEC_ID_HEVC) to_hvcc(e);
}

/* An SPS without its VUI (H.264, 7.3.2.1.1), which is its last part. */

struct bits {
  uint8_t data[256]; /* without emulation prevention                         */
  size_t size;
  size_t at;
};

static unsigned take_bits(struct bits *b, unsigned count) {
  unsigned value = 0;
  require(b->at + count <= 8 * b->size, "an SPS that ends too soon");
  for (; count > 0; count--, b->at++) {
    unsigned byte = b->data[b->at / 8];
    value = value << 1 | (byte >> (7 - b->at % 8) & 1u);
  }
  return value;
}

static unsigned take_exp_golomb(struct bits *b) {
  unsigned zeros = 0;
  while (take_bits(b, 1) == 0) zeros++;
  return (1u << zeros) - 1 + take_bits(b, zeros);
}

static void take_exp_golombs(struct bits *b, int count) {
  while (count-- > 0) (void)take_exp_golomb(b);
}

/* Up to vui_parameters_present_flag. */
static void skip_to_vui(struct bits *b) {
  unsigned profile;
  (void)take_bits(b, 8);
  profile = take_bits(b, 8);
  (void)take_bits(b, 16);
  take_exp_golombs(b, 1);
  if (profile >= 100) {
    take_exp_golombs(b, 3);
    require(take_bits(b, 2) == 0, "an SPS with scaling lists");
  }
  take_exp_golombs(b, 1);
  require(take_exp_golomb(b) == 0, "an SPS with another order count");
  take_exp_golombs(b, 2);
  (void)take_bits(b, 1);
  take_exp_golombs(b, 2);
  require(take_bits(b, 1) == 1, "an interlaced SPS");
  (void)take_bits(b, 1);
  if (take_bits(b, 1)) take_exp_golombs(b, 4);
}

/* In place: what comes after it is padded with the zeros that may follow a
 * NAL unit before a start code. */
static void strip_vui(uint8_t *nal, size_t size) {
  struct bits b = {{0}, 0, 0};
  size_t zeros = 0;
  for (size_t i = 0; i < size && b.size < sizeof b.data; i++) {
    if (zeros < 2 || nal[i] != 3) b.data[b.size++] = nal[i];
    zeros = nal[i] == 0 ? zeros + 1 : 0;
  }
  skip_to_vui(&b);
  /* The flag becomes 0, the stop bit 1, the rest of its byte 0. */
  b.data[b.at / 8] &= (uint8_t)(0xff00u >> (b.at % 8));
  b.data[(b.at + 1) / 8] &= (uint8_t)(0xff00u >> ((b.at + 1) % 8));
  b.data[(b.at + 1) / 8] |= (uint8_t)(0x80u >> ((b.at + 1) % 8));
  memset(nal, 0, size);
  memcpy(nal, b.data, (b.at + 1) / 8 + 1);
}

static void strip_extradata(struct encoded *e) {
  size_t begin = next_start_code(e->extradata, e->extradata_size, 0) + 3;
  size_t end = next_start_code(e->extradata, e->extradata_size, begin);
  require(end < e->extradata_size, "no SPS");
  require((e->extradata[begin] & 31) == 7, "no SPS in front");
  strip_vui(e->extradata + begin, end - begin);
}

/* Encoding. */

static void set_options(AVCodecContext *c, const struct encode_options *o) {
  c->width = o->width;
  c->height = o->height;
  c->time_base = (AVRational){1, 25};
  c->framerate = (AVRational){25, 1};
  c->pix_fmt = o->format > 0 ? o->format : AV_PIX_FMT_YUV420P;
  c->colorspace = o->colorspace ? o->colorspace : AVCOL_SPC_UNSPECIFIED;
  c->color_range = o->range;
  c->thread_count = 1;
  c->max_b_frames = o->b_frames;
  c->bit_rate = 800000;
  if (o->gop) c->gop_size = o->gop;
  if (!o->in_band) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (c->codec_id == AV_CODEC_ID_MJPEG) {
    c->color_range = AVCOL_RANGE_JPEG;
    c->strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL;
  }
  /* Each encoder takes those that it knows. */
  av_opt_set(c->priv_data, "preset", "ultrafast", 0);
  av_opt_set(c->priv_data, "x265-params", "log-level=none", 0);
  av_opt_set(c->priv_data, "deadline", "realtime", 0);
  av_opt_set_int(c->priv_data, "cpu-used", 8, 0);
  if (o->b_frames) av_opt_set(c->priv_data, "x264-params", "b-adapt=0", 0);
}

static AVCodecContext *open_encoder(const struct encode_options *o) {
  const AVCodec *codec = avcodec_find_encoder_by_name(o->encoder);
  AVCodecContext *c;
  require(codec != NULL, "no such encoder");
  c = avcodec_alloc_context3(codec);
  require(c != NULL, "out of memory");
  c->log_level_offset = 100;
  set_options(c, o);
  require(avcodec_open2(c, codec, NULL) >= 0, "the encoder does not open");
  return c;
}

static void add_packet(struct encoded *out, const AVPacket *packet) {
  struct encoded_packet *p;
  out->packets = resize(out->packets, (out->count + 1) * sizeof *out->packets);
  p = &out->packets[out->count++];
  p->size = (size_t)packet->size;
  p->data = resize(NULL, p->size);
  memcpy(p->data, packet->data, p->size);
  p->pts = packet->pts;
  p->key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
}

static void take_packets(struct encoded *out, AVCodecContext *c,
                         AVPacket *packet) {
  while (avcodec_receive_packet(c, packet) >= 0) {
    add_packet(out, packet);
    av_packet_unref(packet);
  }
}

static void run_encoder(struct encoded *out, AVCodecContext *c,
                        const struct encode_options *o) {
  AVPacket *packet = av_packet_alloc();
  require(packet != NULL, "out of memory");
  for (int i = 0; i < o->frames; i++) {
    AVFrame *frame = av_frame_alloc();
    require(frame != NULL, "out of memory");
    frame->width = o->width;
    frame->height = o->height;
    frame->format = c->pix_fmt;
    frame->color_range = c->color_range;
    frame->colorspace = c->colorspace;
    frame->pts = i;
    require(av_frame_get_buffer(frame, 0) >= 0, "out of memory");
    draw(frame, i, o->pattern);
    require(avcodec_send_frame(c, frame) >= 0, "the encoder refuses");
    av_frame_free(&frame);
    take_packets(out, c, packet);
  }
  require(avcodec_send_frame(c, NULL) >= 0, "the encoder refuses the end");
  take_packets(out, c, packet);
  av_packet_free(&packet);
}

int encode_available(const char *encoder) {
  return avcodec_find_encoder_by_name(encoder) != NULL;
}

void encode(struct encoded *out, const struct encode_options *options) {
  AVCodecContext *c = open_encoder(options);
  memset(out, 0, sizeof *out);
  out->id = c->codec_id;
  out->codec_id = matroska_name(c->codec_id);
  out->width = options->width;
  out->height = options->height;
  if (c->extradata_size > 0 && !options->in_band) {
    append(&out->extradata, &out->extradata_size, c->extradata,
           (size_t)c->extradata_size);
  }
  run_encoder(out, c, options);
  avcodec_free_context(&c);
  if (options->no_vui) strip_extradata(out);
  if (options->lengths) to_lengths(out);
}

void encoded_free(struct encoded *e) {
  for (size_t i = 0; i < e->count; i++) free(e->packets[i].data);
  free(e->packets);
  free(e->extradata);
  memset(e, 0, sizeof *e);
}
