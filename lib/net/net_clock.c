#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "net_clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id) {
  struct timespec now = {0, 0};
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t kvsp_clock_ms(void) {
  return read_clock(CLOCK_MONOTONIC);
}

int64_t kvsp_clock_wall_ms(void) {
  return read_clock(CLOCK_REALTIME);
}

/* Exactly so many digits; -1 where they are not there. */
static int64_t digits(const char **at, int count) {
  int64_t value = 0;
  for (; count > 0; count--, (*at)++) {
    if (**at < '0' || **at > '9') return -1;
    value = value * 10 + (**at - '0');
  }
  return value;
}

static void skip(const char **at, char c) {
  if (**at == c) (*at)++;
}

/* Days from 1970-01-01 to that day of the Gregorian calendar, whose years
 * begin in March here, so that a leap day is the last of its year. */
static int64_t days(int64_t year, int64_t month, int64_t day) {
  int64_t y = month > 2 ? year : year - 1;
  int64_t m = month > 2 ? month - 3 : month + 9;
  return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
         719468;
}

static int64_t fraction_ms(const char **at) {
  int64_t ms = 0;
  int64_t unit = 100;
  if (**at != '.') return 0;
  for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
    ms += (**at - '0') * unit;
  return ms;
}

/* What is to be taken off the time; KVSP_CLOCK_NONE: this is no zone. */
static int64_t zone_ms(const char **at) {
  int64_t hours;
  int64_t minutes;
  int sign = **at == '-' ? -1 : 1;
  if (**at == 'Z') {
    (*at)++;
    return 0;
  }
  if (**at != '+' && **at != '-') return KVSP_CLOCK_NONE;
  (*at)++;
  hours = digits(at, 2);
  skip(at, ':');
  minutes = digits(at, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return KVSP_CLOCK_NONE;
  return sign * (hours * 60 + minutes) * 60000;
}

static int64_t parse_day(const char **at) {
  int64_t year = digits(at, 4);
  int64_t month;
  int64_t day;
  skip(at, '-');
  month = digits(at, 2);
  skip(at, '-');
  day = digits(at, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31) return -1;
  return days(year, month, day);
}

int64_t kvsp_clock_parse(const char *text) {
  int64_t day = parse_day(&text);
  int64_t hour;
  int64_t minute;
  int64_t second;
  int64_t ms;
  int64_t zone;
  if (day < 0 || (*text != 'T' && *text != ' ')) return KVSP_CLOCK_NONE;
  text++;
  hour = digits(&text, 2);
  skip(&text, ':');
  minute = digits(&text, 2);
  skip(&text, ':');
  second = digits(&text, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60)
    return KVSP_CLOCK_NONE;
  ms = fraction_ms(&text);
  zone = zone_ms(&text);
  if (zone == KVSP_CLOCK_NONE) return KVSP_CLOCK_NONE;
  return ((day * 24 + hour) * 60 + minute) * 60000 + second * 1000 + ms - zone;
}
