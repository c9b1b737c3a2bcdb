#!/bin/sh
# kvsparse finish: finished files as others see them (ffprobe, ffmpeg,
# mkvmerge, where they are there), several files, and what goes wrong: nothing
# to write, nowhere to write it, tracks that change, a signal.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
make_samples
if [ -z "$HAVE_MATROSKA" ]; then
  run finish -o out.mkv two.mkv
  ok "finish says what the build lacks" failed_with 1 "without libmatroska"
  run --version
  ok "--version says so, too" has "without libmatroska: no finish"
  finish
fi

no_leftovers() { # FOLDER
  ! find "$1" -name '.kvsparse-*' | grep .
}
frames() { # FILE: how many, and nothing strange about it
  "$KVSPARSE" elements --strict "$1" >elements.out 2>err &&
    grep -c -E '(Simple)?Block \(' elements.out
}
# FILE SIZE: a file that both readers of others take without a word
whole_for_others() {
  if have ffprobe; then
    ffprobe -v warning -count_packets -show_entries stream=nb_read_packets \
      -of csv=p=0 "$1" >probe.out 2>probe.err || return 1
    [ ! -s probe.err ] || { head -n 3 probe.err; return 1; }
    total=$(tr -cd '0-9\n' <probe.out | awk '{ n += $1 } END { print n }')
    [ "$total" = "$2" ] || { echo "ffprobe: $total frames, not $2"; return 1; }
  fi
  if have mkvmerge; then
    mkvmerge -o remuxed.mkv "$1" >merge.out 2>&1 || { cat merge.out; return 1; }
    ! grep -i -E 'warning|error' merge.out
  fi
}

# --- usage ------------------------------------------------------------------

run finish --help
ok "--help" exited 0
ok "--help begins with the usage" has '^Usage: kvsparse finish '
run finish two.mkv
ok "without -o" failed_with 2 "where to"
run finish -o out.mkv
ok "without a stream" failed_with 2 "which file"
run finish -o '' two.mkv
ok "-o ''" failed_with 2 "has no name"
run finish -o - two.mkv
ok "-o -" failed_with 2 "cannot go through a pipe"
run finish -o out.mkv --mode fast two.mkv
ok "an unknown mode" failed_with 2 "'fast' is not rebase, pack or keep"
run finish -o out.mkv --on-change ask two.mkv
ok "an unknown action" failed_with 2 "'ask' is not stop or split"
run finish -o out.mkv --split 0 two.mkv
ok "--split 0" failed_with 2 "split"
run finish -o out.mkv --split 5 two.mkv
ok "several files want %i" failed_with 2 "has no %i"
run finish -o out-%i-%d.mkv --split 5 two.mkv
ok "other letters are refused" failed_with 2 "only %i and %%"
ok "wrong usage writes nothing" test ! -e out.mkv

# --- one file ---------------------------------------------------------------

run finish -o out.mkv two.mkv
ok "two fragments" exited 0
ok "two fragments: nothing to say" quiet
ok "two fragments: four frames" test "$(frames out.mkv)" = 4
ok "two fragments: no temporary file" no_leftovers .
cp out.mkv first.mkv
run finish -o out.mkv two.mkv
ok "a file that is there stays" failed_with 1 "there already"
ok "and is as it was" cmp out.mkv first.mkv
run finish --force -o out.mkv two.mkv
ok "--force replaces it" exited 0
ok "the same stream gives the same bytes" cmp out.mkv first.mkv
run_input=two.mkv
run finish -o piped.mkv -
run_input=/dev/null
ok "standard input" cmp piped.mkv first.mkv
run finish -n 1 -o bytes.mkv two.mkv
ok "byte by byte" cmp bytes.mkv first.mkv
run elements first.mkv
for name in SeekHead Duration Cues Chapters Tags; do
  ok "there is $name" has " $name ("
done
ok "no size is unknown" test -z "$(grep -i 'size unknown' out)"
run finish --no-chapters --force -o out.mkv two.mkv
run elements out.mkv
ok "--no-chapters: no Tags" test -z "$(grep -E ' (Tags|Chapters) \(' out)"
run finish -o bad-out.mkv bad.mkv
ok "damage: status 1" exited 1
ok "damage: one line" one_complaint "bad.mkv: bytes 579-"
ok "damage: what is whole is written" test "$(frames bad-out.mkv)" = 4
run finish -o cut-out.mkv cut.mkv
ok "a stream that is cut: status 1" exited 1
ok "a stream that is cut: its whole frame" test "$(frames cut-out.mkv)" = 1
make_tags_sample
run finish -o tags-out.mkv many_tags.mkv
ok "odd tags" exited 0
ok "odd tags: valid for us" test "$(frames tags-out.mkv)" = 1
make_odd_sample
run finish -o odd-out.mkv odd.mkv
ok "encrypted frames: status 1" exited 1
ok "encrypted frames are told" one_complaint "left out: compressed in a way"

