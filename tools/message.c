#include "message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "command.h"

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

/* Whether p, behind that byte, could move the cursor of a terminal: C0, DEL,
 * C1 in UTF-8, and C1 as a byte where no character goes on. */
static bool is_control(unsigned char before, const unsigned char *p) {
  if (p[0] < 0x20 || p[0] == 0x7f) return true;
  if (p[0] == 0xc2) return p[1] >= 0x80 && p[1] < 0xa0;
  return p[0] >= 0x80 && p[0] < 0xa0 && before < 0x80;
}

/* Each byte of them becomes '?'. */
static void make_harmless(char *text) {
  unsigned char *p = (unsigned char *)text;
  unsigned char before = 0;
  for (; *p != '\0'; p++) {
    if (is_control(before, p)) *p = '?';
    before = *p;
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
