#include "output.h"

#include <algorithm>
#include <cstring>

namespace kvsp {

namespace {
const size_t kGatherMost = 65536;
}

Output::Output(kvsp_finisher_write callback, void *user)
    : write_(callback), user_(user) {
  gathered_.reserve(kGatherMost);
}

void Output::setFilePointer(int64 offset, libebml::seek_mode mode) {
  if (mode == libebml::seek_current) offset += static_cast<int64_t>(position_);
  if (mode == libebml::seek_end) offset += static_cast<int64_t>(end_);
  position_ = static_cast<uint64_t>(offset);
}

void Output::pass_on(uint64_t offset, const void *data, size_t size) {
  if (size == 0) return;
  int code = write_(user_, offset, data, size);
  if (code != KVSP_OK) throw WriteError{code};
}

void Output::flush() {
  pass_on(gathered_at_, gathered_.data(), gathered_.size());
  gathered_at_ += gathered_.size();
  gathered_.clear();
}

/* Over or right behind what is gathered already, where that is possible. */
bool Output::gather(const uint8_t *data, size_t size) {
  if (position_ < gathered_at_) return false;
  if (position_ > gathered_at_ + gathered_.size()) return false;
  size_t at = static_cast<size_t>(position_ - gathered_at_);
  if (size > kGatherMost || at + size > kGatherMost) return false;
  gathered_.resize(std::max(gathered_.size(), at + size));
  memcpy(gathered_.data() + at, data, size);
  return true;
}

size_t Output::write(const void *data, size_t size) {
  const uint8_t *bytes = static_cast<const uint8_t *>(data);
  if (size == 0) return 0;
  if (!gather(bytes, size)) {
    flush();
    gathered_at_ = position_;
    if (!gather(bytes, size)) pass_on(position_, data, size);
    if (gathered_.empty()) gathered_at_ += size;
  }
  position_ += size;
  end_ = std::max(end_, position_);
  return size;
}

size_t Rendered::write(const void *data, size_t size) {
  bytes.append(static_cast<const char *>(data), size);
  return size;
}

}  // namespace kvsp