# --- several files ----------------------------------------------------------

run finish -o part-%i-100%%.mkv --split 0.001 two.mkv
ok "--split" exited 0
ok "--split: the first file" test "$(frames part-1-100%.mkv)" = 2
ok "--split: the second file" test "$(frames part-2-100%.mkv)" = 2
ok "--split: no third" test ! -e part-3-100%.mkv
sed 's/\x02\x80\xba/\x03\x80\xba/' two.mkv >wide.mkv
cat two.mkv wide.mkv >changed.mkv
run finish -o changed-out.mkv changed.mkv
ok "other tracks: status 1" exited 1
ok "other tracks: says where" one_complaint "fragment 2 has other tracks"
ok "other tracks: what came before" test "$(frames changed-out.mkv)" = 4
run finish --on-change split -o change-%i.mkv changed.mkv
ok "--on-change split" exited 0
ok "--on-change split: the first" test "$(frames change-1.mkv)" = 4
ok "--on-change split: the second" test "$(frames change-2.mkv)" = 4

# --- nothing to write, nowhere to write it ----------------------------------

: >empty.mkv
run finish -o none.mkv empty.mkv
ok "an empty stream" failed_with 1 "no frames, so no file"
bytes "$(ebml_header)18538067FF" "$(element 1F43B675 "$(element \
  E7 00)$(simple_block 0 80 AA)")" >trackless.mkv
run finish -o none.mkv trackless.mkv
ok "no tracks" exited 1
ok "no tracks: told" one_complaint "1 frame left out: the stream does not tell"
run finish -o none.mkv missing.mkv
ok "a missing stream" failed_with 1 "missing.mkv: No such file"
run finish -o no/such/none.mkv two.mkv
ok "a missing folder" failed_with 1 "cannot write no/such/none.mkv"
ok "none of them leaves a file" test ! -e none.mkv
mkfifo fifo
run_input=two.mkv
cat fifo >fifo.out &
reader=$!
run finish -o fifo -
wait "$reader"
run_input=/dev/null
ok "a pipe is refused" failed_with 1 "so it must be a file"
if [ -w /dev/full ]; then
  run finish -o /dev/full two.mkv
  ok "a full device" failed_with 1 "No space left on device"
else
  skip "a full device" "no /dev/full"
fi
cat >on_tmpfs <<'END'
mount -t tmpfs -o size=100k none small || exit 99
"$@" 2>err
echo $? >status
ls -A small >left
END
mkdir small
on_tmpfs() {
  unshare -rm sh ./on_tmpfs "$@" </dev/null >/dev/null 2>&1
}
if [ -z "$HAVE_FFMPEG" ]; then
  skip "a full disk" "this build has no FFmpeg"
elif ! on_tmpfs true; then
  skip "a full disk" "no file system can be mounted here"
else
  "$KVSPARSE" generate --seconds 10 -o large.mkv </dev/null || exit 99
  : >out
  on_tmpfs "$KVSPARSE" finish -o small/x.mkv large.mkv
  read -r status <status
  ok "a full disk" failed_with 1 'small/x.mkv: No space left on device'
  ok "a full disk: nothing is left" test ! -s left
  on_tmpfs "$KVSPARSE" finish --split 1 -o small/x-%i.mkv large.mkv
  read -r status <status
  ok "a full disk: several files" failed_with 1 'No space left on device'
  ok "a full disk: whole files only" grep -q '^x-1.mkv$' left
  ok "a full disk: no temporary file" test -z "$(grep kvsparse left)"
fi

# --- a signal ---------------------------------------------------------------

if have python3; then
  mkfifo pipe
  { cat two.mkv; exec sleep 30; } >pipe 2>/dev/null &
  writer=$!
  with_signals "$KVSPARSE" finish -o signal.mkv - <pipe >out 2>err &
  program=$!
  begun() { find . -name '.kvsparse-*' | grep -q . && sleep 0.5; }
  wait_until begun
  kill -INT "$program"
  status=0
  wait "$program" || status=$?
  kill "$writer" 2>/dev/null
  wait "$writer" 2>/dev/null
  ok "SIGINT: ends by it" exited 130
  ok "SIGINT: what was read is a whole file" test "$(frames signal.mkv)" -ge 3
  ok "SIGINT: no temporary file" no_leftovers .
else
  skip "SIGINT" "python3 is missing"
fi

# --- as others see it -------------------------------------------------------

