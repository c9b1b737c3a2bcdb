/* MAP_ANONYMOUS is in no standard that -std=c11 stands for. */
#define _DEFAULT_SOURCE

#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void) {
  return (size_t)sysconf(_SC_PAGESIZE);
}

/* The bytes in front of the guard page: whole pages, at least one. */
static size_t room_for(size_t len) {
  size_t page = page_size();
  size_t pages = (len + page - 1) / page;
  return (pages > 0 ? pages : 1) * page;
}

uint8_t *guard_copy(const void *data, size_t len) {
  size_t room = room_for(len);
  uint8_t *base = mmap(NULL, room + page_size(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (base == MAP_FAILED ||
      mprotect(base + room, page_size(), PROT_NONE) != 0) {
    perror("guard_copy");
    abort();
  }
  if (len > 0) memcpy(base + room - len, data, len);
  return base + room - len;
}

void guard_free(uint8_t *copy, size_t len) {
  size_t room = room_for(len);

  if (copy == NULL) return;
  munmap(copy + len - room, room + page_size());
}

/* Up to here pieces share a page, which is there as long as the program. */
#define SMALL_PIECE 512u

uint8_t *guard_lend(const void *data, size_t len) {
  static const uint8_t zeros[SMALL_PIECE];
  static uint8_t *page;
  uint8_t *piece;

  if (len > SMALL_PIECE) return guard_copy(data, len);
  if (page == NULL) page = guard_copy(zeros, SMALL_PIECE);
  piece = page + SMALL_PIECE - len;
  if (len > 0) memcpy(piece, data, len);
  return piece;
}

void guard_take_back(uint8_t *piece, size_t len) {
  if (piece == NULL) return;
  if (len > SMALL_PIECE)
    guard_free(piece, len);
  else
    memset(piece, 0xDD, len);
}
