#!/bin/sh
# Makes the seeds of the fuzz targets: small streams of `kvsparse generate`,
# cut, joined and damaged, each followed by the 16 bytes of choices that
# fuzz_input.h tells of.
#   seeds.sh FOLDER
# The environment: KVSPARSE, the program.  Where it cannot generate, there are
# no seeds.
set -eu
folder=$1
mkdir -p "$folder"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT

generate() { # NAME OPTION...
  name=$1
  shift
  "$KVSPARSE" generate -q --size 64x48 --rate 10 "$@" >"$work/$name" ||
    rm -f "$work/$name"
}

# seed NAME CHOICES: what comes in, and the choices in octal escapes
seed() {
  { cat; printf '%b' "$2"; } >"$folder/$1"
}
zeros='\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
strict='\01\05\0\01\0\0\0\0\0\0\0\0\0\0\0\0'
no_data='\04\0311\060\0\0\0\0\0\0\0\0\0\0\0\0\0'
limits='\030\021\0\0\0\06\02\03\010\011\020\0\0\0\0\0'
resyncs='\02\0203\0344\0\0\0\0\0\0\0\0\0\0\0\0\0'

generate h264 --seconds 0.2 --fragment 0.1
generate audio --seconds 0.2 --fragment 0.2 --audio=alaw --tag MimeType=x
generate none --seconds 0.1 --no-tail --tag a=
if [ ! -s "$work/h264" ]; then
  echo "seeds: $KVSPARSE generate does not work here" >&2
  exit 0
fi

for name in h264 audio none; do
  [ -s "$work/$name" ] || continue
  size=$(($(wc -c <"$work/$name")))
  seed "$name" "$zeros" <"$work/$name"
  seed "$name-strict" "$strict" <"$work/$name"
  head -c $((size * 2 / 3)) "$work/$name" | seed "$name-cut" "$limits"
  tail -c $((size / 2)) "$work/$name" | seed "$name-joined" "$resyncs"
  { head -c $((size / 2)) "$work/$name"; cat "$work/none"; } |
    seed "$name-torn" "$no_data"
  { cat "$work/none"; echo "no stream at all"; tail -c 1200 "$work/$name"; } |
    seed "$name-junk" "$resyncs"
  head -c 700 "$work/$name" | seed "$name-head" "$zeros"
done

# Laces of three kinds, in a Cluster of their own, which encoders do not make.
{
  cat "$work/none"
  printf '\037\103\266\165\377\347\201\001'
  printf '\243\220\201\000\000\202\002\002\003aabbbcccc'
  printf '\243\213\201\000\000\204\002aabbcc'
  printf '\243\220\201\000\000\206\002\202\300aabbbcccc'
} >"$work/laces"
seed laces "$zeros" <"$work/laces"

# Each of the first allocations fails; among so many tags, lists grow.
generate tags --seconds 0.1 --tag a=1 --tag b=2 --tag c=3 --tag d=4 \
  --tag e=5 --tag f=6 --tag g=7 --tag h=8 --tag i=9 --tag j=10
for n in 1 2 3 4 5 6 7 10 11 12 13 14 15 16 17 20 21 22 23 24 25 26 27; do
  seed "reader-no-memory-$n" "\01\021\0\0\0$n\0\0\0\0\0\0\0\0\0\0\0" \
    <"$work/tags"
  seed "tokenizer-no-memory-$n" "\04\021\0125\0$n\0\0\0\0\0\0\0\0\0\0\0\0" \
    <"$work/laces"
done

# Streams of several sessions for the merger and the finisher, in each mode:
# folded tags, borders, a stop; and what the extractor makes of them.
generate one --seconds 0.1
generate aac --seconds 0.1 --audio
generate mjpeg --seconds 0.1 --codec mjpeg
cat "$work/one" "$work/aac" "$work/one" >"$work/sessions"
seed merger-rebase '\020\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' <"$work/sessions"
seed merger-pack '\021\0311\05\0\0\0\0\0\0\0\0\0\0\0\0\0' <"$work/sessions"
seed merger-keep '\022\021\01\0\07\0\0\0\0\0\0\010\0\0\0\0' <"$work/sessions"
seed merger-stop '\040\021\0\011\0\0\0\0\0\0\0\0\0\0\0\0' <"$work/sessions"
for name in one aac mjpeg audio; do
  for format in 0 1 2 3 4; do
    seed "extractor-$format-$name" "\0$format\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
      <"$work/$name"
  done
done
