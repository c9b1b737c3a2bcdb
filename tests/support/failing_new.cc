#include "support/failing_new.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

struct failing_new failing_new;

/* Of LeakSanitizer, where it is there. */
extern "C" {
void __attribute__((weak)) __lsan_disable(void);
void __attribute__((weak)) __lsan_enable(void);
}

namespace {

size_t failures_before;

void *count(void *p) {
  struct failing_new &f = failing_new;
  if (!p) return p;
  f.live_blocks++;
  f.live_bytes += malloc_usable_size(p);
  if (f.live_bytes > f.peak_bytes) f.peak_bytes = f.live_bytes;
  return p;
}

void *take(size_t size) {
  struct failing_new &f = failing_new;
  void *p = nullptr;
  if (++f.calls != f.fail_at) p = malloc(size ? size : 1);
  if (!p) {
    f.failures++;
    throw std::bad_alloc();
  }
  return count(p);
}

/* Who asks like that can do without, as std::stable_sort does: it never
 * fails. */
void *take_or_none(size_t size) noexcept {
  return count(malloc(size ? size : 1));
}

void give_back(void *p) noexcept {
  if (!p) return;
  failing_new.live_blocks--;
  failing_new.live_bytes -= malloc_usable_size(p);
  free(p);
}

}  // namespace

void failing_new_arm(size_t others) {
  failures_before = failing_new.failures;
  failing_new.fail_at = failing_new.calls + others + 1;
  if (__lsan_disable) __lsan_disable();
}

int failing_new_disarm(void) {
  failing_new.fail_at = 0;
  if (__lsan_enable) __lsan_enable();
  return failing_new.failures > failures_before;
}

/* All that come in pairs: a sanitizer brings its own for what is missing. */
void *operator new(size_t size) {
  return take(size);
}
void *operator new[](size_t size) {
  return take(size);
}
void operator delete(void *p) noexcept {
  give_back(p);
}
void operator delete[](void *p) noexcept {
  give_back(p);
}
void operator delete(void *p, size_t) noexcept {
  give_back(p);
}
void operator delete[](void *p, size_t) noexcept {
  give_back(p);
}
void *operator new(size_t size, const std::nothrow_t &) noexcept {
  return take_or_none(size);
}
void *operator new[](size_t size, const std::nothrow_t &) noexcept {
  return take_or_none(size);
}
void operator delete(void *p, const std::nothrow_t &) noexcept {
  give_back(p);
}
void operator delete[](void *p, const std::nothrow_t &) noexcept {
  give_back(p);
}
