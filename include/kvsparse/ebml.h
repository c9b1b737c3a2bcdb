/*
 * ebml.h - EBML by itself: numbers, values and element headers, read and
 * written by pure functions, and the table of Matroska's elements.
 *
 * RFC 8794 defines EBML, RFC 9559 Matroska.  Nothing here keeps state or
 * allocates; every function may be called from any thread.
 */
#ifndef KVSPARSE_EBML_H
#define KVSPARSE_EBML_H

#include <kvsparse/common.h>
#include <kvsparse/element_ids.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The size of an element that does not tell its size (RFC 8794, 6.2). */
#define KVSP_SIZE_UNKNOWN UINT64_MAX

/*
 * Reading.  The four that read a VINT return the bytes it took (1 to 8), 0
 * when v ends before it does, KVSP_ERR_EBML when v does not begin with one
 * (its first byte is 0, so that it would be longer than 8), or KVSP_ERR_ARG
 * when v.data (with a v.len) or the pointer for the value is NULL.
 */

/* An element ID, with its marker bits, as specifications print it (Segment
 * is 0x18538067).  All value bits one, and an ID that would fit in fewer bytes
 * are KVSP_ERR_EBML (RFC 8794, 5). */
KVSP_API int kvsp_ebml_read_id(kvsp_view v, uint64_t *id);
/* An element size; all value bits one, at any length, is KVSP_SIZE_UNKNOWN. */
KVSP_API int kvsp_ebml_read_size(kvsp_view v, uint64_t *size);
/* A number with its marker taken off and nothing reserved: a Block's track
 * number, a first lace size (RFC 9559, 10.1 and 10.3). */
KVSP_API int kvsp_ebml_read_vint(kvsp_view v, uint64_t *value);
/* The signed difference of EBML lacing (RFC 9559, 10.3.3). */
KVSP_API int kvsp_ebml_read_signed_vint(kvsp_view v, int64_t *value);

/*
 * Payloads; v is the whole payload of one element.  KVSP_OK,
 * KVSP_ERR_SCHEMA when the type does not allow that length, or KVSP_ERR_ARG
 * when v.data (with a v.len) or value is NULL.  An empty payload
 * is valid and means 0 (RFC 8794, 7); a default of the element's own is the
 * caller's to apply.
 */
KVSP_API int kvsp_ebml_uint(kvsp_view v, uint64_t *value);   /* 0 to 8 bytes */
KVSP_API int kvsp_ebml_int(kvsp_view v, int64_t *value);     /* 0 to 8 bytes */
KVSP_API int kvsp_ebml_float(kvsp_view v, double *value);    /* 0, 4, 8      */
/* Nanoseconds since the Unix epoch; 0 or 8 bytes. A date that int64_t cannot
 * hold is KVSP_ERR_SCHEMA.  The empty payload is 2001-01-01T00:00:00 UTC. */
KVSP_API int kvsp_ebml_date(kvsp_view v, int64_t *unix_ns);
/* The string without what follows its first NUL: writers pad with NULs
 * (RFC 8794, 7.4 and 7.5).  Empty when v.data is NULL. */
KVSP_API kvsp_view kvsp_ebml_string(kvsp_view v);

/*
 * Writing into out, which has room for capacity bytes.  Each returns the
 * bytes written, or 0 when they do not fit (or cannot be expressed, or out or
 * the bytes to be written are NULL).
 */
KVSP_API size_t kvsp_ebml_write_id(uint8_t *out, size_t capacity, uint64_t id);
/* length is the bytes to use, 1 to 8, or 0 for the fewest.  size may be
 * KVSP_SIZE_UNKNOWN (length 0 then takes 1). */
KVSP_API size_t kvsp_ebml_write_size(uint8_t *out, size_t capacity,
                                     uint64_t size, unsigned length);
/* Whole elements, header and payload, in the fewest bytes. */
KVSP_API size_t kvsp_ebml_write_uint(uint8_t *out, size_t capacity,
                                     uint64_t id, uint64_t value);
KVSP_API size_t kvsp_ebml_write_float(uint8_t *out, size_t capacity,
                                      uint64_t id, double value);
KVSP_API size_t kvsp_ebml_write_binary(uint8_t *out, size_t capacity,
                                       uint64_t id, kvsp_view value);

/* The types of RFC 8794, section 7. */
enum kvsp_element_type {
  KVSP_TYPE_MASTER = 1,
  KVSP_TYPE_UINT = 2,
  KVSP_TYPE_INT = 3,
  KVSP_TYPE_FLOAT = 4,
  KVSP_TYPE_STRING = 5, /* ASCII                                           */
  KVSP_TYPE_UTF8 = 6,
  KVSP_TYPE_DATE = 7,
  KVSP_TYPE_BINARY = 8
};

enum kvsp_element_flags {
  KVSP_ELEMENT_RECURSIVE = 1,    /* may lie in itself (SimpleTag)          */
  KVSP_ELEMENT_UNKNOWN_SIZE = 2, /* may be of unknown size                 */
  KVSP_ELEMENT_GLOBAL = 4,       /* may lie in any master (Void, CRC-32)   */
  KVSP_ELEMENT_MANDATORY = 8,    /* its parent must have it                */
  KVSP_ELEMENT_MULTIPLE = 16,    /* may occur several times in its parent  */
  KVSP_ELEMENT_HAS_DEFAULT = 32  /* default_value counts                   */
};

/* One element of the table; static, valid for ever. */
typedef struct kvsp_element_info {
  uint64_t id;
  const char *name; /* RFC 9559's: "SimpleBlock"                           */
  const char *path; /* "\\Segment\\Cluster\\SimpleBlock", in the notation of
                       RFC 8794, 11.1.6.2                                  */
  uint64_t parent_id; /* 0 at the top level and for global elements        */
  uint8_t type;       /* KVSP_TYPE_*                                       */
  uint8_t level;      /* 0 for EBML and Segment                            */
  uint16_t flags;     /* KVSP_ELEMENT_*                                    */
  union {
    uint64_t u;    /* KVSP_TYPE_UINT                                       */
    int64_t i;     /* KVSP_TYPE_INT, KVSP_TYPE_DATE                        */
    double f;      /* KVSP_TYPE_FLOAT                                      */
    const char *s; /* KVSP_TYPE_STRING, KVSP_TYPE_UTF8                     */
  } default_value;
} kvsp_element_info;

/* The element of that ID, NULL when the table does not know it. */
KVSP_API const kvsp_element_info *kvsp_element_by_id(uint64_t id);
/* The element of that name (case counts), NULL when there is none. */
KVSP_API const kvsp_element_info *kvsp_element_by_name(const char *name);
/* All of them, by rising ID: index 0 to count - 1, NULL beyond. */
KVSP_API const kvsp_element_info *kvsp_element_at(size_t index);
/* 1 when an element of that ID may be a direct child of that parent (0 for
 * the top level); global and recursive elements are taken into account. */
KVSP_API int kvsp_element_allowed_in(const kvsp_element_info *element,
                                     uint64_t parent_id);

#ifdef __cplusplus
}
#endif
#endif
