#include "merger.h"
#include "times.h"

/*
 * All in ticks, so that nothing is rounded as long as nothing moves: only where
 * a fragment begins elsewhere than in the stream is a time in nanoseconds (the
 * end of the fragment before) turned into ticks.
 */

static const struct document *document_of(const kvsp_merger *m) {
  return m->reader->document;
}

static int64_t to_ticks(const kvsp_merger *m, int64_t ns) {
  int64_t scale =
      m->segment.scale > INT64_MAX ? INT64_MAX : (int64_t)m->segment.scale;
  int64_t ticks = ns / scale;
  return ns % scale > scale / 2 ? ticks + 1 : ticks;
}

/* The reader believes only Timestamps whose nanoseconds fit an int64_t. */
static int64_t cluster_ticks(const struct document *d) {
  return (int64_t)d->cluster_timestamp;
}

static bool can_be_written(const kvsp_merger *m, int64_t ticks) {
  return ticks >= 0 &&
         kvsp_time_scale(ticks, m->segment.scale) != KVSP_TIME_NONE;
}

/* When what was written last ends: of the fragment before, or of what the
 * current document has so far.  In ticks of the stream. */
static int64_t last_end(const kvsp_merger *m, bool first_of_fragment) {
  int64_t end_ns = m->times.end_ns;
  int64_t end;
  if (!first_of_fragment) end_ns = m->times.latest_ns;
  if (end_ns == KVSP_TIME_NONE || end_ns < 0) return m->times.cluster;
  end = to_ticks(m, end_ns);
  return end > m->times.cluster ? end : m->times.cluster;
}

/* How long the producer's new session began after the end of the last one, by
 * its clock. */
static int64_t pause_ticks(const kvsp_merger *m, bool first_of_fragment) {
  const kvsp_fragment *f = &document_of(m)->shown;
  int64_t length = kvsp_time_subtract(m->times.end_ns, m->times.start_ns);
  int64_t pause = kvsp_time_subtract(f->producer_time_ns, m->times.producer_ns);
  if (m->config.mode != KVSP_MERGE_REBASE || !first_of_fragment) return 0;
  pause = kvsp_time_subtract(pause, length);
  return pause > 0 ? to_ticks(m, pause) : 0; /* NONE is the lowest of all */
}

/* The output's time for a Cluster that begins right behind what was written.
 * False where no Timestamp can tell it: in a stream that wraps. */
static bool follow(kvsp_merger *m, bool first_of_fragment, int64_t *out) {
  int64_t end = kvsp_time_add(last_end(m, first_of_fragment), m->times.shift);
  end = kvsp_time_add(end, pause_ticks(m, first_of_fragment));
  *out = end;
  return end != KVSP_TIME_NONE && can_be_written(m, end);
}

/* Whether the Cluster comes before the last one, or, in a new fragment, at the
 * same time: AWS's merger sees a new session in that, too. */
static bool goes_back(const kvsp_merger *m, bool first_of_fragment) {
  int64_t now = cluster_ticks(document_of(m));
  return first_of_fragment ? now <= m->times.cluster : now < m->times.cluster;
}

/* A gap of one tick may come from rounding. */
static bool leaves_gap(const kvsp_merger *m) {
  return cluster_ticks(document_of(m)) - last_end(m, true) > 1;
}

/* Whether the Cluster is to begin where the last one ended, whatever its
 * Timestamp says. */
static bool must_follow(const kvsp_merger *m, bool first_of_fragment) {
  if (!document_of(m)->has_timestamp) return true;
  if (goes_back(m, first_of_fragment)) return true;
  return m->config.mode == KVSP_MERGE_PACK && first_of_fragment &&
         leaves_gap(m);
}

static enum place place_behind(kvsp_merger *m, bool first_of_fragment,
                               int64_t *out) {
  const struct document *d = document_of(m);
  if (d->has_timestamp && m->config.mode == KVSP_MERGE_KEEP)
    return PLACE_NEW_TIMES;
  if (!follow(m, first_of_fragment, out)) return PLACE_NEW_TIMES;
  if (d->has_timestamp) m->times.shift = *out - cluster_ticks(d);
  return PLACE_CLUSTER;
}

static enum place place_cluster(kvsp_merger *m, bool first_of_fragment,
                                int64_t *out) {
  if (must_follow(m, first_of_fragment))
    return place_behind(m, first_of_fragment, out);
  *out = kvsp_time_add(cluster_ticks(document_of(m)), m->times.shift);
  return *out != KVSP_TIME_NONE && can_be_written(m, *out) ? PLACE_CLUSTER
                                                           : PLACE_NEW_TIMES;
}

/* Where the Cluster of the block in hand begins: tells one from another that
 * has the same Timestamp, or none. */
static uint64_t cluster_offset(const kvsp_merger *m) {
  const struct kvsp_tokenizer *t = &m->reader->tokenizer;
  return t->depth > 1 ? t->levels[1].offset : 0;
}

/* At that time of the output; one without a Timestamp has it from where it was
 * put, so that none behind it is put before it. */
static void note_cluster(kvsp_merger *m, int64_t ticks) {
  m->times.offset = cluster_offset(m);
  m->times.cluster = ticks - m->times.shift;
}

enum place kvsp_merger_place(kvsp_merger *m, bool first_of_fragment,
                             uint64_t *out) {
  int64_t ticks = 0;
  enum place place;
  if (!first_of_fragment && m->times.offset == cluster_offset(m))
    return PLACE_HERE;
  place = place_cluster(m, first_of_fragment, &ticks);
  *out = (uint64_t)ticks;
  if (place == PLACE_CLUSTER) note_cluster(m, ticks);
  return place;
}

int64_t kvsp_merger_length_ns(const kvsp_merger *m) {
  const struct document *d = document_of(m);
  int64_t end = last_end(m, true);
  int64_t ticks;
  if (d->has_timestamp && m->config.mode != KVSP_MERGE_PACK &&
      cluster_ticks(d) > end)
    end = cluster_ticks(d);
  end = kvsp_time_add(end, m->times.shift);
  ticks = kvsp_time_subtract(end, (int64_t)m->segment.start);
  return ticks > 0 ? kvsp_time_scale(ticks, m->segment.scale) : 0;
}

uint64_t kvsp_merger_first_place(kvsp_merger *m) {
  const struct document *d = document_of(m);
  int64_t now = d->has_timestamp ? cluster_ticks(d) : 0;
  m->times.shift = m->config.mode == KVSP_MERGE_KEEP ? 0 : -now;
  m->times.end_ns = KVSP_TIME_NONE;
  m->times.latest_ns = KVSP_TIME_NONE;
  note_cluster(m, now + m->times.shift);
  return (uint64_t)(now + m->times.shift);
}

/* One that does not say how long it lasts is over a tick later. */
void kvsp_merger_note_frame(kvsp_merger *m, const kvsp_frame *frame) {
  int64_t end = frame->duration_ns;
  if (end == KVSP_TIME_NONE) end = kvsp_time_scale(1, m->segment.scale);
  end = kvsp_time_add(frame->pts_ns, end);
  if (end > m->times.latest_ns) m->times.latest_ns = end;
}

void kvsp_merger_end_times(kvsp_merger *m) {
  const struct document *d = document_of(m);
  m->times.end_ns = kvsp_tracks_end_ns(&d->tracks);
  m->times.latest_ns = KVSP_TIME_NONE;
  m->times.start_ns = d->shown.start_ns;
  m->times.producer_ns = d->shown.producer_time_ns;
}
