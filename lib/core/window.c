#include "window.h"

#include <string.h>

/* The first storage for what is split: headers, small frames. */
#define CARRY_MIN 1024u
/* Up to here an element's size is believed when storage is made for it. */
#define CARRY_TRUST ((size_t)64 * 1024)
/* An empty carry above this is given back by window_trim, unless as much as
 * this part of it was used since the last time. */
#define CARRY_KEEP 4096u
#define CARRY_KEEP_PART 4u
/* Storage that window_reserve makes. */
#define RESERVE_MIN 4096u
#define RESERVE_MAX ((size_t)1024 * 1024)
/* window_reserve rather gives less room than to move more than this. */
#define MOVE_MAX 1024u

void kvsp_window_init(struct window *w, struct memory *memory) {
  struct window fresh = {.memory = memory, .hold = WINDOW_NO_HOLD};
  *w = fresh;
}

void kvsp_window_clear(struct window *w) {
  kvsp_storage_release(w->memory, w->carry);
  kvsp_window_init(w, w->memory);
}

/* ---- where the bytes are ------------------------------------------------- */

static size_t carry_len(const struct window *w) {
  return w->carry_end - w->carry_begin;
}

static uint64_t carry_limit(const struct window *w) {
  return w->carry_base + carry_len(w);
}

uint64_t kvsp_window_end(const struct window *w) {
  uint64_t lent_end = w->lent_base + w->lent_len;
  return lent_end > carry_limit(w) ? lent_end : carry_limit(w);
}

static bool in_carry(const struct window *w, uint64_t offset) {
  return offset >= w->carry_base && offset < carry_limit(w);
}

/* The view at the current offset: what the carry has of it, else the lent
 * piece. */
void kvsp_window_look(struct window *w) {
  if (in_carry(w, w->offset)) {
    size_t pos = (size_t)(w->offset - w->carry_base);
    w->at = kvsp_storage_bytes(w->carry) + w->carry_begin + pos;
    w->left = carry_len(w) - pos;
  } else if (w->lent_len && w->offset >= w->lent_base) {
    size_t pos = (size_t)(w->offset - w->lent_base);
    w->at = w->lent + pos;
    w->left = w->lent_len - pos;
  } else {
    w->at = NULL;
    w->left = 0;
  }
}

/* The first byte that is still wanted. */
static uint64_t keep_from(const struct window *w) {
  return w->hold < w->offset ? w->hold : w->offset;
}

/* A carry in which nothing is wanted. */
static void release_carry(struct window *w) {
  kvsp_storage_release(w->memory, w->carry);
  w->carry = NULL;
  w->carry_begin = w->carry_end = 0;
  w->carry_base = keep_from(w);
}

void kvsp_window_trim(struct window *w) {
  size_t most = w->carry_most;
  w->carry_most = 0;
  if (!w->carry || w->reserved || in_carry(w, keep_from(w))) return;
  if (kvsp_storage_capacity(w->carry) <= CARRY_KEEP) return;
  if (most >= kvsp_storage_capacity(w->carry) / CARRY_KEEP_PART) return;
  release_carry(w);
}

/* Whether every byte at hand is used or in the carry, so that lent bytes may
 * go and others come. */
static bool used_up(const struct window *w) {
  if (w->reserved || w->final) return false;
  if (kvsp_window_end(w) > carry_limit(w))
    return w->left == 0 && w->hold == WINDOW_NO_HOLD;
  return w->left == 0 || w->needed;
}

int kvsp_window_lend(struct window *w, const void *data, size_t len,
                     bool final) {
  if (!used_up(w)) return KVSP_ERR_STATE;
  w->lent_base = kvsp_window_end(w);
  w->lent = data;
  w->lent_len = len;
  w->final = final;
  w->fed += len;
  kvsp_window_look(w);
  return KVSP_OK;
}

/* ---- the carry ----------------------------------------------------------- */

/* Forgets what nobody wants any more at the front of the carry.  A carry that
 * has nothing wanted begins where the wanted bytes do. */
