/*
 * matroska_frames.cc - libebml and libmatroska, which walk from element to
 * element; Blocks are read whole, all else but Info is stepped over.
 * An EBML header inside a Segment of unknown size begins the next document,
 * which libebml leaves to its callers.
 */
#include <ebml/EbmlHead.h>
#include <ebml/EbmlStream.h>
#include <ebml/IOCallback.h>
#include <matroska/KaxBlock.h>
#include <matroska/KaxCluster.h>
#include <matroska/KaxClusterData.h>
#include <matroska/KaxInfo.h>
#include <matroska/KaxInfoData.h>
#include <matroska/KaxSegment.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <vector>

#include "bench.h"

namespace {

using ElementPointer = std::unique_ptr<libebml::EbmlElement>;

const std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max() / 2;

/* A file by pieces of 64 KiB; seeking inside a piece costs nothing. */
class PieceIo : public libebml::IOCallback {
 public:
  explicit PieceIo(int fd) : fd_(fd) {
  }
  ~PieceIo() override {
    ::close(fd_);
  }

  std::uint32_t read(void *buffer, std::size_t len) override {
    std::size_t done = 0;
    while (done < len) {
      if (begin_ == end_ && !fill()) break;
      const std::size_t n = std::min(len - done, end_ - begin_);
      std::memcpy(static_cast<std::uint8_t *>(buffer) + done, piece_ + begin_,
                  n);
      begin_ += n;
      done += n;
    }
    return static_cast<std::uint32_t>(done);
  }

  void setFilePointer(std::int64_t offset, libebml::seek_mode mode) override {
    std::int64_t to = offset;
    if (mode == libebml::seek_current)
      to += static_cast<std::int64_t>(getFilePointer());
    if (mode == libebml::seek_end) to += ::lseek(fd_, 0, SEEK_END);
    const std::int64_t start = static_cast<std::int64_t>(piece_offset_);
    if (mode != libebml::seek_end && to >= start &&
        to <= start + static_cast<std::int64_t>(end_)) {
      begin_ = static_cast<std::size_t>(to - start);
      return;
    }
    ::lseek(fd_, to, SEEK_SET);
    piece_offset_ = static_cast<std::uint64_t>(to);
    begin_ = end_ = 0;
  }

  std::size_t write(const void *, std::size_t) override {
    return 0;
  }
  std::uint64_t getFilePointer() override {
    return piece_offset_ + begin_;
  }
  void close() override {
  }

 private:
  int fd_;
  std::uint64_t piece_offset_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint8_t piece_[BENCH_PIECE];

  bool fill() {
    piece_offset_ += end_;
    begin_ = 0;
    end_ = bench_read(fd_, piece_, sizeof piece_);
    return end_ > 0;
  }
};

class Walk {
 public:
  explicit Walk(int fd) : io_(fd), stream_(io_) {
  }

  bench_sum run() {
    for (ElementPointer e = next(); e != nullptr; e = next())
      visit(std::move(e));
    return sum_;
  }

 private:
  struct Master {
    ElementPointer element;
    std::uint64_t end;
  };

  PieceIo io_;
  libebml::EbmlStream stream_;
  std::vector<Master> open_;
  std::uint64_t scale_ = 1000000;
  bench_sum sum_ = {0, 0, 0};

  template <typename Kind>
  static bool is(const libebml::EbmlElement &e) {
    return libebml::EbmlId(e) == EBML_ID(Kind);
  }

  ElementPointer next() {
    for (;;) {
      while (!open_.empty() && io_.getFilePointer() >= open_.back().end)
        open_.pop_back();
      if (open_.empty()) return next_document();
      ElementPointer e = next_child();
      if (e == nullptr && open_.back().end == kNoEnd) return e;
      if (e == nullptr) {
        io_.setFilePointer(static_cast<std::int64_t>(open_.back().end),
                           libebml::seek_beginning);
      } else if (is<libebml::EbmlHead>(*e)) {
        open_.clear();
        skip(*e);
      } else {
        return e;
      }
    }
  }

  ElementPointer next_document() {
    const std::int64_t start = static_cast<std::int64_t>(io_.getFilePointer());
    ElementPointer e(stream_.FindNextID(EBML_INFO(libebml::EbmlHead), kNoEnd));
    if (e != nullptr && is<libebml::EbmlHead>(*e)) {
      skip(*e);
    } else {
      io_.setFilePointer(start, libebml::seek_beginning);
    }
    return ElementPointer(
        stream_.FindNextID(EBML_INFO(libmatroska::KaxSegment), kNoEnd));
  }

  ElementPointer next_child() {
    int levels_up = 0;
    ElementPointer e(
        stream_.FindNextElement(EBML_CONTEXT(open_.back().element), levels_up,
                                open_.back().end - io_.getFilePointer(), true));
    for (; e != nullptr && levels_up > 0 && open_.size() > 1; levels_up--)
      open_.pop_back();
    return e;
  }

  static std::uint64_t end_of(const libebml::EbmlElement &e) {
    return e.IsFiniteSize()
               ? e.GetElementPosition() + e.HeadSize() + e.GetSize()
               : kNoEnd;
  }

  void skip(const libebml::EbmlElement &e) {
    io_.setFilePointer(static_cast<std::int64_t>(end_of(e)),
                       libebml::seek_beginning);
  }

  void visit(ElementPointer e) {
    if (is<libmatroska::KaxSimpleBlock>(*e)) {
      take_block(static_cast<libmatroska::KaxSimpleBlock &>(*e));
    } else if (is<libmatroska::KaxClusterTimecode>(*e)) {
      begin_cluster(value_of(*e));
    } else if (is<libmatroska::KaxTimecodeScale>(*e)) {
      scale_ = value_of(*e);
    } else if (is<libmatroska::KaxSegment>(*e) ||
               is<libmatroska::KaxInfo>(*e) ||
               is<libmatroska::KaxCluster>(*e)) {
      const std::uint64_t end = end_of(*e);
      open_.push_back(Master{std::move(e), end});
    } else {
      skip(*e);
    }
  }

  std::uint64_t value_of(libebml::EbmlElement &e) {
    e.ReadData(io_);
    return static_cast<std::uint64_t>(static_cast<libebml::EbmlUInteger &>(e));
  }

  libmatroska::KaxCluster &cluster() {
    return static_cast<libmatroska::KaxCluster &>(*open_.back().element);
  }

  void begin_cluster(std::uint64_t timestamp) {
    cluster().InitTimecode(timestamp, static_cast<std::int64_t>(scale_));
  }

  void take_block(libmatroska::KaxSimpleBlock &block) {
    block.ReadData(io_);
    block.SetParent(cluster()); /* which makes its time an absolute one */
    for (unsigned i = 0; i < block.NumberFrames(); i++) {
      libmatroska::DataBuffer &frame = block.GetBuffer(i);
      bench_add(&sum_, block.TrackNum(),
                static_cast<std::int64_t>(block.GlobalTimecode()),
                block.IsKeyframe(), frame.Buffer(), frame.Size());
    }
  }
};

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) bench_fail("usage: matroska_frames FILE");
  try {
    const bench_sum sum = Walk(bench_open(argv[1])).run();
    bench_print(&sum);
  } catch (const std::exception &e) {
    bench_fail(e.what());
  }
  return 0;
}
