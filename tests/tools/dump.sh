#!/bin/sh
# kvsparse dump: names, formats, choices, refusals, damage.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"

if [ -z "$HAVE_FFMPEG" ]; then
  skip "dump" "this build has no FFmpeg"
  finish
fi

# A second each, three fragments: 30 frames of 160x120, 10 in a fragment.
"$KVSPARSE" generate --size 160x120 --seconds 3 --fragment 1 --rate 10 \
  -o a.mkv </dev/null || exit 99
"$KVSPARSE" generate --size 128x96 --seconds 2 --fragment 1 --rate 10 \
  --start 2026-01-01T00:00:03Z -o b.mkv </dev/null || exit 99

files() { # N FOLDER: so many files, none of them temporary or hidden
  found=$(ls -A "$2" | wc -l)
  [ "$found" -eq "$1" ] || { echo "$found files, not $1"; return 1; }
  if [ -n "$(find "$2" -mindepth 1 -name '.*')" ]; then
    echo "something was left behind"
    return 1
  fi
}
same_files() { # FOLDER FOLDER
  diff -r "$1" "$2"
}
size_of() { # FILE WIDTHxHEIGHT: of a PPM or PGM
  found=$(head -n 2 "$1" | tail -n 1 | tr ' ' x)
  [ "$found" = "$2" ] || { echo "$1: $found, not $2"; return 1; }
}
begins_with() { # FILE HEX
  found=$(od -An -v -tx1 "$1" | tr -d ' \n' | head -c "${#2}")
  [ "$found" = "$2" ] || { echo "$1 begins with $found"; return 1; }
}
names() { # FOLDER NAME...: these and no other
  names_folder=$1
  shift
  ls -A "$names_folder" >names.found
  printf '%s\n' "$@" >names.wanted
  diff names.wanted names.found
}

run dump a.mkv -o all
ok "ends well" exited 0
ok "30 pictures" files 30 all
ok "and says so" one_complaint '30 pictures in all'
ok "the first one's name" test -s all/f00000-n0000-20260101T000000.000Z.png
ok "the last one's name" test -s all/f00002-n0009-20260101T000002.900Z.png
ok "they are PNG" begins_with all/f00000-n0000-20260101T000000.000Z.png \
  89504e470d0a1a0a
run_input=a.mkv
run dump - -q -o piped
ok "through standard input: the same" same_files all piped
ok "--quiet" quiet
run_input=/dev/null
cat a.mkv | "$KVSPARSE" dump - -q -o pipe 2>err
ok "through a pipe: the same" same_files all pipe
run dump a.mkv -q --low-delay --threads 1 -o low
ok "--low-delay --threads 1: the same" same_files all low
run dump a.mkv -q -o deep/er/folder
ok "a folder and those above it are made" files 30 deep/er/folder

# Formats.
run dump a.mkv -q --limit 1 --format jpg -o format
run dump a.mkv -q --limit 1 --format ppm -o format
run dump a.mkv -q --limit 1 --format ppm --gray -o format
ok "jpg" begins_with format/f00000-n0000-20260101T000000.000Z.jpg ffd8ff
ok "ppm" begins_with format/f00000-n0000-20260101T000000.000Z.ppm 50360a
ok "pgm" begins_with format/f00000-n0000-20260101T000000.000Z.pgm 50350a
run dump a.mkv -q --limit 1 --size 80x0 -o 'half.%i.ppm'
ok "a size with 0, and the pattern's format" size_of half.000000.ppm 80x60
run dump a.mkv -q --limit 1 --quality 10 -o 'poor.jpg%%'
ok "--quality 10" exited 2
run dump a.mkv -q --limit 1 --quality 10 -o '%k-poor.jpg'
run dump a.mkv -q --limit 1 --quality 100 -o '%k-fine.jpg'
worse() {
  [ "$(wc -c <1-poor.jpg)" -lt "$(wc -c <1-fine.jpg)" ]
}
ok "a lower quality takes less room" worse
run dump a.mkv -q --every 10 -o 'p/%i-%k-%t-%f-%n-100%%.png'
ok "a pattern" names p \
  '000000-1-20260101T000000.000Z-00000-0000-100%.png' \
  '000001-1-20260101T000001.000Z-00001-0000-100%.png' \
  '000002-1-20260101T000002.000Z-00002-0000-100%.png'
run dump a.mkv -q --limit 1 -o 'LARGE-%i.JPG'
ok "a pattern's end in capitals" begins_with LARGE-000000.JPG ffd8ff
run dump a.mkv -q --limit 1 -o 'v1.%i'
ok "a pattern without such an end is for PNG" begins_with v1.000000 89504e47
run dump a.mkv -q --limit 1 --format ppm -o '%i.gif'
ok "--format before the pattern's end" begins_with 000000.gif 50360a
run dump a.mkv -q --limit 1 -o 'folder.png/'
ok "a folder may have such an end" files 1 folder.png
run dump a.mkv -q --limit 1 -o 'folder.png' --format ppm
ok "when it is there, or has a /" files 2 folder.png
run dump a.mkv -q --limit 1 -o '100%/'
ok "a folder with a %" files 1 100%

