#!/bin/sh
# The whole programs in the comments of merger.h, finisher.h and extractor.h
# compile against what was built, and do what the subcommands do.
: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=cc}" "${CXX:=c++}"
: "${KVSPARSE:=$top_builddir/tools/kvsparse}"
: "${HAVE_FFMPEG:=}" "${HAVE_MATROSKA:=}"
work=programs_$$
mkdir "$work" || exit 1
trap 'rm -rf "$work"' EXIT

n=0
status=0
ok() { # NAME COMMAND...
  name=$1
  shift
  n=$((n + 1))
  if "$@"; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    status=1
  fi
}
skip() { # NAME WHY
  n=$((n + 1))
  echo "ok $n - $1 # SKIP $2"
}

# program HEADER: from its #include to the prose behind it.
program() {
  awk '!inside && /^ \*   #include/ { inside = 1 }
    inside && /^ \* [^ ]/ { exit }
    inside && /^ \*\/$/ { exit }
    inside { print substr($0, 6) }' "$top_srcdir/include/kvsparse/$1.h"
}
# Links with the C++ compiler where C++ is inside and nothing is shared.
tag=CC
linker=$CC
# makes HEADER LIBRARY...
makes() {
  header=$1
  shift
  program "$header" >"$work/$header.c"
  # shellcheck disable=SC2086
  $CC $CFLAGS -std=c99 -Wall -Wextra -Wpedantic -Werror \
    -I"$top_srcdir/include" -c "$work/$header.c" -o "$work/$header.o" &&
    "$top_builddir/libtool" --quiet --tag=$tag --mode=link $linker $CFLAGS \
      "$work/$header.o" "$@" "$top_builddir/lib/core/libkvsparse.la" \
      -o "$work/$header"
}

if [ -n "$HAVE_FFMPEG" ]; then
  "$KVSPARSE" generate --size 160x120 --seconds 4 -o "$work/stream.mkv" ||
    exit 1
else
  skip "the programs" "without FFmpeg there is no stream to try them on"
  echo "1..$n"
  exit 0
fi

ok "merger.h's compiles" makes merger
"$work/merger" <"$work/stream.mkv" >"$work/merged"
ok "and runs" test $? -eq 0
"$KVSPARSE" merge "$work/stream.mkv" >"$work/expected"
ok "and merges" cmp "$work/merged" "$work/expected"

if [ -n "$HAVE_MATROSKA" ]; then
  if [ ! -f "$top_builddir/lib/matroska/.libs/libkvsparse-matroska.so" ]; then
    tag=CXX
    linker=$CXX
  fi
  ok "finisher.h's compiles" makes finisher \
    "$top_builddir/lib/matroska/libkvsparse-matroska.la"
  tag=CC
  linker=$CC
  (cd "$work" && ./finisher <stream.mkv)
  ok "and runs" test $? -eq 0
  "$KVSPARSE" finish -o "$work/expected.mkv" "$work/stream.mkv"
  ok "and finishes" cmp "$work/finished.mkv" "$work/expected.mkv"
else
  skip "finisher.h's" "no libmatroska"
fi

ok "extractor.h's compiles" makes extractor \
  "$top_builddir/lib/av/libkvsparse-av.la"
"$work/extractor" <"$work/stream.mkv" >"$work/extracted" 2>"$work/log"
ok "and runs" test $? -eq 0
"$KVSPARSE" extract -q --track 1 "$work/stream.mkv" >"$work/expected"
ok "and extracts" cmp "$work/extracted" "$work/expected"
echo "1..$n"
exit $status
