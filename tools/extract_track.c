#include "extract_track.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef HAVE_FFMPEG
#include <kvsparse/extractor.h>
#endif

static bool view_is(kvsp_view v, const char *text) {
  return v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

/* What the track really is, where its CodecID lies. */
static kvsp_view true_id(const kvsp_track *track) {
  return track->audio_codec_id.data ? track->audio_codec_id : track->codec_id;
}

/* The FOURCC of V_MS/VFW/FOURCC is one of those, which are upper case. */
static bool fourcc_in(const kvsp_track *track, const char *list) {
  char name[5] = "";
  if (!view_is(track->codec_id, "V_MS/VFW/FOURCC") ||
      track->codec_private.len < 20)
    return false;
  for (int i = 0; i < 4; i++) {
    char c = (char)track->codec_private.data[16 + i];
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) return false;
    name[i] = c;
  }
  return strstr(list, name) != NULL;
}

static bool is_h265(const kvsp_track *track) {
  return view_is(track->codec_id, "V_MPEGH/ISO/HEVC") ||
         fourcc_in(track, "HEVC H265 X265 HVC1 HEV1");
}

static bool is_h264(const kvsp_track *track) {
  return view_is(track->codec_id, "V_MPEG4/ISO/AVC") ||
         fourcc_in(track, "H264 X264 AVC1 DAVC VSSH");
}

enum extract_format extract_track_format(const kvsp_track *track,
                                         enum extract_format wanted) {
  if (wanted == EXTRACT_WAV && !wav_holds(track)) return EXTRACT_PCM;
  if (wanted != EXTRACT_AUTO) return wanted;
  if (wav_holds(track)) return EXTRACT_WAV;
  if (is_h264(track) || is_h265(track)) return EXTRACT_ANNEXB;
  if (view_is(true_id(track), "A_AAC")) return EXTRACT_ADTS;
  if (view_is(track->codec_id, "V_MJPEG") || fourcc_in(track, "MJPG JPEG"))
    return EXTRACT_JPEG;
  return EXTRACT_RAW;
}

const char *extract_track_extension(const kvsp_track *track,
                                    enum extract_format format) {
  switch (format) {
    case EXTRACT_ANNEXB: return is_h265(track) ? "h265" : "h264";
    case EXTRACT_ADTS: return "aac";
    case EXTRACT_JPEG: return "jpg";
    case EXTRACT_WAV:
    case EXTRACT_PCM: return "wav";
    default: return "bin";
  }
}

/* Opening. */

static int fail(struct extract_track *t, const char *reason) {
  snprintf(t->reason, sizeof t->reason, "%s", reason);
  return -1;
}

#ifdef HAVE_FFMPEG
static uint32_t library_format(enum extract_format format) {
  switch (format) {
    case EXTRACT_ANNEXB: return KVSP_EXTRACT_ANNEXB;
    case EXTRACT_ADTS: return KVSP_EXTRACT_ADTS;
    case EXTRACT_JPEG: return KVSP_EXTRACT_JPEG;
    case EXTRACT_PCM: return KVSP_EXTRACT_PCM;
    default: return KVSP_EXTRACT_RAW;
  }
}

static int open_extractor(struct extract_track *t, const kvsp_track *track) {
  kvsp_extractor_config config;
  int rc;
  memset(&config, 0, sizeof config);
  config.struct_size = sizeof config;
  config.format = library_format(t->format);
  if (!kvsp_extractor_available(config.format))
    return fail(t,
                "this build cannot decode sound: it was made without "
                "libswresample (Debian: libswresample-dev)");
  rc = kvsp_extractor_new(&t->extractor, track, &config);
  if (rc == KVSP_OK) return 0;
  if (rc == KVSP_ERR_UNSUPPORTED)
    return fail(t, "the format cannot hold the track's codec");
  return fail(t, kvsp_status_text(rc));
}
#else
static int open_extractor(struct extract_track *t, const kvsp_track *track) {
  (void)track;
  if (t->format == EXTRACT_RAW || t->format == EXTRACT_JPEG) return 0;
  return fail(t,
              "this build cannot do it: it was made without FFmpeg (Debian: "
              "libavcodec-dev, libavutil-dev, libswscale-dev)");
}
#endif

static void keep_codec_id(char out[64], kvsp_view id) {
  size_t length = id.len < 63 ? id.len : 63;
  if (length > 0) memcpy(out, id.data, length);
  out[length] = '\0';
}

