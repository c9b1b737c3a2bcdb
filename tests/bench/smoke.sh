#!/bin/sh
# make bench compares like with like: all contenders that this build has
# deliver the same frames of a small stream of each kind.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
bench=${abs_top_builddir:?}/tests/bench

# frames FILE CONTENDER [OPTION]: its line, or what became of it
frames() {
  frames_file=$1
  shift
  "$bench/"$* "$frames_file" 2>err || echo "status $?"
}

same() { # FILE CONTENDER [OPTION]: the line is the walker's
  frames "$@" >out
  cmp out wanted || { cat wanted out; return 1; }
}

# Without the data the sum is another one, but the frames are the same.
as_many() { # FILE CONTENDER OPTION
  frames "$@" | cut -d ' ' -f 1-4 >out
  cut -d ' ' -f 1-4 wanted | cmp out - || { cat wanted out; return 1; }
}

for input in A:120 K:120 R:120 B:1001 C:3000; do
  kind=${input%:*}
  "$bench/make_input" "$kind" "${input#*:}" >"$kind.mkv" || exit 99
  frames "$kind.mkv" walker >wanted
  ok "$kind: the walker finds all" grep -q "^frames ${input#*:} " wanted
  for contender in kvsparse_frames "kvsparse_frames --visit" \
    "kvsparse_frames --reserve" libwebm_frames avformat_frames \
    "avformat_frames --plain" matroska_frames; do
    if [ -x "$bench/${contender%% *}" ]; then
      ok "$kind: $contender" same "$kind.mkv" "$contender"
    else
      skip "$kind: $contender" "its library is not installed"
    fi
  done
  ok "$kind: without data" as_many "$kind.mkv" kvsparse_frames --no-data
  ok "$kind: seeking" as_many "$kind.mkv" walker --seek
  frames "$kind.mkv" kvsparse_frames --bytewise >late
  ok "$kind: a frame comes with its last byte" grep -q '^late 0$' late
done
finish
