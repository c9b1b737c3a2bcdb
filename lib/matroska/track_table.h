/*
 * track_table.h - the tracks of a file: the reader's tracks as libmatroska's
 * elements, and whether those of a further fragment are still the same.  Knows
 * tracks; knows nothing of frames and places.
 */
#ifndef KVSPARSE_MATROSKA_TRACK_TABLE_H
#define KVSPARSE_MATROSKA_TRACK_TABLE_H

#include <kvsparse/reader.h>
#include <matroska/KaxTracks.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kvsp {

struct Track {
  uint64_t stream_number = 0; /* the stream's, and the file's               */
  uint64_t number = 0;
  uint64_t stream_uid = 0;
  uint64_t uid = 0;
  uint32_t type = 0;
  uint32_t width = 0, height = 0;
  double sample_rate = 0;
  uint32_t channels = 0, bit_depth = 0;
  int64_t default_duration_ns = KVSP_TIME_NONE;
  std::string codec_id, codec_private;
  /* What audio really is. */
  std::string audio_codec_id;
  double audio_rate = 0;
  uint32_t audio_channels = 0, audio_depth = 0;
  uint64_t addition_id_most = 0;
  libmatroska::KaxTrackEntry *entry = nullptr;
  /* Of its frames in this file: */
  int64_t last_ns = KVSP_TIME_NONE; /* of the last one                      */
  int64_t last_length_ns = 0;       /* from the one before it to that       */
  int64_t cue_ns = KVSP_TIME_NONE;  /* of the last one with a Cue           */
};

class TrackTable {
 public:
  TrackTable() = default;
  TrackTable(const TrackTable &) = delete;
  TrackTable &operator=(const TrackTable &) = delete;

  void start(const kvsp_fragment &fragment);
  bool started() const {
    return elements_ != nullptr;
  }
  /* Whether a file that began with ours can hold the fragment's. */
  bool fits(const kvsp_fragment &fragment) const;
  /* What a tag told of audio since. */
  void learn(const kvsp_fragment &fragment);
  Track *find(uint64_t stream_number);
  /* The file's UID of it; 0: none. */
  uint64_t uid_of(uint64_t stream_uid) const;
  /* With all that is known by now. */
  libmatroska::KaxTracks &elements();
  size_t size() const {
    return tracks_.size();
  }

 private:
  void add(const kvsp_track &shown);
  uint64_t free_number(uint64_t wanted) const;
  uint64_t free_uid(uint64_t wanted) const;

  std::unique_ptr<libmatroska::KaxTracks> elements_;
  std::vector<Track> tracks_;
};

}  // namespace kvsp

#endif
