/*
 * libwebm_frames.cc - libwebm's WebmParser, with a Reader of 64 KiB.  A frame
 * that lies whole in the Reader's buffer is not copied.
 */
#include <webm/callback.h>
#include <webm/reader.h>
#include <webm/status.h>
#include <webm/webm_parser.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "bench.h"

namespace {

class PieceReader : public webm::Reader {
 public:
  explicit PieceReader(int fd) : fd_(fd) {
  }

  webm::Status Read(std::size_t wanted, std::uint8_t *buffer,
                    std::uint64_t *got) override {
    const std::size_t n = std::min(wanted, available());
    std::memcpy(buffer, piece_ + begin_, n);
    return advance(wanted, n, got);
  }

  webm::Status Skip(std::uint64_t wanted, std::uint64_t *got) override {
    const std::size_t n =
        static_cast<std::size_t>(std::min<std::uint64_t>(wanted, available()));
    return advance(wanted, n, got);
  }

  std::uint64_t Position() const override {
    return position_;
  }

  /* The next len bytes, where all of them are in the buffer; else nullptr. */
  const std::uint8_t *take(std::uint64_t len) {
    const std::uint8_t *at = piece_ + begin_;
    if (end_ - begin_ < len) return nullptr;
    begin_ += static_cast<std::size_t>(len);
    position_ += len;
    return at;
  }

 private:
  int fd_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t position_ = 0;
  std::uint8_t piece_[BENCH_PIECE];

  std::size_t available() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = bench_read(fd_, piece_, sizeof piece_);
    }
    return end_ - begin_;
  }

  webm::Status advance(std::uint64_t wanted, std::size_t n,
                       std::uint64_t *got) {
    begin_ += n;
    position_ += n;
    *got = n;
    if (n == wanted) return webm::Status(webm::Status::kOkCompleted);
    return webm::Status(n > 0 ? webm::Status::kOkPartial
                              : webm::Status::kEndOfFile);
  }
};

class Frames : public webm::Callback {
 public:
  Frames(PieceReader *reader, bench_sum *sum) : reader_(reader), sum_(sum) {
  }

  webm::Status OnInfo(const webm::ElementMetadata &,
                      const webm::Info &info) override {
    scale_ = static_cast<std::int64_t>(info.timecode_scale.value());
    return done();
  }

  webm::Status OnClusterBegin(const webm::ElementMetadata &,
                              const webm::Cluster &cluster,
                              webm::Action *action) override {
    cluster_ = static_cast<std::int64_t>(cluster.timecode.value());
    *action = webm::Action::kRead;
    return done();
  }

  webm::Status OnSimpleBlockBegin(const webm::ElementMetadata &,
                                  const webm::SimpleBlock &block,
                                  webm::Action *action) override {
    track_ = block.track_number;
    ticks_ = cluster_ + block.timecode;
    key_ = block.is_key_frame;
    *action = webm::Action::kRead;
    return done();
  }

  webm::Status OnFrame(const webm::FrameMetadata &metadata,
                       webm::Reader *reader, std::uint64_t *left) override {
    if (*left == metadata.size) {
      const std::uint8_t *whole = reader_->take(metadata.size);
      if (whole != nullptr) {
        *left = 0;
        return deliver(whole, metadata.size);
      }
      frame_.resize(static_cast<std::size_t>(metadata.size));
    }
    return put_together(metadata.size, reader, left);
  }

 private:
  PieceReader *reader_;
  bench_sum *sum_;
  std::vector<std::uint8_t> frame_;
  std::int64_t scale_ = 1000000;
  std::int64_t cluster_ = 0;
  std::int64_t ticks_ = 0;
  std::uint64_t track_ = 0;
  bool key_ = false;

  static webm::Status done() {
    return webm::Status(webm::Status::kOkCompleted);
  }

  webm::Status deliver(const std::uint8_t *data, std::uint64_t size) {
    bench_add(sum_, track_, ticks_ * scale_, key_, data,
              static_cast<std::size_t>(size));
    return done();
  }

  webm::Status put_together(std::uint64_t size, webm::Reader *reader,
                            std::uint64_t *left) {
    while (*left > 0) {
      std::uint64_t got = 0;
      const webm::Status status =
          reader->Read(static_cast<std::size_t>(*left),
                       frame_.data() + (size - *left), &got);
      *left -= got;
      if (!status.ok()) return status;
    }
    return deliver(frame_.data(), size);
  }
};

}  // namespace

int main(int argc, char **argv) {
  bench_sum sum = {0, 0, 0};
  if (argc != 2) bench_fail("usage: libwebm_frames FILE");
  PieceReader reader(bench_open(argv[1]));
  Frames frames(&reader, &sum);
  webm::WebmParser parser;
  const webm::Status status = parser.Feed(&frames, &reader);
  bench_print(&sum);
  if (!status.ok()) std::fprintf(stderr, "libwebm: status %d\n", status.code);
  return status.completed_ok() ? 0 : 1;
}
