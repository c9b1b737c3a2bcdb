#include "kvs_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <kvsparse/ebml.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes each writer uses for the size of its elements. */
#define SDK_TAG_SIZE 8u
#define SERVICE_TAG_SIZE 4u
/* The SDK pads these strings with NULs to a fixed length. */
#define SDK_STRING_SIZE 32u

static const char sdk_name[] = "Kinesis Video SDK";

/* Room for size bytes more; NULL when there is none, which sticks. */
static uint8_t *grow(struct kvs_writer *w, size_t size) {
  if (w->out_of_memory) return NULL;
  if (w->capacity - w->size < size) {
    size_t capacity = 2 * w->capacity + size + 1024;
    uint8_t *buffer = realloc(w->buffer, capacity);
    if (!buffer) {
      w->out_of_memory = true;
      return NULL;
    }
    w->buffer = buffer;
    w->capacity = capacity;
  }
  w->size += size;
  return w->buffer + w->size - size;
}

static void put_bytes(struct kvs_writer *w, const void *data, size_t size) {
  uint8_t *out = grow(w, size);
  if (out && size > 0) memcpy(out, data, size);
}

static void put_zeros(struct kvs_writer *w, size_t size) {
  uint8_t *out = grow(w, size);
  if (out) memset(out, 0, size);
}

