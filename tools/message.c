#include "message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "text.h"

/* A program has one standard error; so this is one of the few things here
 * that may be global. */
static const char *prefix = "kvsparse";
static bool passing_shown;

void message_set_prefix(const char *text) {
  prefix = text;
}

const char *message_prefix(void) {
  return prefix;
}

void message_passing(const char *text) {
  if (passing_shown) fputs("\r\033[K", stderr);
  if (text != NULL) fputs(text, stderr);
  passing_shown = text != NULL;
  fflush(stderr);
}

/* What a terminal should not get at p, behind that byte: how many bytes; C1 as
 * a byte where no character goes on, too. */
static size_t harm_length(unsigned char before, const char *p) {
  unsigned char byte = (unsigned char)*p;
  if (byte >= 0x80 && byte < 0xa0 && before < 0x80) return 1;
  return text_control_length(p);
}

/* Each byte of that becomes '?'. */
static void make_harmless(char *text) {
  unsigned char before = 0;
  while (*text != '\0') {
    size_t harm = harm_length(before, text);
    if (harm > 0) memset(text, '?', harm);
    before = (unsigned char)*text;
    text += harm > 0 ? harm : 1;
  }
}

#ifdef __GNUC__
__attribute__((format(printf, 1, 0)))
#endif
static void
say(const char *format, va_list arguments, const char *hint) {
  char text[1024];
  if (vsnprintf(text, sizeof text, format, arguments) < 0) text[0] = '\0';
  make_harmless(text);
  message_passing(NULL);
  fprintf(stderr, "%s: %s%s\n", prefix, text, hint);
}

void complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments, "");
  va_end(arguments);
}

int complain_usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments, " (--help tells more)");
  va_end(arguments);
  return EXIT_USAGE;
}
