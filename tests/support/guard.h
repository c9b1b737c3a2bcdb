/*
 * guard.h - memory that ends where reading is forbidden, so that a parser
 * that looks one byte too far dies at once, under any build.  Knows pages;
 * knows nothing of what is in them.
 */
#ifndef KVSPARSE_TESTS_GUARD_H
#define KVSPARSE_TESTS_GUARD_H

#include <stddef.h>
#include <stdint.h>

/*
 * A copy of len bytes (writable) whose end touches a page that can be neither
 * read nor written.  len may be 0, data may then be NULL.  Never NULL: the
 * program ends with a message when there is no memory.  Free it with
 * guard_free and the same len.
 */
uint8_t *guard_copy(const void *data, size_t len);

/* NULL is fine. */
void guard_free(uint8_t *copy, size_t len);

/*
 * The same for many pieces, one after the other: small ones share their
 * memory, which guard_take_back does not unmap but spoils.  One at a time.
 */
uint8_t *guard_lend(const void *data, size_t len);
/* NULL is fine. */
void guard_take_back(uint8_t *piece, size_t len);

#endif
