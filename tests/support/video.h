/*
 * video.h - encoded frames as a reader would give them, and as Matroska: the
 * track, blocks, a whole fragment.  Knows encode.h and mux.h.
 */
#ifndef KVSPARSE_TESTS_VIDEO_H
#define KVSPARSE_TESTS_VIDEO_H

#include <kvsparse/reader.h>

#include "support/encode.h"
#include "support/mux.h"

#define VIDEO_FRAME_MS 40

/* Track 1, of video, as the reader tells of it and as mux.h writes it; what
 * they point to is the encoded's. */
kvsp_track video_track(const struct encoded *e);
struct mux_track video_mux_track(const struct encoded *e);

/* Packet i as a SimpleBlock of track 1, in a Cluster whose time is that of the
 * picture first. */
void video_block(struct bytes *b, const struct encoded *e, size_t i,
                 size_t first);
/* All packets as a fragment with the service's tags: the index-th, a second
 * behind the one before. */
void video_fragment(struct bytes *b, const struct mux_track *track,
                    const struct encoded *e, unsigned index);

#endif
