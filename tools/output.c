#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signals.h"

static bool failed;

static void fail(void) {
  if (failed) return;
  failed = true;
  if (errno == EPIPE && signals_reader_left()) return;
  complain("cannot write the output: %s", strerror(errno));
}

void output_write(const char *text, size_t length) {
  if (failed) return;
  if (fwrite(text, 1, length, stdout) != length) fail();
}

void output_print(const char *format, ...) {
  va_list arguments;
  if (failed) return;
  va_start(arguments, format);
  if (vprintf(format, arguments) < 0) fail();
  va_end(arguments);
}

void output_flush(void) {
  if (failed) return;
  if (fflush(stdout) != 0) fail();
}

bool output_failed(void) {
  return failed;
}
