#include "timestamp.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "message.h"
#include "options.h"

#define NS_PER_SECOND INT64_C(1000000000)

struct calendar {
  int year, month, day, hour, minute, second;
  int64_t fraction_ns;
  int zone_minutes; /* east of Greenwich                                   */
};

/* Exactly so many digits. */
static bool take_number(const char **text, int digits, int *value) {
  int sum = 0;
  for (int i = 0; i < digits; i++) {
    char c = (*text)[i];
    if (c < '0' || c > '9') return false;
    sum = sum * 10 + (c - '0');
  }
  *text += digits;
  *value = sum;
  return true;
}

static void skip_character(const char **text, char character) {
  if (**text == character) ++*text;
}

static bool take_date(const char **text, struct calendar *c) {
  if (!take_number(text, 4, &c->year)) return false;
  skip_character(text, '-');
  if (!take_number(text, 2, &c->month)) return false;
  skip_character(text, '-');
  return take_number(text, 2, &c->day);
}

/* The decimals behind the point; more than nine are no time of ours. */
static bool take_fraction(const char **text, int64_t *ns) {
  int64_t unit = NS_PER_SECOND;
  *ns = 0;
  for (; **text >= '0' && **text <= '9'; ++*text) {
    unit /= 10;
    if (unit == 0) return false;
    *ns += unit * (**text - '0');
  }
  return unit != NS_PER_SECOND;
}

static bool take_clock(const char **text, struct calendar *c) {
  if (!take_number(text, 2, &c->hour)) return false;
  skip_character(text, ':');
  if (!take_number(text, 2, &c->minute)) return false;
  if (**text != ':' && (**text < '0' || **text > '9')) return true;
  skip_character(text, ':');
  if (!take_number(text, 2, &c->second)) return false;
  if (**text != '.') return true;
  ++*text;
  return take_fraction(text, &c->fraction_ns);
}

static bool take_zone(const char **text, struct calendar *c) {
  int sign = **text == '-' ? -1 : 1;
  int hours;
  int minutes = 0;
  if (**text == '\0') return true;
  if (**text == 'Z' || **text == 'z') {
    ++*text;
    return true;
  }
  if (**text != '+' && **text != '-') return false;
  ++*text;
  if (!take_number(text, 2, &hours) || hours > 14) return false;
  skip_character(text, ':');
  if (**text != '\0' && !take_number(text, 2, &minutes)) return false;
  if (minutes > 59) return false;
  c->zone_minutes = sign * (hours * 60 + minutes);
  return true;
}

static int days_in_month(int year, int month) {
  static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

/* int64_t nanoseconds end in 2262. */
static bool is_valid(const struct calendar *c) {
  if (c->year < 1700 || c->year > 2261) return false;
  if (c->month < 1 || c->month > 12 || c->day < 1) return false;
  if (c->day > days_in_month(c->year, c->month)) return false;
  return c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

static int64_t unix_seconds(const struct calendar *c) {
  int before = c->year - 1;
  int64_t days = (int64_t)before * 365 + before / 4 - before / 100 +
                 before / 400 - 719162; /* of the years before 1970 */
  for (int month = 1; month < c->month; month++)
    days += days_in_month(c->year, month);
  days += c->day - 1;
  return ((days * 24 + c->hour) * 60 + c->minute - c->zone_minutes) * 60 +
         c->second;
}

static bool parse_iso(const char *text, int64_t *unix_ns) {
  struct calendar c;
  memset(&c, 0, sizeof c);
  if (!take_date(&text, &c)) return false;
  if (*text != '\0') {
    if (*text != 'T' && *text != 't' && *text != ' ') return false;
    text++;
    if (!take_clock(&text, &c) || !take_zone(&text, &c)) return false;
  }
  if (*text != '\0' || !is_valid(&c)) return false;
  *unix_ns = unix_seconds(&c) * NS_PER_SECOND + c.fraction_ns;
  return true;
}

/* "-12.5": a date has other characters, or a '-' further on. */
static bool is_number(const char *text) {
  if (*text == '-') text++;
  return text[strspn(text, "0123456789.")] == '\0';
}

int option_time(const char *option, const char *text, int64_t *unix_ns) {
  if (parse_iso(text, unix_ns)) return EXIT_WELL;
  if (is_number(text)) return option_seconds(option, text, INT64_MIN, unix_ns);
  return complain_usage("%s: '%s' is not a time like 2017-11-28T06:55:12.513Z",
                        option, text);
}
