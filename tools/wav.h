/*
 * wav.h - what WAV files begin with, and which tracks fit into one.  Pure
 * functions: knows the bytes of RIFF and WAVEFORMATEX and Matroska's CodecIDs
 * of plain sound; knows no files and no decoders.
 */
#ifndef KVSPARSE_TOOLS_WAV_H
#define KVSPARSE_TOOLS_WAV_H

#include <kvsparse/reader.h>
#include <stdbool.h>

enum wav_tag { WAV_PCM = 1, WAV_FLOAT = 3, WAV_ALAW = 6, WAV_MULAW = 7 };

/* More is taken for a mistake of the stream. */
#define WAV_RATE_MAX 1000000u
#define WAV_CHANNELS_MAX 64u

struct wav_format {
  unsigned tag;      /* enum wav_tag                                       */
  uint32_t rate;     /* Hz                                                 */
  unsigned channels; /* interleaved                                        */
  unsigned bits;     /* of one sample of one channel: 8, 16, 24, 32, 64    */
  bool big_endian;   /* in the track: to be turned around for the file     */
};

/* RIFF, fmt, fact and the beginning of data. */
#define WAV_HEADER_MAX 58
/* For wav_header(): it is not known yet, as in a pipe. */
#define WAV_SIZE_UNKNOWN UINT64_MAX

/* True when the CodecID is one of plain sound (PCM, G.711). */
bool wav_holds(const kvsp_track *track);
/* The format of such a track.  NULL, or in words what is wrong with it. */
const char *wav_format_of(struct wav_format *out, const kvsp_track *track);
bool wav_same_format(const struct wav_format *a, const struct wav_format *b);
/* Bytes of one sample of all channels. */
size_t wav_frame_size(const struct wav_format *format);
/* The byte that silence is made of. */
int wav_silence(const struct wav_format *format);
/* Writes the header of a file with so many bytes of sound and returns its
 * length, which depends on the format alone.  What is more than the header can
 * tell (4 GiB) is told as unknown, which players take for "to the end". */
size_t wav_header(uint8_t out[WAV_HEADER_MAX], const struct wav_format *format,
                  uint64_t data_size);

#endif
