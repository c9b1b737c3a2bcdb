/*
 * fuzz_recovery.c - a sound stream, made as the input says, broken in one
 * place, as the input says: whatever is intact must come out, nothing wrong
 * may come out unmarked, in pieces as whole (support/judge.h).
 */
#include <stdio.h>
#include <string.h>

#include "fuzz/fuzz_check.h"
#include "fuzz/fuzz_input.h"
#include "support/build.h"
#include "support/judge.h"
#include "support/stream.h"

#define VIDEO 1
#define AUDIO 2
#define DOCUMENTS_MAX 4
#define BLOCKS_MAX 12
#define JUNK_MAX 1000
#define LARGEST_TAGS 300

/* The bytes that say how the stream is made, one after the other; zeros when
 * they are used up. */
struct plan {
  const uint8_t *data;
  size_t left;
  unsigned seed; /* of the next payload, so that no two are alike            */
};

static unsigned next(struct plan *p) {
  if (p->left == 0) return 0;
  p->left--;
  return *p->data++;
}

/* Sizes of all magnitudes. */
static size_t next_size(struct plan *p) {
  unsigned choice = next(p);
  if (choice < 128) return choice;
  return (size_t)(choice - 127) * (next(p) % 16 + 1);
}

/* ---- streams -------------------------------------------------------------------- */

static void put_tags(struct bytes *b, unsigned number) {
  const struct mux_tag user = {"where", "at the door"};
  char text[32], time[32];
  snprintf(text, sizeof text, "9134385233318143%u", number);
  snprintf(time, sizeof time, "%u.125", 1511852100 + number);
  mux_tags(b, &user, 1);
  mux_head_tags(b, text, time, time);
}

static void put_lace(struct bytes *b, uint64_t track, int16_t timecode,
                     struct plan *p) {
  unsigned lacing = 1 + next(p) % 3;
  unsigned count = 2 + next(p) % 4;
  size_t sizes[5];
  for (unsigned i = 0; i < count; i++)
    sizes[i] = lacing == KVSP_LACING_FIXED && i ? sizes[0] : 1 + next_size(p);
  build_laced(b, track, timecode, lacing, sizes, count, p->seed);
  p->seed += count;
}

/* A BlockGroup, or a SimpleBlock with a header as short as can be. */
static void put_short(struct bytes *b, uint64_t track, int16_t timecode,
                      size_t len, bool is_group, unsigned seed) {
  struct bytes content = {0}, block = {0}, payload = {0};
  build_append_payload(&payload, len, seed);
  build_block(&block, track, timecode, is_group ? 0 : 0x80, payload.data,
              payload.len);
  if (is_group) {
    mux_binary(&content, KVSP_ID_BLOCK, block.data, block.len);
    mux_uint(&content, KVSP_ID_BLOCK_DURATION, 40);
    stream_master(b, KVSP_ID_BLOCK_GROUP, &content);
  } else {
    mux_binary(b, KVSP_ID_SIMPLE_BLOCK, block.data, block.len);
  }
  bytes_free(&content);
  bytes_free(&block);
  bytes_free(&payload);
}

static void put_one_block(struct bytes *b, int16_t timecode, struct plan *p) {
  unsigned kind = next(p);
  uint64_t track = kind & 1 ? AUDIO : VIDEO;
  size_t len = next_size(p);
  switch (kind >> 1 & 3) {
    case 0:
      build_frame(b, track, timecode, (uint8_t)((kind & 8) << 4), len,
                  p->seed++);
      break;
    case 1: put_short(b, track, timecode, len, false, p->seed++); break;
    case 2: put_short(b, track, timecode, len, true, p->seed++); break;
    default: put_lace(b, track, timecode, p);
  }
  if (kind >> 4 == 1) mux_binary(b, KVSP_ID_VOID, "1234567", 7);
}

static void put_cluster(struct bytes *b, uint64_t timestamp, struct plan *p) {
  unsigned shape = next(p);
  unsigned blocks = 1 + shape % BLOCKS_MAX;
  struct bytes content = {0};
  mux_uint(&content, KVSP_ID_TIMESTAMP, timestamp);
  if (shape & 0x40) mux_uint(&content, KVSP_ID_POSITION, 0);
  for (unsigned i = 0; i < blocks; i++)
    put_one_block(&content, (int16_t)(i * 20), p);
  if (shape & 0x80) {
    stream_master(b, KVSP_ID_CLUSTER, &content);
  } else {
    mux_begin_unknown(b, KVSP_ID_CLUSTER, 1 + shape % 8);
    bytes_append(b, content.data, content.len);
  }
  bytes_free(&content);
}

