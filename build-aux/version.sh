#!/bin/sh
# Prints the project's version, which stands in include/kvsparse/common.h and
# nowhere else.  Usage: version.sh [TOP_SRCDIR]
sed -n 's/^#define KVSP_VERSION_[A-Z]* \([0-9][0-9]*\)$/\1/p' \
  "${1:-.}/include/kvsparse/common.h" | tr '\n' . | sed 's/\.$//'
