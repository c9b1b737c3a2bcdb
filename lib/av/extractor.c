/*
 * extractor.c - frames of one track to an elementary stream.  Knows what does
 * which change, and when to start it anew; the changes to the bytes are
 * nal.h's, adts.h's, sound.h's, and those of libavcodec's filters (parameter
 * sets, MJPEG).
 */
#include <kvsparse/extractor.h>
#include <libavcodec/bsf.h>
#include <stdio.h>
#include <string.h>

#include "adts.h"
#include "av_memory.h"
#include "codec.h"
#include "nal.h"
#include "sound.h"

/* nal_unit_type of a sequence parameter set, an access unit delimiter. */
enum { AVC_SPS = 7, AVC_AUD = 9, HEVC_SPS = 33, HEVC_AUD = 35 };

struct kvsp_extractor {
  kvsp_allocator allocator;
  uint32_t format;
  uint64_t track_number;
  kvsp_buf *codec_id;      /* of the track, to see when they change; together */
  kvsp_buf *codec_private; /* in force: what codec and nal point into       */
  kvsp_buf *declared;      /* as the track says; a CodecState replaces it   */
  uint64_t fragment;       /* ... until this one ends                       */
  struct codec codec;
  struct nal_config nal;
  AVBSFContext *add_sets;   /* dump_extra; NULL: there are none          */
  AVBSFContext *add_tables; /* mjpeg2jpeg                               */
  struct adts adts;
  const char *adts_fault; /* why no header can be made; NULL: it can         */
  struct sound *sound;
  AVPacket *packet;
  kvsp_extract_callback callback; /* during a send                          */
  void *user;
  int sending;
  int ended;
  int lost; /* there was no memory                                         */
  const char *message;
  char message_text[AV_ERROR_MAX_STRING_SIZE + 32];
};

static int fail_with(kvsp_extractor *e, int status, const char *message) {
  e->message = message;
  if (status == KVSP_ERR_NOMEM) e->lost = 1;
  return status;
}

static int fail_codec(kvsp_extractor *e, int error) {
  char text[AV_ERROR_MAX_STRING_SIZE];
  if (error == AVERROR(ENOMEM))
    return fail_with(e, KVSP_ERR_NOMEM, "out of memory");
  if (av_strerror(error, text, sizeof text) < 0) text[0] = '\0';
  snprintf(e->message_text, sizeof e->message_text, "libavcodec: %s", text);
  return fail_with(e, KVSP_ERR_CODEC, e->message_text);
}

/* Filters. */

static int set_extradata(AVCodecParameters *par, size_t size) {
  if (size > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE) return AVERROR(EINVAL);
  par->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
  if (!par->extradata) return AVERROR(ENOMEM);
  par->extradata_size = (int)size;
  return 0;
}

static int alloc_filter(AVBSFContext **out, const char *name,
                        enum AVCodecID id) {
  const AVBitStreamFilter *filter = av_bsf_get_by_name(name);
  int rc;
  if (!filter) return AVERROR_BSF_NOT_FOUND;
  rc = av_bsf_alloc(filter, out);
  if (rc < 0) return rc;
  (*out)->par_in->codec_id = id;
  (*out)->time_base_in = (AVRational){1, 1000000000};
  return 0;
}

static int set_start_codes(const kvsp_extractor *e, AVCodecParameters *par) {
  size_t size = kvsp_av_nal_extradata(&e->nal, NAL_START_CODES, NULL);
  int rc = set_extradata(par, size);
  if (rc < 0) return rc;
  kvsp_av_nal_extradata(&e->nal, NAL_START_CODES, par->extradata);
  return 0;
}

static int is_type(const kvsp_extractor *e, unsigned first_byte, unsigned avc,
                   unsigned hevc) {
  return e->codec.nal == NAL_CODEC_AVC ? (first_byte & 31u) == avc
                                       : (first_byte >> 1 & 63u) == hevc;
}

/* Puts the sets of CodecPrivate before each packet that is flagged as key. */
static int open_add_sets(kvsp_extractor *e) {
  int rc;
  if (e->nal.framing == NAL_UNKNOWN || e->nal.set_count == 0) return 0;
  rc = alloc_filter(&e->add_sets, "dump_extra", e->codec.id);
  if (rc >= 0) rc = set_start_codes(e, e->add_sets->par_in);
  if (rc >= 0) rc = av_bsf_init(e->add_sets);
  if (rc < 0) av_bsf_free(&e->add_sets);
  return rc;
}

