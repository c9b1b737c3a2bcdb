/*
 * carried.h - what a TrackEntry says that the reader has no name for: Colour,
 * DisplayWidth, CodecDelay, FlagForced...  It goes into the file as the bytes
 * that it was.  Knows which elements the track table writes itself; knows no
 * values.
 */
#ifndef KVSPARSE_MATROSKA_CARRIED_H
#define KVSPARSE_MATROSKA_CARRIED_H

#include <kvsparse/common.h>
#include <matroska/KaxTracks.h>

#include <cstdint>

namespace kvsp {

/* Puts the children that source has (kvsp_track.entry) into the entry, but for
 * those of which the table has a better one, or that are not true of the file.
 */
void carry(libmatroska::KaxTrackEntry &entry, kvsp_view source);
bool is_carried(const libmatroska::KaxTrackEntry &entry, uint32_t id);
/* Deletes all children of that ID, carried or not. */
void remove_children(libmatroska::KaxTrackEntry &entry, uint32_t id);

}  // namespace kvsp

#endif
