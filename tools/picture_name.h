/*
 * picture_name.h - the file names of dump's pictures.  Knows what -o may say;
 * knows nothing of files.
 *
 * Whatever a stream holds, a name is made of digits, letters, '-', '.' and of
 * what the user wrote himself: it never leads out of the folder.
 */
#ifndef KVSPARSE_TOOLS_PICTURE_NAME_H
#define KVSPARSE_TOOLS_PICTURE_NAME_H

#include <kvsparse/decoder.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer than what file systems take. */
#define PICTURE_NAME_SIZE 512

struct picture_names {
  char *folder;        /* for free()                                       */
  const char *pattern; /* of the name; NULL: the default names             */
};

/*
 * Takes apart what -o says: a folder, or a pattern (the last part of the path
 * has a '%'), which must tell pictures apart unless only one is wanted.
 * EXIT_WELL, EXIT_USAGE or EXIT_FAILED after a complaint.
 */
int picture_names_parse(struct picture_names *names, const char *output,
                        bool only_one);
void picture_names_free(struct picture_names *names);

/* The name of one picture; count is its number in this run, from 0, extension
 * "png", with_track puts the track into a default name.  False when it would
 * be too long. */
bool picture_name(char out[PICTURE_NAME_SIZE],
                  const struct picture_names *names,
                  const kvsp_picture *picture, uint64_t count,
                  const char *extension, bool with_track);

#endif