static int open_add_tables(kvsp_extractor *e) {
  int rc = alloc_filter(&e->add_tables, "mjpeg2jpeg", e->codec.id);
  if (rc >= 0) rc = av_bsf_init(e->add_tables);
  if (rc < 0) av_bsf_free(&e->add_tables);
  return rc;
}

/* Takes e->packet, gives it back changed.  One in, one out. */
static int filter_packet(kvsp_extractor *e, AVBSFContext *filter) {
  int rc = av_bsf_send_packet(filter, e->packet);
  if (rc >= 0) rc = av_bsf_receive_packet(filter, e->packet);
  if (rc >= 0) return KVSP_OK;
  /* Nothing in it that is worth having: such as a frame without NAL units. */
  av_packet_unref(e->packet);
  av_bsf_flush(filter);
  return fail_codec(e, rc == AVERROR(EAGAIN) ? AVERROR_INVALIDDATA : rc);
}

/* Opening and closing. */

static void close_codec(kvsp_extractor *e) {
  av_bsf_free(&e->add_sets);
  av_bsf_free(&e->add_tables);
  kvsp_av_sound_free(e->sound);
  e->sound = NULL;
  kvsp_buf_unref(e->codec_id);
  kvsp_buf_unref(e->codec_private);
  kvsp_buf_unref(e->declared);
  e->codec_id = NULL;
  e->codec_private = NULL;
  e->declared = NULL;
}

/* What the track really is, where its CodecID lies (kvsp_track). */
static kvsp_track true_track(const kvsp_track *track) {
  kvsp_track truth = *track;
  if (!track->audio_codec_id.data) return truth;
  truth.codec_id = track->audio_codec_id;
  truth.bit_depth = track->audio_bit_depth;
  return truth;
}

static int holds(const kvsp_extractor *e, const struct codec *codec) {
  switch (e->format) {
    case KVSP_EXTRACT_ANNEXB: return codec->nal != NAL_CODEC_NONE;
    case KVSP_EXTRACT_ADTS: return codec->id == AV_CODEC_ID_AAC;
    case KVSP_EXTRACT_JPEG: return codec->id == AV_CODEC_ID_MJPEG;
    default:
      return codec->decoder && codec->decoder->type == AVMEDIA_TYPE_AUDIO;
  }
}

static int open_format(kvsp_extractor *e, const kvsp_track *track) {
  int rc = 0;
  switch (e->format) {
    case KVSP_EXTRACT_ANNEXB:
      kvsp_av_nal_config(&e->nal, e->codec.nal, e->codec.extradata);
      rc = open_add_sets(e);
      break;
    case KVSP_EXTRACT_ADTS:
      /* Frames that have their header already need none. */
      e->adts_fault = kvsp_av_adts_config(&e->adts, e->codec.extradata);
      break;
    case KVSP_EXTRACT_PCM:
      rc = kvsp_av_sound_new(&e->sound, &e->codec, track);
      break;
    default: break;
  }
  return rc < 0 ? fail_codec(e, rc) : KVSP_OK;
}

/* With that CodecPrivate, whatever the track says. */
static int open_codec(kvsp_extractor *e, const kvsp_track *track,
                      kvsp_view codec_private) {
  const kvsp_allocator *a = &e->allocator;
  kvsp_track truth = true_track(track);
  if (kvsp_buf_copy(&e->codec_id, truth.codec_id, a) != KVSP_OK ||
      kvsp_buf_copy(&e->declared, truth.codec_private, a) != KVSP_OK ||
      kvsp_buf_copy(&e->codec_private, codec_private, a) != KVSP_OK)
    return fail_with(e, KVSP_ERR_NOMEM, "out of memory");
  if (e->format == KVSP_EXTRACT_RAW) return KVSP_OK;
  /* From here on codec.extradata is ours. */
  truth.codec_private = kvsp_buf_view(e->codec_private);
  if (!kvsp_av_codec_find(&e->codec, &truth) || !holds(e, &e->codec))
    return fail_with(e, KVSP_ERR_UNSUPPORTED,
                     "this format cannot hold the track's codec");
  return open_format(e, &truth);
}

static int check_config(kvsp_allocator *allocator, uint32_t *format,
                        const kvsp_extractor_config *config) {
  *format = KVSP_EXTRACT_RAW;
  if (!config) return kvsp_av_allocator_init(allocator, NULL);
  if (config->struct_size != sizeof *config) return KVSP_ERR_ARG;
  if (config->format > KVSP_EXTRACT_PCM || config->reserved != 0)
    return KVSP_ERR_ARG;
  *format = config->format;
  return kvsp_av_allocator_init(allocator, config->allocator);
}

