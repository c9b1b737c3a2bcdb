#include <string.h>

#include "merger.h"
#include "vint.h"

/* What a document has whose own header or Info is lost: RFC 9559's defaults. */
static const uint8_t default_ebml[] = {
    0x42, 0x82, 0x88, 'm', 'a', 't',
    'r',  'o',  's',  'k', 'a', /* DocType        */
    0x42, 0x87, 0x81, 4,        /* DocTypeVersion */
    0x42, 0x85, 0x81, 2,        /* ...ReadVersion */
};
static const uint8_t default_info[] = {
    0x4D, 0x80, 0x8B, 'l', 'i', 'b', 'k',
    'v',  's',  'p',  'a', 'r', 's', 'e', /* MuxingApp  */
    0x57, 0x41, 0x8B, 'l', 'i', 'b', 'k',
    'v',  's',  'p',  'a', 'r', 's', 'e', /* WritingApp */
};

static int leave_callback(kvsp_merger *m, int rc) {
  m->busy = false;
  if (m->freed && rc == 0) rc = KVSP_ERR_REENTRANT;
  if (rc != 0) m->called_off = true;
  return rc;
}

int kvsp_merger_put_bytes(kvsp_merger *m, const void *data, size_t len) {
  const kvsp_merge_segment *begins =
      m->segment.announced ? NULL : &m->segment.shown;
  m->segment.announced = true;
  m->segment.bytes += len;
  m->stats.bytes += len;
  m->busy = true;
  return leave_callback(m, m->config.output(m->config.user, data, len, begins));
}

int kvsp_merger_tell_item(kvsp_merger *m) {
  if (!m->config.item || m->item_told) return KVSP_OK;
  m->item_told = true;
  m->busy = true;
  return leave_callback(m, m->config.item(m->config.user, m->item));
}

int kvsp_merger_put_header(kvsp_merger *m, uint64_t id, uint64_t size,
                           unsigned size_size) {
  uint8_t header[EBML_HEADER_MAX];
  size_t len = kvsp_ebml_write_id(header, sizeof header, id);
  len +=
      kvsp_ebml_write_size(header + len, sizeof header - len, size, size_size);
  return kvsp_merger_put_bytes(m, header, len);
}

int kvsp_merger_put_element(kvsp_merger *m, uint64_t id, kvsp_view payload) {
  int rc = kvsp_merger_put_header(m, id, payload.len, 0);
  if (rc != KVSP_OK || payload.len == 0) return rc;
  return kvsp_merger_put_bytes(m, payload.data, payload.len);
}

static kvsp_view view_or(kvsp_view v, const uint8_t *fallback, size_t len) {
  kvsp_view other = {fallback, len};
  return v.len ? v : other;
}

static kvsp_view view_of(const struct head_bytes *bytes) {
  kvsp_view v = {bytes->data, bytes->len};
  return v;
}

/* How long the stream will be is not known, and a pipe cannot be gone back in:
 * the Segment is of unknown size. */
int kvsp_merger_put_head(kvsp_merger *m) {
  int rc = kvsp_merger_put_element(
      m, KVSP_ID_EBML,
      view_or(view_of(&m->segment.ebml), default_ebml, sizeof default_ebml));
  if (rc == KVSP_OK)
    rc = kvsp_merger_put_header(m, KVSP_ID_SEGMENT, KVSP_SIZE_UNKNOWN, 8);
  if (rc == KVSP_OK)
    rc = kvsp_merger_put_element(m, KVSP_ID_INFO,
                                 view_or(head_view(&m->head, HEAD_INFO),
                                         default_info, sizeof default_info));
  if (rc != KVSP_OK) return rc;
  return kvsp_merger_put_element(m, KVSP_ID_TRACKS,
                                 view_of(&m->segment.tracks));
}

/* Of unknown size as well: its first frame leaves before the last one has
 * come.  ffmpeg, mkvmerge and GStreamer take that without a word, since a
 * Cluster ends where the next begins, or Tags, or the stream. */
int kvsp_merger_put_cluster(kvsp_merger *m, uint64_t timestamp) {
  uint8_t value[EBML_HEADER_MAX];
  size_t len =
      kvsp_ebml_write_uint(value, sizeof value, KVSP_ID_TIMESTAMP, timestamp);
  int rc = kvsp_merger_put_header(m, KVSP_ID_CLUSTER, KVSP_SIZE_UNKNOWN, 8);
  return rc == KVSP_OK ? kvsp_merger_put_bytes(m, value, len) : rc;
}
