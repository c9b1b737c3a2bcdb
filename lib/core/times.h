/*
 * times.h - times in nanoseconds, exactly: no double, no silent wrapping.
 * What cannot be expressed becomes KVSP_TIME_NONE.
 */
#ifndef KVSP_CORE_TIMES_H
#define KVSP_CORE_TIMES_H

#include <kvsparse/common.h>

/* ticks * scale; KVSP_TIME_NONE in gives KVSP_TIME_NONE out, here and below. */
int64_t kvsp_time_scale(int64_t ticks, uint64_t scale);
int64_t kvsp_time_add(int64_t a, int64_t b);
int64_t kvsp_time_subtract(int64_t a, int64_t b);
/* A Cluster's Timestamp plus a Block's, times the scale.  The Block's is first
 * multiplied by its track's scale, in 1/2^32 (RFC 9559, 5.1.4.1.16). */
int64_t kvsp_time_of_block(uint64_t cluster, int16_t block,
                           uint64_t track_scale, uint64_t scale);

/* Decimal seconds, "1511852109.126" or "-0.5" or "7", to nanoseconds; digits
 * beyond the ninth decimal are cut.  KVSP_TIME_NONE when it is none. */
int64_t kvsp_time_parse_seconds(kvsp_view text);
/* A decimal integer, with a sign or not.  KVSP_TIME_NONE when it is none. */
int64_t kvsp_time_parse_integer(kvsp_view text);

#endif