int kvsp_extractor_new(kvsp_extractor **out, const kvsp_track *track,
                       const kvsp_extractor_config *config) {
  kvsp_allocator allocator;
  kvsp_extractor *e;
  uint32_t format;
  int rc;
  if (!out) return KVSP_ERR_ARG;
  *out = NULL;
  if (!track) return KVSP_ERR_ARG;
  rc = check_config(&allocator, &format, config);
  if (rc != KVSP_OK) return rc;
  if (!kvsp_extractor_available(format)) return KVSP_ERR_UNSUPPORTED;
  e = kvsp_av_alloc(&allocator, sizeof *e);
  if (!e) return KVSP_ERR_NOMEM;
  e->allocator = allocator;
  e->format = format;
  e->track_number = track->number;
  e->message = "";
  e->packet = av_packet_alloc();
  rc = e->packet ? open_codec(e, track, track->codec_private) : KVSP_ERR_NOMEM;
  if (rc != KVSP_OK) {
    kvsp_extractor_free(e);
    return rc;
  }
  *out = e;
  return KVSP_OK;
}

void kvsp_extractor_free(kvsp_extractor *e) {
  kvsp_allocator allocator;
  if (!e || e->sending) return;
  allocator = e->allocator;
  close_codec(e);
  av_packet_free(&e->packet);
  kvsp_av_release(&allocator, e, sizeof *e);
}

/* Sending. */

static int deliver(kvsp_extractor *e, const kvsp_extract *extract) {
  int rc;
  if (extract->data.len == 0) return KVSP_OK;
  e->sending = 1;
  rc = e->callback(e->user, extract);
  e->sending = 0;
  return rc;
}

static int deliver_packet(kvsp_extractor *e, const kvsp_frame *frame) {
  kvsp_extract extract;
  int rc;
  memset(&extract, 0, sizeof extract);
  extract.data.data = e->packet->data;
  extract.data.len = (size_t)e->packet->size;
  extract.pts_ns = frame->pts_ns;
  extract.flags = frame->flags & KVSP_FRAME_KEY;
  rc = deliver(e, &extract);
  av_packet_unref(e->packet);
  return rc;
}

static int deliver_raw(kvsp_extractor *e, const kvsp_frame *frame) {
  kvsp_extract extract;
  memset(&extract, 0, sizeof extract);
  extract.data = frame->data;
  extract.pts_ns = frame->pts_ns;
  extract.flags = frame->flags & KVSP_FRAME_KEY;
  return deliver(e, &extract);
}

/* An empty packet of that size. */
static int new_packet(kvsp_extractor *e, const kvsp_frame *frame, size_t size) {
  int rc;
  if (size > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE)
    return fail_with(e, KVSP_ERR_CODEC, "the frame is too large");
  rc = av_new_packet(e->packet, (int)size);
  if (rc < 0) return fail_codec(e, rc);
  e->packet->pts =
      frame->pts_ns == KVSP_TIME_NONE ? AV_NOPTS_VALUE : frame->pts_ns;
  if (frame->flags & KVSP_FRAME_KEY) e->packet->flags |= AV_PKT_FLAG_KEY;
  return KVSP_OK;
}

/* The frame's bytes, with room in front of them. */
static int fill_packet(kvsp_extractor *e, const kvsp_frame *frame,
                       size_t room) {
  int rc = new_packet(e, frame, frame->data.len + room);
  if (rc == KVSP_OK)
    memcpy(e->packet->data + room, frame->data.data, frame->data.len);
  return rc;
}

/* 1 when the units bring a sequence parameter set of their own: one from
 * CodecPrivate before it might be another one. */
static int has_sets(const kvsp_extractor *e, const struct nal_config *units) {
  for (size_t i = 0; i < units->set_count; i++)
    if (is_type(e, units->sets[i].data[0], AVC_SPS, HEVC_SPS)) return 1;
  return 0;
}

/* An access unit delimiter has to be the first of all: it goes ahead. */
static int deliver_delimiter(kvsp_extractor *e, const kvsp_frame *frame,
                             const struct nal_config *units) {
  kvsp_extract extract;
  if (!is_type(e, units->sets[0].data[0], AVC_AUD, HEVC_AUD)) return KVSP_OK;
  memset(&extract, 0, sizeof extract);
  extract.data.data = e->packet->data;
  extract.data.len =
      (size_t)(units->sets[0].data - e->packet->data) + units->sets[0].len;
  extract.pts_ns = frame->pts_ns;
  extract.flags = KVSP_FRAME_KEY;
  e->packet->data += extract.data.len;
  e->packet->size -= (int)extract.data.len;
  return deliver(e, &extract);
}

