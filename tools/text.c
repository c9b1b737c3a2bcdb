#include "text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MILLISECOND INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Division that rounds down, as a calendar wants it before 1970. */
static int64_t floor_divide(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

/* |ns| without overflow at INT64_MIN. */
static uint64_t magnitude(int64_t ns) {
  return ns < 0 ? UINT64_C(0) - (uint64_t)ns : (uint64_t)ns;
}

const char *text_seconds(char out[TEXT_SIZE], int64_t ns) {
  uint64_t m = magnitude(ns);
  snprintf(out, TEXT_SIZE, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "",
           m / (uint64_t)NS_PER_SECOND, m % (uint64_t)NS_PER_SECOND);
  return out;
}

const char *text_milliseconds(char out[TEXT_SIZE], int64_t ns) {
  int64_t ms = floor_divide(ns, NS_PER_MILLISECOND);
  uint64_t m = magnitude(ms);
  snprintf(out, TEXT_SIZE, "%s%" PRIu64 ".%03" PRIu64, ms < 0 ? "-" : "",
           m / 1000, m % 1000);
  return out;
}

struct date {
  int year, month, day, hour, minute, second, millisecond;
};

/* The Gregorian date of a day counted from 1970-01-01.  Years begin in March
 * here, so that the leap day is the last one of its year. */
static void civil_date(int64_t days, struct date *date) {
  int64_t since_march = days + 719468;             /* days since 0000-03-01 */
  int64_t era = floor_divide(since_march, 146097); /* 400 years */
  int64_t day_of_era = since_march - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                         day_of_era / 146096) /
                        365;
  int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
  date->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
  date->month = (int)(month < 10 ? month + 3 : month - 9);
  date->year = (int)(era * 400 + year_of_era + (month >= 10));
}

static struct date to_date(int64_t unix_ns) {
  struct date date;
  int64_t ms = floor_divide(unix_ns, NS_PER_MILLISECOND);
  int64_t seconds = floor_divide(ms, 1000);
  int64_t days = floor_divide(seconds, SECONDS_PER_DAY);
  int64_t of_day = seconds - days * SECONDS_PER_DAY;
  civil_date(days, &date);
  date.hour = (int)(of_day / 3600);
  date.minute = (int)(of_day / 60 % 60);
  date.second = (int)(of_day % 60);
  date.millisecond = (int)(ms - seconds * 1000);
  return date;
}

const char *text_file_time(char out[TEXT_SIZE], int64_t unix_ns) {
  struct date d = to_date(unix_ns);
  snprintf(out, TEXT_SIZE, "%04d%02d%02dT%02d%02d%02d.%03dZ", d.year, d.month,
           d.day, d.hour, d.minute, d.second, d.millisecond);
  return out;
}

const char *text_date(char out[TEXT_SIZE], int64_t unix_ns) {
  struct date d = to_date(unix_ns);
  snprintf(out, TEXT_SIZE, "%04d-%02d-%02d %02d:%02d:%02d.%03d UTC", d.year,
           d.month, d.day, d.hour, d.minute, d.second, d.millisecond);
  return out;
}

const char *text_bytes(char out[TEXT_SIZE], uint64_t bytes) {
  static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  uint64_t unit = 1000; /* bytes in one of it */
  size_t i = 0;
  if (bytes < 1000) {
    snprintf(out, TEXT_SIZE, "%" PRIu64 " B", bytes);
    return out;
  }
  while (i + 1 < sizeof units / sizeof units[0] && bytes / unit >= 1000) {
    unit *= 1000;
    i++;
  }
  snprintf(out, TEXT_SIZE, "%" PRIu64 ".%" PRIu64 " %s", bytes / unit,
           bytes % unit / (unit / 10), units[i]);
  return out;
}

/* The bytes that a sequence beginning with this byte has; 0: none does. */
static size_t sequence_length(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

/* The second byte's range is what keeps out overlong forms, surrogates and
 * what lies beyond U+10FFFF (RFC 3629, 4). */
static int second_byte_fits(uint8_t first, uint8_t second) {
  uint8_t low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  return second >= low && second <= high;
}

/* The length of the valid sequence at p, 0 when there is none. */
static size_t valid_sequence(const uint8_t *p, size_t available) {
  size_t length = sequence_length(p[0]);
  if (length == 0 || length > available) return 0;
  if (length > 1 && !second_byte_fits(p[0], p[1])) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

static size_t without_trailing_nuls(kvsp_view v) {
  size_t length = v.len;
  while (length > 0 && v.data[length - 1] == 0) length--;
  return length;
}

size_t text_utf8(char *out, kvsp_view v) {
  size_t length = without_trailing_nuls(v);
  size_t written = 0;
  size_t i = 0;
  while (i < length) {
    size_t good = valid_sequence(v.data + i, length - i);
    if (good > 0) {
      memcpy(out + written, v.data + i, good);
      written += good;
      i += good;
    } else {
      memcpy(out + written, replacement, 3);
      written += 3;
      i++;
    }
  }
  out[written] = '\0';
  return written;
}

char *text_utf8_copy(kvsp_view v, size_t *length) {
  char *out;
  if (v.len > (SIZE_MAX - 1) / 3) return NULL;
  out = malloc(TEXT_UTF8_SIZE(v.len));
  if (out != NULL) *length = text_utf8(out, v);
  return out;
}

static bool is_between(unsigned char c, unsigned char low, unsigned char high) {
  return c >= low && c <= high;
}

/* Unicode's Bidi_Control: U+061C, U+200E and U+200F, U+202A to U+202E, U+2066
 * to U+2069. */
static size_t direction_length(const unsigned char *p) {
  if (p[0] == 0xD8 && p[1] == 0x9C) return 2;
  if (p[0] != 0xE2) return 0;
  if (p[1] == 0x80 &&
      (is_between(p[2], 0x8E, 0x8F) || is_between(p[2], 0xAA, 0xAE)))
    return 3;
  return p[1] == 0x81 && is_between(p[2], 0xA6, 0xA9) ? 3 : 0;
}

size_t text_control_length(const char *p) {
  const unsigned char *bytes = (const unsigned char *)p;
  if (bytes[0] < 0x20 || bytes[0] == 0x7F) return 1;
  if (bytes[0] == 0xC2 && is_between(bytes[1], 0x80, 0x9F)) return 2;
  return direction_length(bytes);
}

char *text_printable(kvsp_view v) {
  size_t length = 0, written = 0;
  char *text = text_utf8_copy(v, &length);
  char *out;
  if (text == NULL) return NULL;
  out = malloc(TEXT_UTF8_SIZE(length));
  for (size_t i = 0; out != NULL && i < length;) {
    size_t control = text_control_length(text + i);
    if (control > 0) {
      memcpy(out + written, replacement, 3);
      written += 3;
    } else {
      out[written++] = text[i];
    }
    i += control > 0 ? control : 1;
  }
  if (out != NULL) out[written] = '\0';
  free(text);
  return out;
}
