#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "extract_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "message.h"

/* Longer than what file systems take. */
#define NAME_SIZE 4096

static bool is_standard_output(const char *target) {
  return !target || strcmp(target, "-") == 0;
}

static const char *last_part(const char *target) {
  const char *slash = strrchr(target, '/');
  return slash ? slash + 1 : target;
}

static bool is_folder(const char *target) {
  struct stat status;
  if (last_part(target)[0] == '\0') return true;
  return stat(target, &status) == 0 && S_ISDIR(status.st_mode);
}

bool extract_file_is_many(const char *target) {
  if (is_standard_output(target)) return false;
  return strchr(last_part(target), '%') || is_folder(target);
}

/* A pipe or a device has no second place. */
bool extract_file_takes_more(const struct extract_file *file) {
  struct stat status;
  if (is_standard_output(file->target)) return false;
  if (stat(file->target, &status) != 0) return true;
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
}

/* Names. */

struct name {
  char text[NAME_SIZE];
  size_t used; /* NAME_SIZE: it is too long                                */
};

static void put(struct name *name, const char *text, size_t length) {
  if (length >= NAME_SIZE - name->used) {
    name->used = NAME_SIZE;
    return;
  }
  memcpy(name->text + name->used, text, length);
  name->used += length;
  name->text[name->used] = '\0';
}

static void put_text(struct name *name, const char *text) {
  if (name->used < NAME_SIZE) put(name, text, strlen(text));
}

/* Whatever the stream says, it does not lead out of the folder. */
static void put_contact(struct name *name, const char *contact) {
  if (contact[0] == '\0') contact = "none";
  for (const char *p = contact; *p != '\0' && name->used < NAME_SIZE; p++) {
    bool fine = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                (*p >= 'A' && *p <= 'Z') || *p == '-';
    put(name, fine ? p : "_", 1);
  }
}

static bool put_placeholder(struct name *name, const struct extract_file *file,
                            char letter) {
  char number[32];
  switch (letter) {
    case 'i':
      snprintf(number, sizeof number, "%03" PRIu64, file->count + 1);
      break;
    case 'k': snprintf(number, sizeof number, "%" PRIu64, file->track); break;
    case 'c': put_contact(name, file->contact); return true;
    case '%': put_text(name, "%"); return true;
    default: return false;
  }
  put_text(name, number);
  return true;
}

static bool put_pattern(struct name *name, const struct extract_file *file,
                        const char *pattern) {
  for (const char *p = pattern; *p != '\0' && name->used < NAME_SIZE; p++) {
    if (*p != '%')
      put(name, p, 1);
    else if (!put_placeholder(name, file, *++p))
      return false;
  }
  return true;
}

/* "call.wav", then "call-2.wav". */
static void put_counted(struct name *name, const struct extract_file *file) {
  const char *last = last_part(file->target);
  const char *dot = strrchr(last, '.');
  char number[32] = "";
  if (!dot || dot == last) dot = last + strlen(last);
  if (file->count > 0)
    snprintf(number, sizeof number, "-%" PRIu64, file->count + 1);
  put(name, file->target, (size_t)(dot - file->target));
  put_text(name, number);
  put_text(name, dot);
}

static void put_default(struct name *name, const struct extract_file *file,
                        const char *extension) {
  put_text(name, file->target);
  if (last_part(file->target)[0] != '\0') put_text(name, "/");
  put_pattern(name, file, "t%k-%i.");
  put_text(name, extension);
}

static int make_name(struct extract_file *file, const char *extension) {
  const char *last = last_part(file->target);
  struct name name = {"", 0};
  if (is_folder(file->target)) {
    put_default(&name, file, extension);
  } else if (strchr(last, '%')) {
    put(&name, file->target, (size_t)(last - file->target));
    if (!put_pattern(&name, file, last))
      return complain_usage(
          "-o: '%s': %% must be followed by i, c, k or another %%",
          file->target);
  } else {
    put_counted(&name, file);
  }
  if (name.used < NAME_SIZE) file->name = strdup(name.text);
  if (file->name) return EXIT_WELL;
  complain("-o: '%s': the name is too long", file->target);
  return EXIT_FAILED;
}

/* Opening. */

/* A length can be corrected later in a file, but not where all that is written
 * goes to its end. */
static void look_at(struct extract_file *file) {
  int fd = fileno(file->output.stream);
  struct stat status;
  int flags = fcntl(fd, F_GETFL);
  file->rewinds = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                  flags >= 0 && !(flags & O_APPEND);
  if (!file->rewinds) return;
  file->start = ftello(file->output.stream);
  if (file->start < 0) file->rewinds = false;
}

static int write_header(struct extract_file *file, uint64_t data_size) {
  uint8_t header[WAV_HEADER_MAX];
  size_t length = wav_header(header, &file->wav, data_size);
  if (fwrite(header, 1, length, file->output.stream) == length)
    return EXIT_WELL;
  file->failed = true;
  return output_file_complain(&file->output);
}

int extract_file_open(struct extract_file *file, const char *extension,
                      const struct wav_format *wav) {
  int status = EXIT_WELL;
  memset(&file->output, 0, sizeof file->output);
  file->output.folder = -1;
  file->size = 0;
  file->failed = true;
  if (!is_standard_output(file->target)) status = make_name(file, extension);
  if (status != EXIT_WELL) return status;
  status = output_file_open(&file->output, file->name, file->force);
  /* Closing releases what it took, even where it failed. */
  file->open = true;
  if (status != EXIT_WELL) return status;
  file->failed = false;
  file->count++;
  look_at(file);
  file->is_wav = wav != NULL;
  if (!wav) return EXIT_WELL;
  file->wav = *wav;
  return write_header(file, WAV_SIZE_UNKNOWN);
}

int extract_file_write(struct extract_file *file, const void *data,
                       size_t length) {
  if (file->failed) return EXIT_FAILED;
  file->size += length;
  if (fwrite(data, 1, length, file->output.stream) == length) return EXIT_WELL;
  file->failed = true;
  return output_file_complain(&file->output);
}

int extract_file_flush(struct extract_file *file) {
  if (!file->open || file->failed || file->rewinds) return EXIT_WELL;
  if (fflush(file->output.stream) == 0) return EXIT_WELL;
  file->failed = true;
  return output_file_complain(&file->output);
}

static int finish_wav(struct extract_file *file) {
  uint64_t size = file->size;
  int status = EXIT_WELL;
  /* The byte that makes the chunk even does not count. */
  if (size & 1) status = extract_file_write(file, "", 1);
  if (status != EXIT_WELL || !file->rewinds) return status;
  if (fseeko(file->output.stream, file->start, SEEK_SET) != 0) goto fail;
  status = write_header(file, size);
  if (status != EXIT_WELL) return status;
  /* Whoever shares standard output with us goes on behind it. */
  if (fseeko(file->output.stream, 0, SEEK_END) == 0) return EXIT_WELL;
fail:
  file->failed = true;
  return output_file_complain(&file->output);
}

int extract_file_close(struct extract_file *file, int status) {
  int result = status;
  if (!file->open) return status;
  if (status == EXIT_WELL && !file->failed && file->is_wav)
    result = finish_wav(file);
  if (file->failed && result == EXIT_WELL) result = EXIT_FAILED;
  result = output_file_close(&file->output, result);
  file->open = false;
  free(file->name);
  file->name = NULL;
  return result;
}