bool extract_track_fits(const struct extract_track *t, const kvsp_track *track,
                        enum extract_format wanted) {
  struct wav_format wav;
  char id[64];
  keep_codec_id(id, true_id(track));
  if (!t->open || strcmp(id, t->codec_id) != 0) return false;
  if (extract_track_format(track, wanted) != t->format) return false;
  if (t->format != EXTRACT_WAV) return true;
  return !wav_format_of(&wav, track) && wav_same_format(&wav, &t->wav);
}

int extract_track_open(struct extract_track *t, const kvsp_track *track,
                       enum extract_format wanted) {
  const char *fault;
  char reason[128];
  t->format = extract_track_format(track, wanted);
  keep_codec_id(t->codec_id, true_id(track));
  if (t->format != EXTRACT_WAV) {
    if (open_extractor(t, track) != 0) return -1;
    t->open = true;
    return 0;
  }
  fault = wav_format_of(&t->wav, track);
  if (fault) {
    snprintf(reason, sizeof reason, "the track %s", fault);
    return fail(t, reason);
  }
  t->open = true;
  return 0;
}

/* Sending. */

void extract_track_refuse(struct extract_track *t, const char *reason) {
  if (t->refused++ == 0) fail(t, reason);
}

static int refuse(struct extract_track *t, const char *reason) {
  extract_track_refuse(t, reason);
  return 0;
}

/* Big-endian samples of the track, little-endian ones of the file. */
static int take_turned(struct extract_track *t, kvsp_view data) {
  size_t sample = t->wav.bits / 8;
  kvsp_view turned = {NULL, data.len / sample * sample};
  if (turned.len > t->turned_capacity) {
    uint8_t *grown = realloc(t->turned, turned.len);
    if (!grown) return refuse(t, "out of memory");
    t->turned = grown;
    t->turned_capacity = turned.len;
  }
  for (size_t i = 0; i < turned.len; i++)
    t->turned[i] = data.data[i / sample * sample + sample - 1 - i % sample];
  turned.data = t->turned;
  return t->take(t->user, turned, t->pts_ns);
}

static int take_plain(struct extract_track *t, const kvsp_frame *frame) {
  t->pts_ns = frame->pts_ns;
  t->frames++;
  if (t->format == EXTRACT_WAV && t->wav.big_endian)
    return take_turned(t, frame->data);
  return t->take(t->user, frame->data, frame->pts_ns);
}

#ifdef HAVE_FFMPEG
static int on_extract(void *user, const kvsp_extract *extract) {
  struct extract_track *t = user;
  if (t->format == EXTRACT_PCM) {
    memset(&t->wav, 0, sizeof t->wav);
    t->wav.tag = WAV_PCM;
    t->wav.rate = extract->sample_rate;
    t->wav.channels = extract->channels;
    t->wav.bits = 16;
  }
  if (t->take(t->user, extract->data, extract->pts_ns) != 0)
    return KVSP_ERR_USER;
  return 0;
}

static int send(struct extract_track *t, const kvsp_frame *frame) {
  int rc = kvsp_extractor_send(t->extractor, frame, on_extract, t);
  if (rc == KVSP_ERR_USER) return -1;
  if (rc != KVSP_OK) return refuse(t, kvsp_extractor_message(t->extractor));
  if (frame) t->frames++;
  return 0;
}
#endif

int extract_track_send(struct extract_track *t, const kvsp_frame *frame) {
  if (frame->flags & KVSP_FRAME_ENCRYPTED)
    return refuse(t, "the track is encrypted");
  if (frame->flags & KVSP_FRAME_COMPRESSED)
    return refuse(t, "the track is compressed in a way that is not undone");
#ifdef HAVE_FFMPEG
  if (t->extractor) return send(t, frame);
#endif
  return take_plain(t, frame);
}

int extract_track_close(struct extract_track *t) {
  int rc = 0;
#ifdef HAVE_FFMPEG
  if (t->extractor) rc = send(t, NULL);
  kvsp_extractor_free(t->extractor);
  t->extractor = NULL;
#endif
  t->open = false;
  return rc;
}

void extract_track_free(struct extract_track *t) {
#ifdef HAVE_FFMPEG
  kvsp_extractor_free(t->extractor);
  t->extractor = NULL;
#endif
  free(t->turned);
  t->turned = NULL;
}
