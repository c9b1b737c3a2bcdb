#include "text.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace kvsp {

namespace {

std::string until_nul(kvsp_view view) {
  if (view.len == 0) return std::string();
  const char *text = reinterpret_cast<const char *>(view.data);
  const void *nul = memchr(text, 0, view.len);
  size_t length =
      nul ? static_cast<size_t>(static_cast<const char *>(nul) - text)
          : view.len;
  return std::string(text, length);
}

bool continues(const std::string &text, size_t from, size_t count) {
  if (from + count > text.size()) return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(from),
                     text.begin() + static_cast<std::ptrdiff_t>(from + count),
                     [](char c) { return (c & 0xC0) == 0x80; });
}

/* How many bytes the character there has; 0: it is none. */
size_t character(const std::string &text, size_t at) {
  unsigned first = static_cast<unsigned char>(text[at]);
  unsigned second =
      at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return continues(text, at + 1, 1) ? 2 : 0;
  if (first >= 0xE0 && first < 0xF0) {
    bool overlong = first == 0xE0 && second < 0xA0;
    bool surrogate = first == 0xED && second >= 0xA0;
    return !overlong && !surrogate && continues(text, at + 1, 2) ? 3 : 0;
  }
  if (first < 0xF0 || first > 0xF4) return 0;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second >= 0x90) return 0;
  return continues(text, at + 1, 3) ? 4 : 0;
}

}  // namespace

std::string utf8(kvsp_view view) {
  std::string text = until_nul(view);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t length = character(text, at);
    if (length == 0)
      out += "\xEF\xBF\xBD";
    else
      out.append(text, at, length);
    at += std::max<size_t>(length, 1);
  }
  return out;
}

std::string ascii(kvsp_view view) {
  std::string text = until_nul(view);
  for (char &c : text)
    if (c < 0x20 || c > 0x7E) c = '?';
  return text;
}

std::string date(int64_t unix_ns) {
  const int64_t second = INT64_C(1000000000);
  time_t seconds = static_cast<time_t>(unix_ns / second);
  struct tm parts;
  char text[64];
  if (unix_ns < 0 || !gmtime_r(&seconds, &parts)) return std::string();
  size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + length, sizeof text - length, ".%03dZ",
           static_cast<int>(unix_ns % second / 1000000));
  return text;
}

}  // namespace kvsp