# Choices.
chosen() { # WHAT NAME... -- OPTION...: the default names up to the time
  chosen_what=$1
  shift
  chosen_names=
  while [ "$1" != -- ]; do
    chosen_names="$chosen_names $1"
    shift
  done
  shift
  rm -rf chosen
  run dump a.mkv -q -o chosen "$@"
  ls -A chosen | cut -c 1-12 >chosen.found
  printf '%s\n' $chosen_names >chosen.wanted
  ok "$chosen_what" cmp chosen.wanted chosen.found
}
chosen "--every" f00000-n0000 f00000-n0007 f00001-n0004 f00002-n0001 \
  f00002-n0008 -- --every 7
chosen "--interval" f00000-n0000 f00001-n0000 f00002-n0000 -- --interval 1
chosen "--key-frames" f00000-n0000 f00001-n0000 f00002-n0000 -- --key-frames
chosen "--fragment N" f00001-n0000 f00001-n0005 -- --fragment 1 --every 5
chosen "--fragment N-M" f00000-n0000 f00001-n0000 -- --fragment 0-1 --every 10
chosen "--fragment N-" f00001-n0000 f00002-n0000 -- --fragment 1- --every 10
chosen "--from and --to" f00000-n0009 f00001-n0000 f00001-n0001 -- \
  --from 2026-01-01T00:00:00.9Z --to 1767225601.1
chosen "--from as in a file name" f00002-n0009 -- \
  --from 20260101T000002.900Z
chosen "--limit" f00000-n0000 f00000-n0001 -- --limit 2
chosen "--track" f00000-n0000 -- --track 1 --limit 1
run dump a.mkv -o none --track 9
ok "no such track: no pictures, no failure" exited 0
ok "and no files" files 0 none
ok "and says so" grep -q 'no frames of video' err

# Sizes that change.
cat a.mkv b.mkv >both.mkv
run dump both.mkv -q --format ppm -o both
ok "two sizes: 50 pictures" files 50 both
ok "the last of the first size" size_of \
  both/f00002-n0009-20260101T000002.900Z.ppm 160x120
ok "the first of the second size" size_of \
  both/f00003-n0000-20260101T000003.000Z.ppm 128x96
