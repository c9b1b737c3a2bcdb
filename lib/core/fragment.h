/*
 * fragment.h - what AWS's tags say of a fragment: numbers, times, errors, in
 * the dialects of GetMedia and of GetMediaForFragmentList.  Knows KVS and no
 * bytes.
 */
#ifndef KVSP_CORE_FRAGMENT_H
#define KVSP_CORE_FRAGMENT_H

#include <kvsparse/reader.h>
#include <stdbool.h>

/* All fields absent. */
void kvsp_fragment_init(kvsp_fragment *f);
/* Takes up a SimpleTag if it is one of AWS's; the last one of a name wins.
 * Sets KVSP_FRAGMENT_COMPLETE once both tail tags were there. */
void kvsp_fragment_apply_tag(kvsp_fragment *f, const kvsp_tag *tag);
/* The producer's clock at that time of the fragment. */
int64_t kvsp_fragment_producer_time(const kvsp_fragment *f, int64_t pts_ns);

/* What a tag MimeType says of audio. */
struct audio_format {
  bool known;
  uint32_t sample_rate;
  uint32_t channels;
  uint32_t bit_depth;
  kvsp_view codec_id; /* static */
};

/* Takes up a SimpleTag if it is a MimeType of raw audio, such as Amazon
 * Connect's "audio/L16;rate=8000;channels=1"; true when it was one. */
bool kvsp_audio_format_apply_tag(struct audio_format *format,
                                 const kvsp_tag *tag);

/* When a fragment was, for the one after it. */
struct fragment_span {
  int64_t start_ns;
  int64_t end_ns;
  int64_t producer_time_ns;
};

/* Sets gap_ns and KVSP_FRAGMENT_DISCONTINUITY. */
void kvsp_fragment_follow(kvsp_fragment *f, const struct fragment_span *before);

#endif