static void drop_front(struct window *w) {
  uint64_t from = keep_from(w);
  if (in_carry(w, from)) {
    w->carry_begin += (size_t)(from - w->carry_base);
  } else {
    w->carry_begin = w->carry_end = 0;
  }
  w->carry_base = from;
}

/* Another storage for the carry. */
static int move_carry(struct window *w, size_t capacity) {
  kvsp_buf *storage = NULL;
  size_t len = carry_len(w);
  int rc = kvsp_storage_new(w->memory, capacity, &storage);
  if (rc != KVSP_OK) return rc;
  if (len) {
    memcpy(kvsp_storage_bytes(storage),
           kvsp_storage_bytes(w->carry) + w->carry_begin, len);
    w->copied += len;
  }
  kvsp_storage_release(w->memory, w->carry);
  w->carry = storage;
  w->carry_begin = 0;
  w->carry_end = len;
  return KVSP_OK;
}

/* Moves what is kept to the front of its storage. */
static void compact(struct window *w) {
  size_t len = carry_len(w);
  uint8_t *bytes = kvsp_storage_bytes(w->carry);
  if (w->carry_begin == 0) return;
  if (len) memmove(bytes, bytes + w->carry_begin, len);
  w->copied += len;
  w->carry_begin = 0;
  w->carry_end = len;
}

/* Storage for n bytes in a row, of which those at hand are believed: a size
 * that the stream declares must not by itself take memory. */
static size_t capacity_for(const struct window *w, size_t n) {
  size_t there = (size_t)(kvsp_window_end(w) - w->carry_base);
  size_t trusted = there < SIZE_MAX / 4 ? there * 4 : SIZE_MAX;
  if (trusted < CARRY_TRUST) trusted = CARRY_TRUST;
  if (n > trusted) n = trusted;
  return n < CARRY_MIN ? CARRY_MIN : n;
}

/* Room for n bytes, counted from carry_begin, or at least for one more.
 * Bytes that somebody retained stay untouched: a shared storage is left to
 * its other owners. */
static int make_room(struct window *w, size_t n) {
  bool is_ours = w->carry && !kvsp_storage_is_shared(w->carry);
  size_t have = is_ours ? kvsp_storage_capacity(w->carry) : 0;
  size_t capacity, len = carry_len(w);
  if (is_ours && n <= have - w->carry_begin) return KVSP_OK;
  capacity = capacity_for(w, n);
  if (!is_ours) {
    /* Not to be moved again for the next few bytes. */
    if (len >= CARRY_MIN && capacity < len + len / 2) capacity = len + len / 2;
    return move_carry(w, capacity);
  }
  /* Moving more than it gains, again and again, would cost a square. */
  if (capacity <= have && len <= have / 2) {
    compact(w);
    return KVSP_OK;
  }
  /* Little is moved at once, much not before it must be. */
  if (w->carry_end < have && capacity < have + have / 2 && len > have / 8)
    return KVSP_OK;
  if (capacity < have + have / 2) capacity = have + have / 2;
  if (w->carry_begin > 0) return move_carry(w, capacity);
  w->copied += len;
  return kvsp_storage_resize(w->memory, &w->carry, capacity);
}

static void note_most(struct window *w) {
  if (carry_len(w) > w->carry_most) w->carry_most = carry_len(w);
}

/* Appends lent bytes until the carry has n, or its room or they are used. */
static void append_lent(struct window *w, size_t n) {
  size_t room = kvsp_storage_capacity(w->carry) - w->carry_end;
  size_t pos = (size_t)(carry_limit(w) - w->lent_base);
  size_t count = n - carry_len(w);
  if (count > w->lent_len - pos) count = w->lent_len - pos;
  if (count > room) count = room;
  if (count == 0) return;
  memcpy(kvsp_storage_bytes(w->carry) + w->carry_end, w->lent + pos, count);
  w->carry_end += count;
  w->copied += count;
  note_most(w);
}

/* Brings up to n bytes from carry_base on into the carry. */
static int gather(struct window *w, size_t n) {
  uint64_t end = kvsp_window_end(w);
  while (carry_len(w) < n && carry_limit(w) < end) {
    int rc = make_room(w, n);
    if (rc != KVSP_OK) return rc;
    append_lent(w, n);
  }
  return KVSP_OK;
}

