/*
 * output.h - libebml's way to write, over the caller's callback: small pieces
 * are gathered, and what the callback returns is thrown as a WriteError and so
 * comes back as a code.  Knows bytes and places; knows nothing of what they
 * mean.
 */
#ifndef KVSPARSE_MATROSKA_OUTPUT_H
#define KVSPARSE_MATROSKA_OUTPUT_H

#include <ebml/IOCallback.h>
#include <kvsparse/finisher.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kvsp {

struct WriteError {
  int code;
};

/* Nothing can be read back from either. */
class WriteOnly : public libebml::IOCallback {
 public:
  uint32 read(void *, size_t) override {
    return 0;
  }
  void close() override {
  }
};

class Output : public WriteOnly {
 public:
  Output(kvsp_finisher_write callback, void *user);
  void setFilePointer(int64 offset, libebml::seek_mode mode) override;
  size_t write(const void *data, size_t size) override;
  uint64 getFilePointer() override {
    return position_;
  }
  uint64_t end() const {
    return end_;
  }
  void to_end() {
    position_ = end_;
  }
  void flush();

 private:
  void pass_on(uint64_t offset, const void *data, size_t size);
  bool gather(const uint8_t *data, size_t size);

  kvsp_finisher_write write_;
  void *user_;
  uint64_t position_ = 0;
  uint64_t end_ = 0;
  uint64_t gathered_at_ = 0; /* where gathered_ belongs                    */
  std::vector<uint8_t> gathered_;
};

/* Into memory, to be written later. */
class Rendered : public WriteOnly {
 public:
  void setFilePointer(int64, libebml::seek_mode) override {
  }
  size_t write(const void *data, size_t size) override;
  uint64 getFilePointer() override {
    return bytes.size();
  }

  std::string bytes;
};

}  // namespace kvsp

#endif