if [ -z "$HAVE_FFMPEG" ] || ! have ffprobe || ! have ffmpeg; then
  skip "a whole minute" "FFmpeg or its programs are missing"
  finish
fi
"$KVSPARSE" generate --seconds 60 --fragment 4 --audio --bframes 2 \
  -o minute.mkv </dev/null || exit 99
run finish -o minute-out.mkv minute.mkv
ok "a minute" exited 0
ok "a minute: nothing to say" quiet
ok "a minute: each frame, no warning" whole_for_others minute-out.mkv 4613
ffprobe -v error -show_entries format=start_time,duration -of csv=p=0 \
  minute-out.mkv >out
ok "a minute: begins at 0" has '^0.000000,60\.0'
ffprobe -v error -show_chapters minute-out.mkv >out
ok "a minute: a chapter for each fragment" test \
  "$(grep -c '^\[CHAPTER\]' out)" = 15
ok "a minute: with its number" test \
  "$(grep -c '^TAG:AWS_KINESISVIDEO_FRAGMENT_NUMBER=' out)" = 15
# ffmpeg tells how much of the file it has read: the head, what the SeekHead
# names, and from the key frame on.
ffmpeg -v verbose -nostdin -ss 56 -i minute-out.mkv -map v -frames:v 1 \
  -f framemd5 -y seek.md5 2>seek.log
ffmpeg -v error -nostdin -i minute-out.mkv -map v -vf 'select=gte(t\,56)' \
  -frames:v 1 -f framemd5 -y whole.md5
read_for_it=$(sed -n 's/.*Statistics: \([0-9]*\) bytes read.*/\1/p' seek.log |
  head -n 1)
size=$(wc -c <minute-out.mkv)
echo "# seeking read ${read_for_it:-?} of $size bytes"
ok "seeking lands at the key frame" test -n "$(tail -n 1 seek.md5 |
  sed 's/.* //' | grep -F -f - whole.md5)"
ok "seeking reads a part of the file only" test "${read_for_it:-$size}" -lt \
  $((size / 4))
ok "the same pictures" test "$(ffmpeg -v error -nostdin -i minute-out.mkv \
  -map v -f md5 -)" = "$(ffmpeg -v error -nostdin -i minute.mkv -map v \
  -f md5 - 2>/dev/null)"

# --- real streams -----------------------------------------------------------

if [ -z "$KVSPARSE_CORPUS" ]; then
  skip "real streams" "KVSPARSE_CORPUS is not set"
  finish
fi
for file in "$KVSPARSE_CORPUS"/kvs-*/*.mkv; do
  name=${file##*/}
  [ "$name" != test_tags_empty_cluster.mkv ] || continue # no frames
  run finish --force -o real.mkv "$file"
  ok "$name" exited 0
  ok "$name: nothing to say" quiet
  # Sensor data that calls itself JPEG is none in the source, either.
  ok "$name: no warning but the source's" no_new_complaint real.mkv "$file"
  packets_of "$file" >source.packets
  packets_of real.mkv >file.packets
  ok "$name: the same frames for ffprobe" cmp source.packets file.packets
  ! have mkvmerge || ok "$name: mkvmerge" remuxes real.mkv
  ! have gst-launch-1.0 || ok "$name: GStreamer" gst_delivers real.mkv \
    "$(frames real.mkv)"
done
# What mkvinfo tells of the tracks; the UID may be new, and there is no lacing.
tracks_of() { # FILE
  mkvinfo --ui-language en_US "$1" |
    awk '/^\|\+/ { wanted = /Tracks/ } wanted' |
    grep -v -e '^|+' -e 'Track UID' -e 'Lacing' | sort
}
if have mkvinfo; then
  for file in webm-valid/libwebm_colour.webm \
    webm-valid/libwebm_test_stereo_left_right.webm \
    muxgen/ff_opus_discardpadding.webm mkv-valid/media3_opus-5.1.mka; do
    run finish --force -o real.mkv "$KVSPARSE_CORPUS/$file"
    tracks_of "$KVSPARSE_CORPUS/$file" >source.tracks
    tracks_of real.mkv >file.tracks
    ok "$file: mkvinfo tells the same of its tracks" \
      cmp source.tracks file.tracks
  done
else
  skip "what tracks say" "no mkvinfo here"
fi
cat "$KVSPARSE_CORPUS"/kvs-*/*.mkv >joined.mkv
run finish --on-change split -o joined-%i.mkv joined.mkv
ok "all of them joined" exited 0
# By their size in files, the sensor's one is left out again.
for file in joined-*.mkv; do
  ffprobe -v quiet -show_entries stream=codec_name "$file" | grep -q mjpeg &&
    continue
  ok "joined: $file" whole_for_others "$file" "$(frames "$file")"
done
finish
