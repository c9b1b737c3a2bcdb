/*
 * faults.h - what is wrong with the data, for people: one line for the first
 * fault of a run, and one for the first at each limit, with the option that
 * raises it.  (All of them are in the output.)  Knows codes and options;
 * knows no subcommand.
 */
#ifndef KVSPARSE_TOOLS_FAULTS_H
#define KVSPARSE_TOOLS_FAULTS_H

#include <kvsparse/kvsparse.h>
#include <stdbool.h>

/* Zero it. */
struct faults {
  bool told;            /* one that is no limit                             */
  unsigned limits_told; /* bits                                             */
};

/* KVSP_ERR_LIMIT_*, as a limit that an option raises. */
bool faults_is_limit(int status);
/* "FILE: bytes 8-12: REASON" */
void faults_tell_gap(struct faults *faults, const char *name,
                     const kvsp_gap *gap);
/* "FILE: byte 8: REASON" */
void faults_tell_byte(struct faults *faults, const char *name, uint64_t offset,
                      int status, const char *reason);
/* Why it could not begin: what a function that makes a reader returned. */
void faults_tell_start(const char *name, int status);
/* What stopped the reading: error is of the reader or the tokenizer. */
void faults_tell_error(struct faults *faults, const char *name,
                       const kvsp_error_info *error, int status);

#endif
