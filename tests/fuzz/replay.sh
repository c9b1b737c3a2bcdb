#!/bin/sh
# The fuzz targets, built as any other program, on the inputs that are checked
# in and on the seeds: each keeps its promises on all of them.
: "${top_srcdir:=.}" "${top_builddir:=.}" "${HAVE_FFMPEG:=}"
: "${KVSPARSE:=$top_builddir/tools/kvsparse}"
export KVSPARSE
work=replay_$$
mkdir "$work" || exit 99
trap 'rm -rf "$work"' EXIT

n=0
failed=0
# replay TARGET NAME FOLDER
replay() {
  n=$((n + 1))
  if "$top_builddir/tests/fuzz/fuzz_$1" "$3" >"$work/out" 2>"$work/err"; then
    echo "ok $n - fuzz_$1: $2, $(cat "$work/out")"
    return
  fi
  failed=1
  echo "not ok $n - fuzz_$1: $2"
  tail -n 20 "$work/err" | cut -c 1-300 | sed 's/^/# /'
}

[ -n "$HAVE_FFMPEG" ] && sh "$top_srcdir/tests/fuzz/seeds.sh" "$work/seeds"
for program in "$top_builddir"/tests/fuzz/fuzz_*; do
  { [ -f "$program" ] && [ -x "$program" ]; } || continue
  target=${program##*/fuzz_}
  replay "$target" "what was found before" "$top_srcdir/tests/fuzz/inputs/$target"
  [ -d "$work/seeds" ] && replay "$target" "seeds" "$work/seeds"
done
[ $n -gt 0 ] || { echo "1..0 # SKIP no fuzz targets were built"; exit 77; }
echo "1..$n"
exit $failed
