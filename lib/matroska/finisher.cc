/*
 * finisher.cc - the C functions: the order of calls, items to frames, tracks
 * and notes; and nothing that is thrown gets past them.
 */
#include <ebml/EbmlVersion.h>
#include <kvsparse/finisher.h>
#include <matroska/KaxVersion.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "file_writer.h"
#include "fragment_notes.h"
#include "timeline.h"
#include "track_table.h"

namespace kvsp {

namespace {

const uint64_t kMemoryDefault = UINT64_C(256) << 20;
const uint64_t kMsNs = 1000000;
/* What libmatroska can render. */
const uint64_t kFrameMost = INT32_MAX - 1024;

/* Milliseconds, where they are exact. */
uint64_t tick_of(const kvsp_fragment &fragment) {
  uint64_t scale = fragment.timestamp_scale;
  if (scale == 0 || scale % kMsNs == 0) return kMsNs;
  return std::min<uint64_t>(scale, INT64_MAX / 65536);
}

bool is_wrapped(const kvsp_frame &frame) {
  return (frame.flags & (KVSP_FRAME_COMPRESSED | KVSP_FRAME_ENCRYPTED)) != 0;
}

/* How long a frame takes: as it is said, or as long as the one before it. */
int64_t length_of(const Track &track, const kvsp_frame &frame) {
  if (frame.duration_ns != KVSP_TIME_NONE) return frame.duration_ns;
  if (track.default_duration_ns > 0) return track.default_duration_ns;
  return track.last_length_ns;
}

}  // namespace

/* All that is about one file. */
class File {
 public:
  explicit File(const kvsp_finisher_config &config)
      : config_(config), timeline_(config.mode), writer_(config, tracks_) {
  }

  int item(const kvsp_item &item);
  int finish();
  void fill(kvsp_finisher_stats &stats) const;

 private:
  int begin_fragment(const kvsp_item &item);
  int begin_amid(const kvsp_fragment &fragment);
  int add_frame(const kvsp_frame &frame);
  int add_tags(const kvsp_item &item);
  void begin_file(const kvsp_fragment &fragment);
  void note_length(Track &track, const kvsp_frame &frame, int64_t time);
  void end_fragment();
  bool has_notes() const {
    return !(config_.flags & KVSP_FINISH_NO_CHAPTERS);
  }
  uint64_t memory() const {
    return writer_.memory() + notes_.memory();
  }