/* The packet of a key frame, which has start codes. */
static int put_sets(kvsp_extractor *e, const kvsp_frame *frame) {
  kvsp_view data = {e->packet->data, (size_t)e->packet->size};
  struct nal_config units;
  int rc;
  kvsp_av_nal_config(&units, e->codec.nal, data);
  if (units.framing != NAL_START_CODES || has_sets(e, &units)) return KVSP_OK;
  rc = deliver_delimiter(e, frame, &units);
  if (rc == KVSP_OK && e->packet->size > 0)
    return filter_packet(e, e->add_sets);
  av_packet_unref(e->packet);
  return rc;
}

/* Lengths become start codes here: libavcodec's filters for that print when
 * there are no parameter sets, which are none of their business. */
static int fill_with_start_codes(kvsp_extractor *e, const kvsp_frame *frame) {
  unsigned length_size = e->nal.length_size;
  size_t size = kvsp_av_nal_start_codes(frame->data, length_size, NULL);
  int rc = new_packet(e, frame, size);
  if (rc == KVSP_OK)
    kvsp_av_nal_start_codes(frame->data, length_size, e->packet->data);
  return rc;
}

static int send_annexb(kvsp_extractor *e, const kvsp_frame *frame) {
  enum nal_framing framing =
      kvsp_av_nal_framing(frame->data, e->nal.length_size);
  int rc;
  if (framing == NAL_UNKNOWN)
    return fail_with(e, KVSP_ERR_CODEC,
                     "the frame is not made of whole NAL units");
  rc = framing == NAL_LENGTHS ? fill_with_start_codes(e, frame)
                              : fill_packet(e, frame, 0);
  if (rc != KVSP_OK) return rc;
  if (e->add_sets && frame->flags & KVSP_FRAME_KEY) {
    rc = put_sets(e, frame);
    if (rc != KVSP_OK) return rc;
  }
  return deliver_packet(e, frame);
}

static int send_adts(kvsp_extractor *e, const kvsp_frame *frame) {
  int rc;
  if (kvsp_av_adts_is_framed(frame->data)) return deliver_raw(e, frame);
  if (e->adts_fault) return fail_with(e, KVSP_ERR_CODEC, e->adts_fault);
  if (frame->data.len > ADTS_FRAME_MAX - ADTS_HEADER_SIZE)
    return fail_with(e, KVSP_ERR_CODEC, "the frame is too large for ADTS");
  rc = fill_packet(e, frame, ADTS_HEADER_SIZE);
  if (rc != KVSP_OK) return rc;
  kvsp_av_adts_header(e->packet->data, &e->adts, frame->data.len);
  return deliver_packet(e, frame);
}

/* Those of AVI say so, and leave out their Huffman tables. */
static int lacks_tables(kvsp_view frame) {
  return frame.len > 10 && frame.data[0] == 0xFF && frame.data[1] == 0xD8 &&
         memcmp(frame.data + 6, "AVI1", 4) == 0;
}

/* Shorter than its first segment says: the filter would print that. */
static int is_cut_off(kvsp_view frame) {
  size_t segment = (size_t)frame.data[4] << 8 | frame.data[5];
  return frame.len < 12 || frame.len < 4 + segment;
}

static int send_jpeg(kvsp_extractor *e, const kvsp_frame *frame) {
  int rc;
  if (!lacks_tables(frame->data)) return deliver_raw(e, frame);
  if (is_cut_off(frame->data))
    return fail_with(e, KVSP_ERR_CODEC, "the frame is cut off");
  if (!e->add_tables) {
    rc = open_add_tables(e);
    if (rc < 0) return fail_codec(e, rc);
  }
  rc = fill_packet(e, frame, 0);
  if (rc == KVSP_OK) rc = filter_packet(e, e->add_tables);
  if (rc != KVSP_OK) return rc;
  return deliver_packet(e, frame);
}

