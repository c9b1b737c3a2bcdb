/*
 * matroska_elements.cc - the elements of a file as libebml and libmatroska
 * see them, one line each, in the order of the file:
 *
 *   offset id header-size data-size level        (data-size may be "unknown")
 *
 * kvsp_elements.c prints the same from our tokenizer, oracle.sh compares.
 *
 * libebml finds the next element and says how many levels up it belongs; what
 * it leaves to its callers is done here, and no more than that:
 *   - it knows one document: an EBML header inside masters of unknown size
 *     ends them all;
 *   - a master of known size is not left before its end, whatever is in it
 *     (RFC 8794, 6.2: only a master of unknown size ends at an element that
 *     cannot be its child).
 */
#include <ebml/EbmlElement.h>
#include <ebml/EbmlHead.h>
#include <ebml/EbmlStream.h>
#include <ebml/EbmlVersion.h>
#include <ebml/StdIOCallback.h>
#include <matroska/KaxSegment.h>
#include <matroska/KaxVersion.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <vector>

namespace {

using ElementPointer = std::unique_ptr<libebml::EbmlElement>;

const uint64_t kEbml = 0x1A45DFA3;
/* Half of what fits, so that sums of offsets do not overflow. */
const uint64_t kNoEnd = std::numeric_limits<uint64_t>::max() / 2;

uint64_t id_of(const libebml::EbmlElement &e) {
  return EBML_ID_VALUE(libebml::EbmlId(e));
}

class Walk {
 public:
  explicit Walk(const char *path) : io_(path, MODE_READ), stream_(io_) {
  }

  void run() {
    ElementPointer e;
    for (e = next(); e != nullptr; e = next()) visit(std::move(e));
  }

 private:
  struct Master {
    ElementPointer element;
    uint64_t end; /* not beyond its parent's; kNoEnd: unknown */
    bool finite;
  };

  libebml::StdIOCallback io_;
  libebml::EbmlStream stream_;
  std::vector<Master> open_;

  uint64_t position() {
    return io_.getFilePointer();
  }
  void seek(uint64_t offset) {
    io_.setFilePointer(offset);
  }
  uint64_t limit() const {
    return open_.empty() ? kNoEnd : open_.back().end;
  }

  /* The next element, of which only the header has been read; nullptr where
   * there is none.  open_ holds then what it lies in. */
  ElementPointer next() {
    for (;;) {
      close_finished();
      if (open_.empty()) return next_document();
      ElementPointer e = next_child();
      if (e == nullptr && limit() < kNoEnd)
        seek(limit()); /* nothing it knows, up to the end of the master */
      else if (e == nullptr || !begins_document(*e))
        return e;
      else
        leave_document(*e);
    }
  }

  void close_finished() {
    while (!open_.empty() && position() >= open_.back().end) open_.pop_back();
  }

  bool begins_document(const libebml::EbmlElement &e) const {
    return id_of(e) == kEbml &&
           std::none_of(open_.begin(), open_.end(),
                        [](const Master &m) { return m.finite; });
  }

  void leave_document(const libebml::EbmlElement &e) {
    open_.clear();
    seek(e.GetElementPosition());
  }

  /* EBML or Segment.  libebml wants to be told which; it gives a dummy for
   * anything else. */
  ElementPointer next_document() {
    const uint64_t start = position();
    ElementPointer e(stream_.FindNextID(EBML_INFO(libebml::EbmlHead), kNoEnd));
    if (e != nullptr && id_of(*e) == kEbml) return e;
    seek(start);
    return ElementPointer(
        stream_.FindNextID(EBML_INFO(libmatroska::KaxSegment), kNoEnd));
  }

  ElementPointer next_child() {
    int levels_up = 0;
    ElementPointer e(stream_.FindNextElement(EBML_CONTEXT(open_.back().element),
                                             levels_up, limit() - position(),
                                             true));
    for (; e != nullptr && levels_up > 0 && !open_.empty(); levels_up--) {
      if (open_.back().finite) break;
      open_.pop_back();
    }
    return e;
  }

  void visit(ElementPointer e) {
    const uint64_t data = e->GetElementPosition() + e->HeadSize();
    const bool finite = e->IsFiniteSize();
    const uint64_t end =
        finite ? std::min(limit(), data + e->GetSize()) : limit();
    print(*e, finite);
    if (e->IsMaster()) {
      seek(data);
      open_.push_back(Master{std::move(e), end, finite});
    } else {
      seek(end);
    }
  }

  void print(const libebml::EbmlElement &e, bool finite) const {
    std::printf("%" PRIu64 " %" PRIX64 " %u ", e.GetElementPosition(), id_of(e),
                static_cast<unsigned>(e.HeadSize()));
    if (finite)
      std::printf("%" PRIu64, e.GetSize());
    else
      std::printf("unknown");
    std::printf(" %zu\n", open_.size());
  }
};

}  // namespace

int main(int argc, char **argv) {
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("libebml %s\nlibmatroska %s\n",
                libebml::EbmlCodeVersion.c_str(),
                libmatroska::KaxCodeVersion.c_str());
    return 0;
  }
  if (argc != 2) {
    std::fprintf(stderr, "usage: matroska_elements FILE|--version\n");
    return 2;
  }
  try {
    Walk(argv[1]).run();
  } catch (const std::exception &e) {
    std::fprintf(stderr, "matroska_elements: %s: %s\n", argv[1], e.what());
    return 1;
  }
  return std::fflush(stdout) == 0 && !std::ferror(stdout) ? 0 : 1;
}