static void put_document(struct bytes *b, unsigned number, struct plan *p) {
  unsigned shape = next(p);
  unsigned clusters = 1 + shape % 3;
  mux_document(b);
  mux_info(b, shape & 0x10 ? 100000 : 0);
  build_tracks(b);
  put_tags(b, number);
  for (unsigned i = 0; i < clusters; i++)
    put_cluster(b, number * 10000 + i * 1000, p);
  if (shape & 0x20) mux_tail_tags(b, "9134385233318143", "15858");
}

static void make_stream(struct sound *s, const struct fuzz_input *in) {
  struct plan p = {in->data, in->size, 1};
  unsigned documents = 1 + next(&p) % DOCUMENTS_MAX;
  struct bytes b = {0};
  for (unsigned i = 1; i <= documents; i++) put_document(&b, i, &p);
  sound_read(s, &b);
}

/* ---- damage --------------------------------------------------------------------- */

enum kind { CUT, CUT_END, JOIN, INSERT, OVERWRITE, FLIP, DROP, TWICE, KINDS };

/* A place in the stream: mostly one in or about a header. */
static size_t choose_place(const struct sound *s, struct fuzz_input *in) {
  unsigned choice = fuzz_two_bytes(in);
  unsigned shift = fuzz_byte(in);
  const struct sound_element *e;
  size_t place;
  if (shift >= 224) return choice % s->data.len;
  e = &s->elements[choice % s->element_count];
  place = shift < 32 ? e->begin + shift : e->begin + shift % 8;
  return place < s->data.len ? place : s->data.len - 1;
}

static size_t next_document(const struct sound *s, size_t place) {
  size_t i = 0;
  while (sound_document_begin(s, i) <= place) i++;
  return sound_document_begin(s, i);
}

/*
 * Whether an intact frame may be lost: where whole ranges are missing or come
 * twice (tests/test_recovery.c tells why), and where bytes are new: a fuzzer
 * has the time to choose them so that they look like a Timestamp, right before
 * the Cluster's own.
 */
static bool make_damage(struct damage *d, const struct sound *s,
                        struct fuzz_input *in) {
  unsigned kind = fuzz_byte(in) % KINDS;
  size_t place = choose_place(s, in);
  size_t other = choose_place(s, in);
  size_t size = 1 + fuzz_two_bytes(in) % JUNK_MAX;
  size_t from = place < other ? place : other;
  size_t to = place < other ? other : place + 1;
  unsigned bit = (unsigned)size % 8;
  d->random = 1 + fuzz_two_bytes(in);
  if (kind == CUT) damage_cut(d, &s->data, place, next_document(s, place));
  if (kind == CUT_END) damage_cut_end(d, &s->data, place);
  if (kind == JOIN) damage_join(d, &s->data, place);
  if (kind == INSERT) damage_insert(d, &s->data, place, size);
  if (kind == OVERWRITE) damage_overwrite(d, &s->data, place, size);
  if (kind == FLIP) damage_flip(d, &s->data, place, bit);
  if (kind == DROP) damage_drop(d, &s->data, from, to);
  if (kind == TWICE) damage_duplicate(d, &s->data, from, to);
  return kind == DROP || kind == TWICE || kind == INSERT || kind == OVERWRITE;
}

/* What is again a stream without a fault cannot be seen by any reader: what
 * it says counts then, whatever it was made of. */
static bool is_sound_again(const struct damage *d) {
  const kvsp_reader_config config = {.struct_size = sizeof config,
                                     .flags = KVSP_READ_STRICT};
  const kvsp_item *item;
  kvsp_reader *r;
  int rc = kvsp_reader_new(&r, &config);
  if (rc == KVSP_OK)
    rc = kvsp_reader_input(r, d->data.data, d->data.len, KVSP_FINAL);
  while (rc == KVSP_OK) rc = kvsp_reader_next(r, &item);
  kvsp_reader_free(r);
  return rc == KVSP_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in;
  struct sound sound;
  struct judge judge = {.sound = &sound};
  struct damage damage = {0};
  unsigned piece;
  bool may_lose, is_tight;
  fuzz_input_open(&in, data, size);
  make_stream(&sound, &in);
  may_lose = make_damage(&damage, &sound, &in);
  piece = fuzz_byte(&in);
  /* Limits as tight as the Blocks are must have room for Tags as well. */
  is_tight = fuzz_byte(&in) & 1 && sound.largest_block >= LARGEST_TAGS;
  if (damage.data.len > 0) judge_damage(&judge, &damage, piece, is_tight);
  FUZZ_CHECK(may_lose || judge.lost == 0 || is_sound_again(&damage),
             "what is intact comes out");
  FUZZ_CHECK(judge.wrong == 0 || is_sound_again(&damage),
             "what is wrong is marked");
  FUZZ_CHECK(may_lose || judge.twice == 0, "no frame comes twice");
  FUZZ_CHECK(judge.other == 0, "all other promises");
  judge_free(&judge);
  damage_free(&damage);
  sound_free(&sound);
  return 0;
}
