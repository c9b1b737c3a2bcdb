/*
 * text.h - the stream's strings as Matroska wants them.  Pure functions.
 */
#ifndef KVSPARSE_MATROSKA_TEXT_H
#define KVSPARSE_MATROSKA_TEXT_H

#include <kvsparse/common.h>

#include <string>

namespace kvsp {

/* Valid UTF-8: bytes that are none become U+FFFD; a NUL ends it. */
std::string utf8(kvsp_view view);
/* Printable ASCII: other bytes become '?'; a NUL ends it. */
std::string ascii(kvsp_view view);
/* "2017-11-28T06:55:12.513Z"; empty where there is no such year. */
std::string date(int64_t unix_ns);

}  // namespace kvsp

#endif
