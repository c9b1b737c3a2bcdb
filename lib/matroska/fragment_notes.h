/*
 * fragment_notes.h - what is told of each fragment at the end of the file: a
 * ChapterAtom and the Tags that have it as their target.  They are kept as the
 * bytes that will be written.  Knows tags and times; knows nothing of frames.
 */
#ifndef KVSPARSE_MATROSKA_FRAGMENT_NOTES_H
#define KVSPARSE_MATROSKA_FRAGMENT_NOTES_H

#include <kvsparse/reader.h>

#include <cstdint>
#include <string>
#include <vector>

#include "output.h"
#include "track_table.h"

namespace kvsp {

class FragmentNotes {
 public:
  /* The fragment's frames and tags follow. */
  void begin(const kvsp_fragment &fragment);
  void add_tags(const kvsp_item &item, const TrackTable &tracks);
  void add_frame(int64_t start_ns, int64_t end_ns);
  /* No more of it follows.  Nothing becomes of one without frames. */
  void end();

  uint64_t count() const {
    return count_;
  }
  uint64_t memory() const {
    return chapters_.bytes.size() + tags_.bytes.size();
  }
  /* What is yet to be rendered: a fragment may go on for ever. */
  uint64_t open_memory() const {
    return open_bytes_;
  }
  /* What is about to be written. */
  const std::string &chapters() const {
    return chapters_.bytes;
  }
  const std::string &tags() const {
    return tags_.bytes;
  }

 private:
  struct SimpleTag {
    std::string name, value;
    uint32_t flags, depth;
  };
  struct Tag {
    uint64_t type_value;
    std::string type;
    std::vector<uint64_t> track_uids;
    std::vector<SimpleTag> simple_tags;
  };

  void clear_tags();
  void add_tag(const kvsp_targets *targets, const TrackTable &tracks);
  static Tag describe(const kvsp_targets *targets, const TrackTable &tracks);
  void render_chapter();
  void render_tag(const Tag &tag);

  bool open_ = false;
  int64_t start_ns_ = 0, end_ns_ = 0;
  bool has_frames_ = false;
  std::string title_;
  std::vector<Tag> open_tags_;
  uint64_t open_bytes_ = 0; /* of them                                      */
  uint64_t count_ = 0;
  Rendered chapters_, tags_;
};

}  // namespace kvsp

#endif
