/*
 * file_writer.h - the layout of a finished file.  Knows where what stands, and
 * what must be written once more at the end; knows nothing of a stream's
 * sessions and changes.
 *
 *   EBML  Segment: SeekHead Void, Info, Tracks Void, Cluster..., Cues,
 *                  Chapters, Tags
 */
#ifndef KVSPARSE_MATROSKA_FILE_WRITER_H
#define KVSPARSE_MATROSKA_FILE_WRITER_H

#include <kvsparse/finisher.h>
#include <matroska/KaxCluster.h>
#include <matroska/KaxSegment.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "fragment_notes.h"
#include "output.h"
#include "track_table.h"

namespace kvsp {

class FileWriter {
 public:
  FileWriter(const kvsp_finisher_config &config, TrackTable &tracks);

  /* tick_ns is the TimestampScale; recorded_ns may be KVSP_TIME_NONE. */
  void begin(uint64_t tick_ns, int64_t recorded_ns);
  bool begun() const {
    return segment_ != nullptr;
  }
  /* length_ns, of this frame, may be KVSP_TIME_NONE. */
  void add_frame(Track &track, const kvsp_frame &frame, int64_t time_ns);
  /* The next frame begins another Cluster. */
  void end_cluster();
  void end(const FragmentNotes *notes, int64_t duration_ns);

  uint64_t bytes() const {
    return output_.end();
  }
  uint64_t clusters() const {
    return clusters_;
  }
  uint64_t cues() const {
    return cues_.size();
  }
  uint64_t memory() const {
    return cues_.size() * sizeof(Cue);
  }

 private:
  struct Cue {
    uint64_t ticks;
    uint64_t cluster; /* from the Segment's data on                        */
    uint32_t inside;  /* from the Cluster's data on                        */
    uint32_t track;
  };
  struct Place {
    uint64_t at = 0, size = 0;
  };

  int64_t ticks(int64_t ns) const;
  void write_void(uint64_t size);
  uint64_t relative(uint64_t at) const {
    return at - segment_data_;
  }
  void write_head();
  void write_info(int64_t duration_ns);
  void write_tracks();
  void rewrite_tracks();
  void write_seek_head();
  void write_cues();
  void write_chapters(const std::string &atoms);
  void write_tags(const std::string &tags);
  void end_master(libebml::EbmlMaster &master);
  bool needs_cluster(const Track &track, const kvsp_frame &frame,
                     int64_t at) const;
  void begin_cluster(int64_t at);
  void write_simple(Track &track, const kvsp_frame &frame, uint64_t time);
  void write_group(Track &track, const kvsp_frame &frame, uint64_t time);
  void note_cue(Track &track, const kvsp_frame &frame, int64_t time_ns);

  std::string writing_app_;
  Output output_;
  TrackTable &tracks_;
  uint64_t tick_ns_ = 1000000;
  int64_t recorded_ns_ = KVSP_TIME_NONE;
  std::unique_ptr<libmatroska::KaxSegment> segment_;
  uint64_t segment_data_ = 0;
  Place seek_head_, info_, tracks_place_;
  uint64_t cues_at_ = 0, chapters_at_ = 0, tags_at_ = 0;
  std::unique_ptr<libmatroska::KaxCluster> cluster_;
  int64_t cluster_ticks_ = 0;
  uint64_t cluster_at_ = 0;
  uint64_t clusters_ = 0;
  bool has_video_cue_ = false;
  std::deque<Cue> cues_;
};

}  // namespace kvsp

#endif