int kvsp_window_need(struct window *w, size_t n) {
  uint64_t there;
  size_t behind;
  int rc;
  if (w->left >= n) return KVSP_OK;
  there = kvsp_window_end(w) - w->offset;
  if (w->final && there < n) return KVSP_END;
  w->needed = n;
  drop_front(w);
  behind = (size_t)(w->offset - w->carry_base);
  rc = gather(w, behind + n);
  kvsp_window_look(w);
  if (rc != KVSP_OK) return rc;
  if (w->left < n) return KVSP_NEED_INPUT;
  w->needed = 0;
  return KVSP_OK;
}

uint64_t kvsp_window_skip(struct window *w, uint64_t n) {
  uint64_t skipped = 0;
  while (skipped < n && w->left > 0) {
    size_t step = w->left;
    if (step > n - skipped) step = (size_t)(n - skipped);
    window_take(w, step);
    skipped += step;
  }
  return skipped;
}

/* ---- going back ---------------------------------------------------------- */

void kvsp_window_hold(struct window *w) {
  if (w->hold == WINDOW_NO_HOLD) w->hold = w->offset;
}

void kvsp_window_release(struct window *w) {
  w->hold = WINDOW_NO_HOLD;
}

void kvsp_window_seek(struct window *w, uint64_t offset) {
  w->offset = offset;
  w->needed = 0;
  kvsp_window_look(w);
}

/* Those of them that lie in the carry, or else in the lent piece. */
static kvsp_view piece_at(const struct window *w, uint64_t offset, size_t n) {
  kvsp_view v = {NULL, 0};
  if (in_carry(w, offset)) {
    v.data = kvsp_storage_bytes(w->carry) + w->carry_begin +
             (size_t)(offset - w->carry_base);
    v.len = (size_t)(carry_limit(w) - offset);
  } else if (offset >= w->lent_base && offset - w->lent_base < w->lent_len) {
    v.data = w->lent + (size_t)(offset - w->lent_base);
    v.len = w->lent_len - (size_t)(offset - w->lent_base);
  }
  if (v.len > n) v.len = n;
  return v;
}

kvsp_view kvsp_window_peek(struct window *w, uint64_t offset, uint8_t *scratch,
                           size_t n) {
  kvsp_view first = piece_at(w, offset, n);
  kvsp_view second = {NULL, 0};
  if (first.data && first.len < n)
    second = piece_at(w, offset + first.len, n - first.len);
  w->looked += first.len + second.len;
  if (!second.data) return first;
  memcpy(scratch, first.data, first.len);
  memcpy(scratch + first.len, second.data, second.len);
  first.data = scratch;
  first.len += second.len;
  return first;
}

/* With room for half as much again: what is shrunk while it still fills must
 * not be moved over and over. */
int kvsp_window_shrink(struct window *w) {
  size_t len, capacity;
  int rc = KVSP_OK;
  if (!w->carry || w->reserved) return KVSP_OK;
  w->largest = w->carry_most = 0;
  drop_front(w);
  len = carry_len(w);
  capacity = len + len / 2 + CARRY_MIN;
  if (len == 0) {
    release_carry(w);
  } else if (kvsp_storage_is_shared(w->carry)) {
    rc = move_carry(w, capacity);
  } else if (kvsp_storage_capacity(w->carry) / 2 > capacity) {
    compact(w);
    rc = kvsp_storage_resize(w->memory, &w->carry, capacity);
  }
  kvsp_window_look(w);
  return rc == KVSP_ERR_LIMIT_MEMORY ? KVSP_OK : rc;
}

/* ---- receiving into the carry -------------------------------------------- */

/* Where what is carried begins an element that needs just a little more, the
 * room behind it is offered for this alone: the next element then begins in
 * an empty storage, and nothing has to be moved. */
static size_t room_to_offer(const struct window *w, size_t want) {
  size_t room = kvsp_storage_capacity(w->carry) - w->carry_end;
  size_t rest = w->needed > w->left ? w->needed - w->left : 0;
  if (carry_len(w) > MOVE_MAX && rest && rest <= room) return rest;
  return room < want ? room : want;
}

