/*
 * reference.h - what libavcodec makes of packets by itself, to compare with.
 * Knows no decoder of ours.
 */
#ifndef KVSPARSE_TESTS_REFERENCE_H
#define KVSPARSE_TESTS_REFERENCE_H

#include <kvsparse/decoder.h>
#include <libavutil/frame.h>

#include "encode.h"

/* Pictures in the order in which they are shown. */
struct reference {
  AVFrame **frames;
  size_t *packet; /* from which packet each one is                         */
  size_t count;
};

/* Starts empty ({ 0 }); decode frees nothing that was there. */
void reference_decode(struct reference *r, const struct encoded *e);
/* Takes over the frame. */
void reference_add(struct reference *r, AVFrame *frame, size_t packet);
void reference_free(struct reference *r);
/* 1 when a native picture has the same format, size and samples. */
int reference_equal(const struct reference *r, size_t i,
                    const kvsp_picture *picture);

#endif