static int receive_sound(kvsp_extractor *e) {
  struct sound_piece piece;
  int got = kvsp_av_sound_receive(e->sound, &piece);
  for (; got > 0; got = kvsp_av_sound_receive(e->sound, &piece)) {
    kvsp_extract extract;
    int rc;
    memset(&extract, 0, sizeof extract);
    extract.data.data = piece.samples;
    extract.data.len = piece.size;
    extract.pts_ns = piece.pts == AV_NOPTS_VALUE ? KVSP_TIME_NONE : piece.pts;
    extract.flags = KVSP_FRAME_KEY;
    extract.sample_rate = piece.sample_rate;
    extract.channels = piece.channels;
    rc = deliver(e, &extract);
    if (rc != 0) return rc;
  }
  return got < 0 ? fail_codec(e, got) : KVSP_OK;
}

static int send_sound(kvsp_extractor *e, const kvsp_frame *frame) {
  int rc = fill_packet(e, frame, 0);
  if (rc != KVSP_OK) return rc;
  rc = kvsp_av_sound_send(e->sound, e->packet);
  av_packet_unref(e->packet);
  if (rc < 0) return fail_codec(e, rc);
  return receive_sound(e);
}

static int send_frame(kvsp_extractor *e, const kvsp_frame *frame) {
  switch (e->format) {
    case KVSP_EXTRACT_ANNEXB: return send_annexb(e, frame);
    case KVSP_EXTRACT_ADTS: return send_adts(e, frame);
    case KVSP_EXTRACT_JPEG: return send_jpeg(e, frame);
    case KVSP_EXTRACT_PCM: return send_sound(e, frame);
    default: return deliver_raw(e, frame);
  }
}

static int drain(kvsp_extractor *e) {
  int rc;
  if (!e->sound) return KVSP_OK;
  rc = kvsp_av_sound_send(e->sound, NULL);
  if (rc < 0) return fail_codec(e, rc);
  return receive_sound(e);
}

static int same_bytes(const kvsp_buf *held, kvsp_view v) {
  kvsp_view h = kvsp_buf_view(held);
  return h.len == v.len && (v.len == 0 || memcmp(h.data, v.data, v.len) == 0);
}

/* The CodecPrivate in force from this frame on. */
static kvsp_view private_of(const kvsp_extractor *e, const kvsp_frame *frame) {
  kvsp_view declared = frame->track->codec_private;
  int goes_on = !frame->fragment || frame->fragment->index == e->fragment;
  if (frame->codec_state.data) return frame->codec_state;
  if (goes_on && same_bytes(e->declared, declared))
    return kvsp_buf_view(e->codec_private);
  return declared;
}

/* Another CodecPrivate: what was inside comes out, and it is opened anew. */
static int follow_track(kvsp_extractor *e, const kvsp_frame *frame) {
  kvsp_track truth = true_track(frame->track);
  kvsp_view codec_private;
  int rc;
  if (!e->codec_id || !e->codec_private)
    return fail_with(e, KVSP_ERR_UNSUPPORTED, "the track changed");
  if (!same_bytes(e->codec_id, truth.codec_id))
    return fail_with(e, KVSP_ERR_UNSUPPORTED, "the track's codec changed");
  codec_private = private_of(e, frame);
  if (frame->fragment) e->fragment = frame->fragment->index;
  if (same_bytes(e->codec_private, codec_private)) return KVSP_OK;
  rc = drain(e);
  if (rc != KVSP_OK && rc != KVSP_ERR_CODEC) return rc;
  close_codec(e);
  rc = open_codec(e, frame->track, codec_private);
  if (rc != KVSP_OK) close_codec(e);
  return rc;
}

int kvsp_extractor_send(kvsp_extractor *e, const kvsp_frame *frame,
                        kvsp_extract_callback callback, void *user) {
  int rc;
  if (!e || !callback) return KVSP_ERR_ARG;
  if (e->sending) return KVSP_ERR_REENTRANT;
  if (e->lost) return KVSP_ERR_NOMEM;
  if (e->ended) return KVSP_ERR_STATE;
  e->callback = callback;
  e->user = user;
  if (!frame) {
    e->ended = 1;
    return drain(e);
  }
  if (!frame->track || frame->track->number != e->track_number ||
      frame->flags & (KVSP_FRAME_ENCRYPTED | KVSP_FRAME_COMPRESSED))
    return KVSP_ERR_ARG;
  rc = follow_track(e, frame);
  if (rc != KVSP_OK || frame->data.len == 0) return rc;
  return send_frame(e, frame);
}

const char *kvsp_extractor_message(const kvsp_extractor *e) {
  return e ? e->message : "";
}

int kvsp_extractor_available(uint32_t format) {
  if (format == KVSP_EXTRACT_PCM) return kvsp_av_sound_available();
  return format <= KVSP_EXTRACT_PCM;
}