static void put_number(struct kvs_writer *w, uint64_t value, unsigned bytes) {
  uint8_t *out = grow(w, bytes);
  for (unsigned i = 0; out && i < bytes; i++)
    out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static void put_header(struct kvs_writer *w, uint64_t id, uint64_t size,
                       unsigned size_length) {
  uint8_t header[12];
  size_t n = kvsp_ebml_write_id(header, sizeof header, id);
  n += kvsp_ebml_write_size(header + n, sizeof header - n, size, size_length);
  put_bytes(w, header, n);
}

static void put_uint(struct kvs_writer *w, uint64_t id, uint64_t value) {
  uint8_t element[16];
  put_bytes(w, element,
            kvsp_ebml_write_uint(element, sizeof element, id, value));
}

/* As the SDK writes those that it fills in later. */
static void put_uint64(struct kvs_writer *w, uint64_t id, uint64_t value) {
  put_header(w, id, 8, 1);
  put_number(w, value, 8);
}

static void put_float(struct kvs_writer *w, uint64_t id, double value) {
  uint8_t element[16];
  put_bytes(w, element,
            kvsp_ebml_write_float(element, sizeof element, id, value));
}

static void put_binary(struct kvs_writer *w, uint64_t id, const void *data,
                       size_t size, unsigned size_length) {
  put_header(w, id, size, size_length);
  put_bytes(w, data, size);
}

/* With the NUL at its end, as the SDK does. */
static void put_string(struct kvs_writer *w, uint64_t id, const char *text) {
  put_binary(w, id, text, strlen(text) + 1, 0);
}

static void put_padded_string(struct kvs_writer *w, uint64_t id,
                              const char *text) {
  size_t length = strlen(text);
  if (length >= SDK_STRING_SIZE) length = SDK_STRING_SIZE - 1;
  put_header(w, id, SDK_STRING_SIZE, 0);
  put_bytes(w, text, length);
  put_zeros(w, SDK_STRING_SIZE - length);
}

/* Begins a master whose size is told later: returns what end_master needs. */
static size_t begin_master(struct kvs_writer *w, uint64_t id,
                           unsigned size_length) {
  put_header(w, id, 0, size_length);
  return w->size;
}

static void end_master(struct kvs_writer *w, size_t begin,
                       unsigned size_length) {
  if (w->out_of_memory) return;
  kvsp_ebml_write_size(w->buffer + begin - size_length, size_length,
                       w->size - begin, size_length);
}

static void put_ebml_header(struct kvs_writer *w) {
  size_t ebml = begin_master(w, KVSP_ID_EBML, 1);
  put_uint(w, KVSP_ID_EBML_VERSION, 1);
  put_uint(w, KVSP_ID_EBML_READ_VERSION, 1);
  put_uint(w, KVSP_ID_EBML_MAX_ID_LENGTH, 4);
  put_uint(w, KVSP_ID_EBML_MAX_SIZE_LENGTH, 8);
  put_string(w, KVSP_ID_DOC_TYPE, "matroska");
  put_uint(w, KVSP_ID_DOC_TYPE_VERSION, 2);
  put_uint(w, KVSP_ID_DOC_TYPE_READ_VERSION, 2);
  end_master(w, ebml, 1);
}

static void put_info(struct kvs_writer *w) {
  size_t info = begin_master(w, KVSP_ID_INFO, 1);
  put_binary(w, KVSP_ID_SEGMENT_UUID, w->segment_uid, sizeof w->segment_uid, 0);
  put_uint64(w, KVSP_ID_TIMESTAMP_SCALE, 1000000);
  put_string(w, KVSP_ID_TITLE, sdk_name);
  put_string(w, KVSP_ID_MUXING_APP, sdk_name);
  put_string(w, KVSP_ID_WRITING_APP, sdk_name);
  end_master(w, info, 1);
}

static void put_video(struct kvs_writer *w, const struct kvs_track *track) {
  size_t video = begin_master(w, KVSP_ID_VIDEO, 4);
  put_uint(w, KVSP_ID_PIXEL_WIDTH, track->width);
  put_uint(w, KVSP_ID_PIXEL_HEIGHT, track->height);
  end_master(w, video, 4);
}

static void put_audio(struct kvs_writer *w, const struct kvs_track *track) {
  size_t audio = begin_master(w, KVSP_ID_AUDIO, 4);
  put_float(w, KVSP_ID_SAMPLING_FREQUENCY, track->sample_rate);
  put_uint(w, KVSP_ID_CHANNELS, track->channels);
  if (track->bit_depth > 0) put_uint(w, KVSP_ID_BIT_DEPTH, track->bit_depth);
  end_master(w, audio, 4);
}

static void put_track(struct kvs_writer *w, const struct kvs_track *track) {
  size_t entry = begin_master(w, KVSP_ID_TRACK_ENTRY, 4);
  put_uint(w, KVSP_ID_TRACK_NUMBER, track->number);
  put_uint64(w, KVSP_ID_TRACK_UID, track->uid);
  put_uint(w, KVSP_ID_TRACK_TYPE, track->type);
  put_padded_string(w, KVSP_ID_NAME, track->name);
  put_padded_string(w, KVSP_ID_CODEC_ID, track->codec_id);
  if (track->default_duration_ns > 0)
    put_uint64(w, KVSP_ID_DEFAULT_DURATION, track->default_duration_ns);
  if (track->type == KVSP_TRACK_VIDEO) put_video(w, track);
  if (track->type == KVSP_TRACK_AUDIO) put_audio(w, track);
  if (track->codec_private.len > 0)
    put_binary(w, KVSP_ID_CODEC_PRIVATE, track->codec_private.data,
               track->codec_private.len, 0);
  end_master(w, entry, 4);
}

static void put_tracks(struct kvs_writer *w) {
  size_t tracks = begin_master(w, KVSP_ID_TRACKS, 4);
  for (size_t i = 0; i < w->track_count; i++) put_track(w, &w->tracks[i]);
  end_master(w, tracks, 4);
}

static void put_simple_tag(struct kvs_writer *w, const char *name,
                           const char *value, unsigned size_length) {
  size_t tag = begin_master(w, KVSP_ID_SIMPLE_TAG, size_length);
  put_binary(w, KVSP_ID_TAG_NAME, name, strlen(name), size_length);
  put_binary(w, KVSP_ID_TAG_STRING, value, strlen(value), size_length);
  end_master(w, tag, size_length);
}

/* The SDK gives each tag a Tags element of its own. */
static void put_producer_tags(struct kvs_writer *w) {
  for (size_t i = 0; i < w->tag_count; i++) {
    size_t tags = begin_master(w, KVSP_ID_TAGS, SDK_TAG_SIZE);
    size_t tag = begin_master(w, KVSP_ID_TAG, SDK_TAG_SIZE);
    put_simple_tag(w, w->tags[i].name, w->tags[i].value, SDK_TAG_SIZE);
    end_master(w, tag, SDK_TAG_SIZE);
    end_master(w, tags, SDK_TAG_SIZE);
  }
}

/* The service puts its own into one Tag. */
static void put_service_tags(struct kvs_writer *w, const struct kvs_tag *list,
                             size_t count) {
  size_t tags = begin_master(w, KVSP_ID_TAGS, SERVICE_TAG_SIZE);
  size_t tag = begin_master(w, KVSP_ID_TAG, SERVICE_TAG_SIZE);
  for (size_t i = 0; i < count; i++)
    put_simple_tag(w, list[i].name, list[i].value, SERVICE_TAG_SIZE);
  end_master(w, tag, SERVICE_TAG_SIZE);
  end_master(w, tags, SERVICE_TAG_SIZE);
}

static void put_head_tags(struct kvs_writer *w) {
  char server[32];
  char producer[32];
  const struct kvs_tag list[3] = {
      {"AWS_KINESISVIDEO_FRAGMENT_NUMBER", w->fragment.number},
      {"AWS_KINESISVIDEO_SERVER_TIMESTAMP", server},
      {"AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", producer}};
  snprintf(server, sizeof server, "%" PRId64 ".%03d",
           w->fragment.server_time_ms / 1000,
           (int)(w->fragment.server_time_ms % 1000));
  snprintf(producer, sizeof producer, "%" PRId64 ".%03d",
           w->fragment.producer_time_ms / 1000,
           (int)(w->fragment.producer_time_ms % 1000));
  put_service_tags(w, list, 3);
}

static void put_tail_tags(struct kvs_writer *w, int64_t millis_behind_now) {
  char millis[32];
  const struct kvs_tag list[2] = {
      {"AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", millis},
      {"AWS_KINESISVIDEO_CONTINUATION_TOKEN", w->fragment.number}};
  snprintf(millis, sizeof millis, "%" PRId64, millis_behind_now);
  put_service_tags(w, list, 2);
}

/* Sends what has gathered. */
static int send_out(struct kvs_writer *w) {
  size_t size = w->size;
  w->size = 0;
  if (w->out_of_memory) {
    errno = ENOMEM;
    return -1;
  }
  return fwrite(w->buffer, 1, size, w->out) == size ? 0 : -1;
}

int kvs_writer_begin(struct kvs_writer *writer,
                     const struct kvs_fragment *fragment) {
  writer->fragment = *fragment;
  put_ebml_header(writer);
  put_header(writer, KVSP_ID_SEGMENT, KVSP_SIZE_UNKNOWN, 8);
  /* A tag set before the first frame stands in front of everything; later
   * ones follow the Cluster during which they were set. */
  if (!writer->begun) put_producer_tags(writer);
  writer->begun = true;
  put_info(writer);
  put_tracks(writer);
  put_head_tags(writer);
  put_header(writer, KVSP_ID_CLUSTER, KVSP_SIZE_UNKNOWN, 1);
  put_uint64(writer, KVSP_ID_TIMESTAMP, (uint64_t)fragment->timestamp_ms);
  put_uint(writer, KVSP_ID_POSITION, 0);
  return send_out(writer);
}

int kvs_writer_frame(struct kvs_writer *writer, const struct kvs_frame *frame) {
  int64_t relative = frame->timestamp_ms - writer->fragment.timestamp_ms;
  uint8_t block[4];

  if (relative < INT16_MIN || relative > INT16_MAX) {
    errno = ERANGE;
    return -1;
  }
  block[0] = (uint8_t)(0x80 | frame->track_number);
  block[1] = (uint8_t)((uint64_t)relative >> 8);
  block[2] = (uint8_t)relative;
  block[3] = frame->key ? 0x80 : 0;
  put_header(writer, KVSP_ID_SIMPLE_BLOCK, sizeof block + frame->data.len, 8);
  put_bytes(writer, block, sizeof block);
  if (send_out(writer) != 0) return -1;
  if (fwrite(frame->data.data, 1, frame->data.len, writer->out) !=
      frame->data.len)
    return -1;
  return 0;
}

int kvs_writer_end(struct kvs_writer *writer, int64_t millis_behind_now) {
  put_producer_tags(writer);
  if (writer->tail) put_tail_tags(writer, millis_behind_now);
  return send_out(writer);
}

void kvs_writer_free(struct kvs_writer *writer) {
  free(writer->buffer);
  writer->buffer = NULL;
  writer->size = 0;
  writer->capacity = 0;
}