/* What is reserved over and over again goes into one storage nearly twice, and
 * that is below 128 KiB for pieces of 64.  Where large elements come, a storage
 * of two more of them has an end that seldom cuts one. */
static size_t reserve_capacity(const struct window *w, size_t want) {
  return want + want / 4 * 3 + w->largest + w->largest / 2;
}

/* What was asked for in vain is an element's size, which is believed up to
 * twice what of it is there. */
static void note_largest(struct window *w) {
  size_t size = w->left < w->needed / 2 ? 2 * w->left : w->needed;
  if (size > w->largest && size <= RESERVE_MAX) w->largest = size;
}

/* A storage that has become too small for what comes, by a quarter at least,
 * grows where it is, so that there never are two; or stays, where that would be
 * beyond the limit. */
static int grow_carry(struct window *w, size_t capacity) {
  int rc;
  if (kvsp_storage_capacity(w->carry) >= capacity - capacity / 4)
    return KVSP_OK;
  compact(w);
  rc = kvsp_storage_resize(w->memory, &w->carry, capacity);
  if (rc == KVSP_OK) w->copied += carry_len(w);
  return rc == KVSP_ERR_LIMIT_MEMORY ? KVSP_OK : rc;
}

static int prepare_carry(struct window *w, size_t want) {
  size_t len, have;
  int rc;
  drop_front(w);
  note_largest(w);
  len = carry_len(w);
  if (!w->carry || kvsp_storage_is_shared(w->carry))
    return move_carry(w, len + reserve_capacity(w, want));
  rc = grow_carry(w, reserve_capacity(w, want));
  if (rc != KVSP_OK) return rc;
  have = kvsp_storage_capacity(w->carry);
  if (len == 0) return have < want ? move_carry(w, want) : KVSP_OK;
  if (w->needed > have - w->carry_begin)
    return make_room(w, (size_t)(w->offset - w->carry_base) + w->needed);
  if (have - w->carry_end < want && len <= MOVE_MAX) compact(w);
  return KVSP_OK;
}

int kvsp_window_reserve(struct window *w, size_t want, void **data,
                        size_t *capacity) {
  int rc;
  if (!used_up(w)) return KVSP_ERR_STATE;
  if (want < RESERVE_MIN) want = RESERVE_MIN;
  if (want > RESERVE_MAX) want = RESERVE_MAX;
  rc = prepare_carry(w, want);
  if (rc == KVSP_OK && kvsp_storage_capacity(w->carry) == w->carry_end)
    rc = make_room(w, carry_len(w) + want);
  w->lent_len = 0;
  kvsp_window_look(w);
  if (rc != KVSP_OK) return rc;
  w->reserved = room_to_offer(w, want);
  *data = kvsp_storage_bytes(w->carry) + w->carry_end;
  *capacity = w->reserved;
  return KVSP_OK;
}

int kvsp_window_commit(struct window *w, size_t len, bool final) {
  if (!w->reserved) return KVSP_ERR_STATE;
  if (len > w->reserved) return KVSP_ERR_ARG;
  w->reserved = 0;
  w->carry_end += len;
  w->fed += len;
  note_most(w);
  w->final = final;
  kvsp_window_look(w);
  return KVSP_OK;
}

/* ---- keeping ------------------------------------------------------------- */

/* Whether v lies in the carry and nothing that is still wanted follows it, so
 * that its padding may be written. */
static bool ends_carry(const struct window *w, kvsp_view v) {
  uintptr_t begin, data;
  if (!w->carry || v.len == 0) return false;
  begin = (uintptr_t)kvsp_storage_bytes(w->carry);
  data = (uintptr_t)v.data;
  return data >= begin && data + v.len == begin + w->carry_end;
}

int kvsp_window_retain(struct window *w, kvsp_view v, kvsp_buf **out) {
  if (!ends_carry(w, v)) return kvsp_buf_copy(out, v, &w->memory->allocator);
  memset(kvsp_storage_bytes(w->carry) + w->carry_end, 0, KVSP_PADDING);
  return kvsp_slice_new(w->carry, v.data, v.len, out);
}