  const kvsp_finisher_config &config_;
  TrackTable tracks_;
  Timeline timeline_;
  FragmentNotes notes_;
  FileWriter writer_;
  bool fragment_is_new_ = false;
  int64_t first_ns_ = 0; /* of the first frame                              */
  uint64_t frames_ = 0;
  uint64_t unknown_ = 0;
  uint64_t wrapped_ = 0;
};

int File::begin_fragment(const kvsp_item &item) {
  const kvsp_fragment &fragment = *item.fragment;
  if (writer_.begun() && !tracks_.fits(fragment)) return KVSP_END;
  end_fragment();
  if (!writer_.begun()) tracks_.start(fragment);
  tracks_.learn(fragment);
  if (!writer_.begun()) timeline_.set_tick(tick_of(fragment));
  timeline_.begin_fragment(fragment);
  fragment_is_new_ = true;
  if (!has_notes()) return KVSP_OK;
  notes_.begin(fragment);
  notes_.add_tags(item, tracks_);
  return KVSP_OK;
}

void File::begin_file(const kvsp_fragment &fragment) {
  writer_.begin(timeline_.tick_ns(), fragment.producer_time_ns);
}

void File::note_length(Track &track, const kvsp_frame &frame, int64_t time) {
  if (track.last_ns != KVSP_TIME_NONE && time > track.last_ns)
    track.last_length_ns = std::min<int64_t>(
        time - track.last_ns, 1000 * static_cast<int64_t>(kMsNs));
  int64_t end = time + std::max<int64_t>(length_of(track, frame), 0);
  track.last_ns = time;
  timeline_.note_end(end);
  notes_.add_frame(time, end);
}

/* After a reset in the middle of a fragment, its FRAGMENT does not come. */
int File::begin_amid(const kvsp_fragment &fragment) {
  kvsp_item item;
  memset(&item, 0, sizeof item);
  item.type = KVSP_ITEM_FRAGMENT;
  item.fragment = &fragment;
  item.tags = fragment.tags;
  item.tag_count = fragment.tag_count;
  return begin_fragment(item);
}

int File::add_frame(const kvsp_frame &frame) {
  if (!tracks_.started()) begin_amid(*frame.fragment);
  Track *track = tracks_.find(frame.track->number);
  if (frame.data.len != frame.size && frame.data.len == 0) return KVSP_ERR_ARG;
  if (frame.data.len > kFrameMost) return KVSP_ERR_ARG;
  if (!track || frame.track->type == 0) {
    unknown_++;
    return KVSP_OK;
  }
  if (is_wrapped(frame)) {
    wrapped_++;
    return KVSP_OK;
  }
  if (memory() >= config_.max_memory) return KVSP_ERR_LIMIT_MEMORY;
  int64_t time = timeline_.place(frame);
  if (!writer_.begun()) begin_file(*frame.fragment);
  if (fragment_is_new_) writer_.end_cluster();
  fragment_is_new_ = false;
  writer_.add_frame(*track, frame, time);
  first_ns_ = frames_ == 0 ? time : std::min(first_ns_, time);
  frames_++;
  note_length(*track, frame, time);
  return KVSP_OK;
}

/* They are kept until the fragment ends, which may never be. */
int File::add_tags(const kvsp_item &item) {
  tracks_.learn(*item.fragment);
  if (memory() + notes_.open_memory() >= config_.max_memory)
    return KVSP_ERR_LIMIT_MEMORY;
  notes_.add_tags(item, tracks_);
  return KVSP_OK;
}

void File::end_fragment() {
  notes_.end();
}

int File::item(const kvsp_item &item) {
  switch (item.type) {
    case KVSP_ITEM_FRAGMENT: return begin_fragment(item);
    case KVSP_ITEM_FRAME: return add_frame(*item.frame);
    case KVSP_ITEM_TAGS: return add_tags(item);
    case KVSP_ITEM_FRAGMENT_END: end_fragment(); return KVSP_OK;
    default: return KVSP_OK;
  }
}

int File::finish() {
  end_fragment();
  if (!writer_.begun()) return KVSP_END;
  writer_.end(has_notes() ? &notes_ : nullptr,
              std::max<int64_t>(timeline_.end_ns() - first_ns_, 0));
  return KVSP_OK;
}

void File::fill(kvsp_finisher_stats &stats) const {
  stats.frames = frames_;
  stats.frames_unknown = unknown_;
  stats.frames_compressed = wrapped_;
  stats.clusters = writer_.clusters();
  stats.cues = writer_.cues();
  stats.chapters = notes_.count();
  stats.bytes = writer_.bytes();
  stats.memory = memory() + notes_.open_memory();
  stats.duration_ns =
      frames_ ? std::max<int64_t>(timeline_.end_ns() - first_ns_, 0) : 0;
}

}  // namespace kvsp

struct kvsp_finisher {
  kvsp_finisher_config config;
  kvsp_finisher_write write = nullptr;
  std::string writing_app;
  std::unique_ptr<kvsp::File> file;
  int failed = KVSP_OK;
  bool finished = false;
  bool busy = false;
};

