#include "options.h"

#include <stdbool.h>
#include <string.h>

#include "message.h"
#include "output.h"

#define NS_PER_SECOND 1000000000
#define READ_SIZE_MAX (UINT64_C(1) << 30)

/* Takes the decimal digits at *text; false when there is none, or when they
 * make more than max. */
static bool take_digits(const char **text, uint64_t max, uint64_t *value) {
  const char *p = *text;
  uint64_t sum = 0;
  if (*p < '0' || *p > '9') return false;
  for (; *p >= '0' && *p <= '9'; p++) {
    unsigned digit = (unsigned)(*p - '0');
    if (sum > (UINT64_MAX - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  *text = p;
  *value = sum;
  return sum <= max;
}

int option_unsigned(const char *option, const char *text, uint64_t min,
                    uint64_t max, uint64_t *value) {
  const char *p = text;
  uint64_t number;
  if (take_digits(&p, max, &number) && *p == '\0' && number >= min) {
    *value = number;
    return EXIT_WELL;
  }
  if (max == UINT64_MAX && min == 0)
    return complain_usage("%s: '%s' is not a whole number", option, text);
  if (max == UINT64_MAX)
    return complain_usage("%s: '%s' is not a whole number from %llu on", option,
                          text, (unsigned long long)min);
  return complain_usage("%s: '%s' is not a whole number from %llu to %llu",
                        option, text, (unsigned long long)min,
                        (unsigned long long)max);
}

/* How many bits a unit shifts by; -1 when the text is no unit. */
static int unit_shift(const char *unit) {
  if (unit[0] == '\0') return 0;
  if (unit[1] != '\0') return -1;
  switch (unit[0]) {
    case 'k':
    case 'K': return 10;
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return -1;
  }
}

int option_size(const char *option, const char *text, uint64_t min,
                uint64_t max, uint64_t *value) {
  const char *p = text;
  uint64_t number;
  int shift = -1;
  if (take_digits(&p, max, &number)) shift = unit_shift(p);
  if (shift >= 0 && number <= max >> shift && number << shift >= min) {
    *value = number << shift;
    return EXIT_WELL;
  }
  if (max == UINT64_MAX)
    return complain_usage("%s: '%s' is not a size from %llu on (64k, 16M)",
                          option, text, (unsigned long long)min);
  return complain_usage("%s: '%s' is not a size from %llu to %llu (64k, 16M)",
                        option, text, (unsigned long long)min,
                        (unsigned long long)max);
}

int option_read_size(const char *text, size_t *value) {
  uint64_t size = 0;
  int status = option_size("--read-size", text, 1, READ_SIZE_MAX, &size);
  if (status == EXIT_WELL) *value = (size_t)size;
  return status;
}

/* The digits behind the point as nanoseconds; false when they are none, or
 * more than nine. */
static bool take_fraction(const char **text, int64_t *ns) {
  const char *p = *text;
  int64_t sum = 0;
  int digits = 0;
  for (; *p >= '0' && *p <= '9' && digits < 9; p++, digits++)
    sum = sum * 10 + (*p - '0');
  *text = p;
  if (digits == 0) return false;
  for (; digits < 9; digits++) sum *= 10;
  *ns = sum;
  return true;
}

int option_seconds(const char *option, const char *text, int64_t min_ns,
                   int64_t *ns) {
  const char *p = text;
  bool negative = *p == '-';
  uint64_t seconds;
  int64_t fraction = 0;
  int64_t value;
  if (negative) p++;
  if (!take_digits(&p, INT64_MAX / NS_PER_SECOND - 1, &seconds)) goto refuse;
  if (*p == '.') {
    p++;
    if (!take_fraction(&p, &fraction)) goto refuse;
  }
  if (*p != '\0') goto refuse;
  value = (int64_t)seconds * NS_PER_SECOND + fraction;
  if (negative) value = -value;
  if (value < min_ns) goto refuse;
  *ns = value;
  return EXIT_WELL;
refuse:
  return complain_usage("%s: '%s' is not a number of seconds like %s", option,
                        text, min_ns > 0 ? "0.5 or 2" : "1511852108.5");
}

int option_dimensions(const char *option, const char *text, uint32_t max,
                      int allow_zero, uint32_t *width, uint32_t *height) {
  const char *p = text;
  uint64_t w, h;
  if (!take_digits(&p, max, &w) || *p++ != 'x') goto refuse;
  if (!take_digits(&p, max, &h) || *p != '\0') goto refuse;
  if (w == 0 && h == 0) goto refuse;
  if (!allow_zero && (w == 0 || h == 0)) goto refuse;
  *width = (uint32_t)w;
  *height = (uint32_t)h;
  return EXIT_WELL;
refuse:
  return complain_usage(
      "%s: '%s' is not a size in pixels like 640x360, at most %lux%lu", option,
      text, (unsigned long)max, (unsigned long)max);
}

/* Of how many long options the argument may be the beginning. */
static int count_meant(const char *argument, const struct option *options) {
  const char *name = argument + strspn(argument, "-");
  size_t length = strcspn(name, "=");
  int count = 0;
  for (; options->name != NULL; options++)
    count += strncmp(options->name, name, length) == 0;
  return count;
}

/* What getopt_long() does not take ('?', ':'), instead of its own complaint,
 * which would show control characters. */
static int refuse(int code, char *const *argv, const struct option_set *set) {
  /* getopt_long() is behind it; in a word of several letters perhaps not. */
  const char *argument = argv[optind - 1];
  if (code == ':') return complain_usage("'%s' needs a value", argument);
  if (optopt == 0 && count_meant(argument, set->options) > 1)
    return complain_usage("'%s' may be one of several options", argument);
  if (optopt == 0) return complain_usage("'%s' is no option", argument);
  if (optopt >= OPTION_LONG_ONLY ||
      (optopt != ':' && strchr(set->letters, optopt) != NULL))
    return complain_usage("'%s': this option takes no value", argument);
  return complain_usage("'-%c' is no option", optopt);
}

int options_read(int argc, char *const *argv, const struct option_set *set,
                 bool *help) {
  opterr = 0;
  for (;;) {
    int code = getopt_long(argc, argv, set->letters, set->options, NULL);
    int status;
    if (code < 0) return EXIT_WELL;
    if (code == 'h') {
      *help = true;
      return option_help(set->help);
    }
    if (code == '?' || code == ':') return refuse(code, argv, set);
    status = set->take(set->user, code, optarg);
    if (status != EXIT_WELL) return status;
  }
}

int option_input(int argc, char *const *argv, const char **path) {
  if (optind >= argc) return complain_usage("which file? - is standard input");
  if (optind + 1 < argc)
    return complain_usage("one file only: '%s' is one too many",
                          argv[optind + 1]);
  if (argv[optind][0] == '\0') return complain_usage("the file has no name");
  *path = argv[optind];
  return EXIT_WELL;
}

int option_help(const char *text) {
  output_write(text, strlen(text));
  return EXIT_WELL;
}
