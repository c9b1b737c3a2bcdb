/*
 * intact.h - what is in a sound stream, byte for byte: its elements, frames
 * and documents, as the tokenizer and the reader see them; and which of them
 * are whole, and still mean the same, in a damaged copy of it.  Knows
 * Matroska's structure; never reads a damaged stream itself.
 */
#ifndef KVSPARSE_TESTS_INTACT_H
#define KVSPARSE_TESTS_INTACT_H

#include <kvsparse/reader.h>

#include "support/damage.h"

#define INTACT_NONE SIZE_MAX

struct sound_element {
  uint64_t id;
  size_t begin;   /* of the header                                         */
  size_t content; /* behind the header                                     */
  size_t end;
  bool known_size;
};

/* Places in a struct sound's elements; INTACT_NONE: has none. */
struct sound_document {
  size_t ebml, segment;
  size_t info, tracks;
  size_t number_tags; /* the Tags with the fragment number                 */
  char number[130];   /* "" without one                                    */
};

struct sound_frame {
  size_t block;     /* its SimpleBlock or BlockGroup among the elements    */
  size_t timestamp; /* its Cluster's Timestamp among them                  */
  size_t document;
  size_t offset, size;
  uint64_t track;
  int64_t pts_ns;
  bool first_of_lace;
};

struct sound {
  struct bytes data;
  struct sound_element *elements; /* by begin                              */
  size_t element_count;
  struct sound_frame *frames; /* by offset                                 */
  size_t frame_count;
  struct sound_document *documents;
  size_t document_count;
  size_t largest_block;
};

/* Takes over data.  Ends the program with a message when the stream is not
 * sound. */
void sound_read(struct sound *s, struct bytes *data);
void sound_free(struct sound *s);

/* Where the document begins; where the stream ends, for the number of
 * documents. */
size_t sound_document_begin(const struct sound *s, size_t document);
/* The element whose bytes hold at (the innermost); INTACT_NONE: none. */
size_t sound_element_at(const struct sound *s, size_t at);
/* The frame's Block, whole, header and all. */
const struct sound_element *sound_block(const struct sound *s,
                                        const struct sound_frame *f);

/* What must be right about a frame whose Block stands whole at a place of the
 * damaged stream: what it depends on is whole too, came before it, and
 * nothing else took its place in between. */
struct claim {
  bool frame;  /* it comes out, with its bytes and its track               */
  bool time;   /* and with its time                                        */
  bool number; /* and with its fragment's number                           */
};

struct claim intact_claim(const struct sound *s, const struct sound_frame *f,
                          const struct damage *d, size_t block_at);

/*
 * Whether no reader can see the damage, because what it left is again a
 * stream without a fault: wherever bytes are missing or come twice, what is
 * left of the elements that were open before is as long as those that are
 * open behind it have to go.
 */
bool intact_is_seamless(const struct sound *s, const struct damage *d);

/*
 * Whether the place lies in what a torn Block, or one of another size now,
 * takes in, and that ends exactly where an element begins, or where what is
 * left of one looks like elements that may stand there and say nothing (of a
 * kind that nobody knows, for one).  Then the stream is again one without a
 * fault, and what the Block holds is a frame: any bytes may be one.
 */
bool intact_is_swallowed(const struct sound *s, const struct damage *d,
                         size_t at);

/* Whether bytes changed and none moved: *from to *to holds all that did. */
bool intact_is_substitution(const struct sound *s, const struct damage *d,
                            size_t *from, size_t *to);

#endif
