/*
 * timestamp.h - points in time as people type them: Unix seconds or ISO 8601.
 * Knows the calendar; knows no time zone but UTC and what the text says.
 */
#ifndef KVSPARSE_TOOLS_TIMESTAMP_H
#define KVSPARSE_TOOLS_TIMESTAMP_H

#include <stdint.h>

/*
 * "1511852112.513", "2017-11-28T06:55:12.513Z", "2017-11-28 07:55:12+01:00",
 * "20171128T065512.513Z" (as in the file names of dump), "2017-11-28".  UTC
 * where the text names no zone.  EXIT_WELL, or EXIT_USAGE after a complaint
 * that names the option.
 */
int option_time(const char *option, const char *text, int64_t *unix_ns);

#endif
