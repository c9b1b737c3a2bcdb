#!/bin/sh
# The C program in README.md compiles against what was built, runs on a stream
# that `kvsparse generate` made and tells of each of its frames.
: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=cc}"
: "${KVSPARSE:=$top_builddir/tools/kvsparse}"
work=readme_$$
mkdir "$work" || exit 1
trap 'rm -rf "$work"' EXIT

if [ -z "$HAVE_FFMPEG" ]; then
  echo "1..0 # SKIP the program wants libkvsparse-av, so FFmpeg"
  exit 77
fi

n=0
# step NAME COMMAND...: one line of TAP; what follows needs it, so stop there
step() {
  name=$1
  shift
  n=$((n + 1))
  if "$@"; then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    exit 1
  fi
}

extract() {
  awk '/^```c$/ { inside = 1; next }
       /^```$/ { if (inside) exit }
       inside' "$top_srcdir/README.md" >"$work/program.c"
  [ -s "$work/program.c" ] && [ "$(wc -l <"$work/program.c")" -le 30 ]
}

compile() {
  # shellcheck disable=SC2086
  $CC $CFLAGS -std=c11 -Wall -Wextra -Wpedantic -Werror \
    -I"$top_srcdir/include" -c "$work/program.c" -o "$work/program.o" &&
    "$top_builddir/libtool" --quiet --tag=CC --mode=link $CC $CFLAGS \
      "$work/program.o" "$top_builddir/lib/av/libkvsparse-av.la" \
      "$top_builddir/lib/core/libkvsparse.la" -o "$work/program"
}

generate() {
  "$KVSPARSE" generate -o "$work/sample.mkv" && [ -s "$work/sample.mkv" ]
}

run() {
  "$work/program" <"$work/sample.mkv" >"$work/output"
}

# One line a picture, one picture a video frame, and they are not all dark.
check() {
  frames=$("$KVSPARSE" dump --force -o "$work/frames" "$work/sample.mkv" \
    >/dev/null && find "$work/frames" -type f | wc -l)
  lines=$(wc -l <"$work/output")
  echo "# $frames frames, $lines lines, the first: $(head -n 1 "$work/output")"
  [ "$lines" -gt 0 ] && [ "$frames" -eq "$lines" ] &&
    ! grep -qvE '^[0-9]+\.[0-9]{3} s: [0-9]+\.[0-9]$' "$work/output" &&
    grep -qv ': 0\.0$' "$work/output"
}

step "README.md has a C program of at most 30 lines" extract
step "it compiles" compile
step "kvsparse generate makes a stream" generate
step "the program runs on it" run
step "it tells of each picture" check
echo "1..$n"