namespace {

/* What all calls have around them. */
template <class Work>
int guarded(kvsp_finisher *f, Work work) {
  int rc = KVSP_ERR_INTERNAL;
  f->busy = true;
  try {
    rc = work();
  } catch (const kvsp::WriteError &error) {
    f->failed = rc = error.code;
  } catch (const std::bad_alloc &) {
    f->failed = rc = KVSP_ERR_NOMEM;
  } catch (...) {
    f->failed = rc = KVSP_ERR_INTERNAL;
  }
  f->busy = false;
  return rc;
}

bool is_config(const kvsp_finisher_config *config) {
  return config && config->struct_size == sizeof *config && config->write &&
         config->mode <= KVSP_FINISH_KEEP &&
         !(config->flags & ~static_cast<uint32_t>(KVSP_FINISH_NO_CHAPTERS));
}

void set_config(kvsp_finisher &f, const kvsp_finisher_config &config) {
  f.config = config;
  if (f.config.writing_app) {
    f.writing_app = f.config.writing_app;
    f.config.writing_app = f.writing_app.c_str();
  }
  if (f.config.max_memory == 0) f.config.max_memory = kvsp::kMemoryDefault;
}

bool is_item(const kvsp_item *item) {
  if (!item) return false;
  switch (item->type) {
    case KVSP_ITEM_FRAGMENT:
    case KVSP_ITEM_TAGS: return item->fragment != nullptr;
    case KVSP_ITEM_FRAME:
      return item->frame && item->frame->track && item->frame->fragment;
    default: return true;
  }
}

}  // namespace

int kvsp_finisher_new(kvsp_finisher **out, const kvsp_finisher_config *config) {
  if (!out) return KVSP_ERR_ARG;
  *out = nullptr;
  if (!is_config(config)) return KVSP_ERR_ARG;
  try {
    auto f = std::make_unique<kvsp_finisher>();
    set_config(*f, *config);
    f->file = std::make_unique<kvsp::File>(f->config);
    *out = f.release();
  } catch (const std::bad_alloc &) {
    return KVSP_ERR_NOMEM;
  } catch (...) {
    return KVSP_ERR_INTERNAL;
  }
  return KVSP_OK;
}

void kvsp_finisher_free(kvsp_finisher *f) {
  if (f && !f->busy) delete f;
}

int kvsp_finisher_reset(kvsp_finisher *f) {
  if (!f) return KVSP_ERR_ARG;
  if (f->busy) return KVSP_ERR_REENTRANT;
  f->failed = KVSP_OK;
  f->finished = false;
  return guarded(f, [f] {
    f->file.reset();
    f->file = std::make_unique<kvsp::File>(f->config);
    return KVSP_OK;
  });
}

int kvsp_finisher_item(kvsp_finisher *f, const kvsp_item *item) {
  if (!f || !is_item(item)) return KVSP_ERR_ARG;
  if (f->busy) return KVSP_ERR_REENTRANT;
  if (f->failed != KVSP_OK) return f->failed;
  if (f->finished) return KVSP_ERR_STATE;
  return guarded(f, [f, item] { return f->file->item(*item); });
}

int kvsp_finisher_finish(kvsp_finisher *f) {
  if (!f) return KVSP_ERR_ARG;
  if (f->busy) return KVSP_ERR_REENTRANT;
  if (f->failed != KVSP_OK) return f->failed;
  if (f->finished) return KVSP_ERR_STATE;
  f->finished = true;
  return guarded(f, [f] { return f->file->finish(); });
}

int kvsp_finisher_get_stats(const kvsp_finisher *f, kvsp_finisher_stats *stats,
                            size_t struct_size) {
  kvsp_finisher_stats all;
  if (!f || !stats || struct_size == 0) return KVSP_ERR_ARG;
  memset(&all, 0, sizeof all);
  if (f->file) f->file->fill(all);
  memset(stats, 0, struct_size);
  memcpy(stats, &all, std::min(struct_size, sizeof all));
  return KVSP_OK;
}

const char *kvsp_finisher_version(void) {
  try {
    static const std::string text = "libebml " + libebml::EbmlCodeVersion +
                                    ", libmatroska " +
                                    libmatroska::KaxCodeVersion;
    return text.c_str();
  } catch (...) {
    return "libebml, libmatroska";
  }
}
