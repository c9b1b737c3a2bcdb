/*
 * stub_codec.h - in the place of libavcodec and libswscale, for fuzzing: what
 * a decoder and a converter answer comes out of a script, so that lib/av meets
 * every answer there is, in any order, at hundreds of streams a second.  Knows
 * how the functions that lib/av calls are to behave; decodes nothing.
 *
 * Link it instead of -lavcodec -lswscale; libavutil is the real one.
 */
#ifndef KVSPARSE_FUZZ_STUB_CODEC_H
#define KVSPARSE_FUZZ_STUB_CODEC_H

#include <stddef.h>
#include <stdint.h>

/* The largest picture that the stub ever makes, and one that it only asks
 * for: lib/av is to refuse it. */
#define STUB_WIDTH_MAX 20000
#define STUB_WIDTH_ABSURD 65535

/*
 * From here on, decisions are taken from the script, a byte each; behind its
 * end they are 0, the plain way: each frame is one picture, at once.  The
 * bytes must stay where they are.
 */
void stub_codec_start(const uint8_t *script, size_t len);

/* Decoders and converters that are open: 0 when all were given back. */
size_t stub_codec_open_count(void);

#endif