run dump a.mkv -q --format ppm -o sizes/one
run dump b.mkv -q --format ppm -o sizes/two
joined() {
  cat both/f0000[012]* | cmp - one.all || return 1
  cat both/f0000[34]* | cmp - two.all
}
cat sizes/one/* >one.all
cat sizes/two/* >two.all
ok "the same pictures as alone" joined
"$KVSPARSE" generate --size 160x120 --seconds 1 --bframes 3 --audio \
  -o bframes.mkv </dev/null
run dump bframes.mkv -q -o bframes
ok "B-frames and sound: 30 pictures" files 30 bframes
run dump bframes.mkv -q -o 'shown/%i-%t-%f-%n.png'
in_order() {
  ls shown | cut -d - -f 2 >times.txt
  sort -c times.txt
}
ok "counted in the order in which they are shown" in_order

# Refusals and failures.
before=$(cksum all/*)
run dump a.mkv -o all
ok "does not overwrite" failed_with 1 'is there already'
rm all/f00000-n0000*
run dump a.mkv -o all
ok "what was written stays" test -s all/f00000-n0000-20260101T000000.000Z.png
ok "and nothing is left behind" files 30 all
run dump a.mkv -o all --force
ok "--force overwrites" exited 0
unchanged() {
  [ "$(cksum all/*)" = "$before" ]
}
ok "with the same pictures" unchanged
refuses() { # PATTERN OPTION...
  refuse_pattern=$1
  shift
  run dump "$@"
  ok "refuses $*" failed_with 2 "$refuse_pattern"
}
refuses 'is not .png, .jpg or .ppm' a.mkv -o 'refused/%i.gif'
refuses 'is not .png, .jpg or .ppm' a.mkv -o '%i.backup-x.tiff'
refuses 'would be a folder' a.mkv -o refused/x.gif
refuses 'would be a folder' a.mkv -o x.PNG
refuses 'which file'
refuses 'too many' a.mkv b.mkv
refuses 'option' --no-such-option a.mkv
refuses 'every' --every 0 a.mkv
refuses 'interval' --interval 0 a.mkv
refuses 'fragment' --fragment 3-2 a.mkv
refuses 'fragment' --fragment -3 a.mkv
refuses 'png' --format bmp a.mkv
refuses 'jpg' --quality 50 a.mkv
refuses 'quality' --format jpg --quality 101 a.mkv
refuses 'size' --size 0x0 a.mkv
refuses 'at most 65535x65535' --size 99999x1 a.mkv
# No encoder takes it: that is found before anything is decoded or made.
for format in png jpg ppm; do
  refuses 'size: 16384x16384: .*refuses pictures of this size' \
    --size 16384x16384 --format $format -o never a.mkv
done
ok "a refused size: no folder" test ! -e never
refuses 'time' --from noon a.mkv
refuses 'before' --from 2020-01-01 --to 2019-01-01 a.mkv
refuses 'one name' -o '%n.png' a.mkv
refuses 'one name' -o '%t.png' a.mkv
refuses 'followed by' -o '%x%i.png' a.mkv
refuses 'followed by' -o '%i%' a.mkv
# The aspect makes it so large: the first picture tells, and is the last.
"$KVSPARSE" generate --size 128x128 --seconds 1 --rate 10 -o square.mkv \
  </dev/null
run dump --size 16384x0 --format jpg -o square square.mkv
ok "a size that becomes too large: one line" failed_with 1 \
  'square/f00000-n0000.*jpg: --size makes it too large'
run dump missing.mkv -o new
ok "no such file" failed_with 1 'No such file'
ok "then no folder either" test ! -e new
run dump a.mkv -o a.mkv
ok "a file where a folder should be" failed_with 1 'Not a directory'
run dump a.mkv -o /proc/nowhere
ok "a folder that cannot be made" failed_with 1 /proc/nowhere
run dump a.mkv -o /proc
ok "a folder that takes no files" failed_with 1 '/proc/f00000'
run dump a.mkv -q -o "$(printf '%0300d' 0)%i.png"
ok "a name that is too long" failed_with 1 'too long'
# As a full disk: no file can be larger than a block or two.
mkdir small
(
  ulimit -f 2
  run dump a.mkv --format ppm -o small
  echo "$status" >small.status
)
read -r status <small.status
ok "a full disk" failed_with 1 'too large'
ok "leaves nothing behind" files 0 small

# Damage: what can be read is written, and the exit status tells.
size=$(wc -c <a.mkv)
head -c $((size - 200)) a.mkv >cut.mkv
run dump cut.mkv -o cut
ok "a stream that was cut" exited 1
ok "tells it" grep -q 'gap' err
ok "and has its pictures" test -s cut/f00002-n0000-20260101T000002.000Z.png
printf 'no stream at all' >text
run dump text -o text.d
ok "no stream" exited 1
: >empty
run dump empty -o empty.d
ok "an empty file: no pictures, no failure" exited 0

# A stream that goes on: it is read from a pipe which stays open.
mkfifo pipe.fifo
start_stream() {
  {
    cat a.mkv
    exec sleep 20
  } >pipe.fifo 2>/dev/null &
  writer=$!
}
# Enough is enough: it does not wait for the end of the input.
start_stream
run dump pipe.fifo -o enough --limit 3
ok "--limit does not wait for more" kill "$writer"
start_stream
run dump pipe.fifo -o enough/fragment --fragment 0 --threads 1
ok "--fragment does not wait for more" kill "$writer"
ok "and has all of it" files 10 enough/fragment

run dump --help
ok "--help ends well" exited 0
ok "--help tells of --key-frames" has --key-frames

# Real streams, picture by picture as FFmpeg decodes them.
as_ffmpeg() { # FILE FOLDER
  ffmpeg -v quiet -nostdin -i "$1" -map 0:v:0 -fps_mode passthrough \
    -pix_fmt rgb24 -f framemd5 - | sed -n 's/^[^#].*, *//p' >ffmpeg.md5
  for picture in "$2"/*.ppm; do
    tail -n +4 "$picture" | md5sum | cut -d ' ' -f 1
  done >own.md5
  cmp ffmpeg.md5 own.md5
}
real() { # FILE PICTURES SIZE
  real_file=$KVSPARSE_CORPUS/kvs-getmedia/$1
  if [ ! -r "$real_file" ]; then
    skip "$1" "KVSPARSE_CORPUS has no such file"
    return
  fi
  run dump "$real_file" -q --format ppm -o "real/$1"
  ok "$1 ends well" exited 0
  ok "$1: $2 pictures" files "$2" "real/$1"
  ok "of $3" size_of "$(ls "real/$1"/*n0000* | head -n 1)" "$3"
  if command -v ffmpeg >/dev/null 2>&1; then
    ok "as FFmpeg decodes it" as_ffmpeg "$real_file" "real/$1"
  else
    skip "as FFmpeg decodes it" "no ffmpeg here"
  fi
  rm -rf real
}
real output_get_media.mkv 300 640x360
real kinesis_video_renderer_example_output.mkv 444 640x480
finish
