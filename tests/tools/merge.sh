#!/bin/sh
# kvsparse merge: files, pipes, names, refusals; what players make of it.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
make_samples

cat two.mkv two.mkv >four.mkv
other=$(fragment 9134003 3 | sed 's/565F54455354/565F4F54484552/')
# The CodecID is a byte longer: so are the elements around it.
other=$(printf '%s' "$other" | sed 's/\(1654AE6B100000\)38/\139/;
  s/\(AE100000\)33/\134/; s/\(8610000\)006/\1007/')
bytes "$(fragment 9134001 1)$other" >change.mkv

elements_of() { # FILE NAME COUNT
  found=$("$KVSPARSE" elements "$1" | grep -c " $2 ")
  [ "$found" -eq "$3" ] || { echo "$found times $2 in $1, not $3"; return 1; }
}
times_of() { # FILE "TICKS OF CLUSTERS"
  found=$("$KVSPARSE" elements "$1" |
    sed -n 's/.* Timestamp (.*: \([0-9]*\)$/\1/p' | tr '\n' ' ')
  [ "$found" = "$2 " ] || { echo "Clusters at $found, not $2"; return 1; }
}
files() { # PATTERN COUNT
  found=$(find . -name "$1" | wc -l)
  [ "$found" -eq "$2" ] || { echo "$found files like $1, not $2"; return 1; }
}
nothing_left() {
  [ -z "$(find . -name '.kvsparse-*')" ] || { echo "a temporary file"; return 1; }
}
refuses() { # PATTERN OPTION...
  refused=$1
  shift
  run merge "$@" two.mkv
  ok "refused: $*" failed_with 2 "$refused"
}

# --- one file ---------------------------------------------------------------

run merge -o one.mkv two.mkv
ok "merge -o FILE ends well" exited 0
ok "and says nothing" quiet
ok "one document" elements_of one.mkv EBML 1
ok "one Segment" elements_of one.mkv Segment 1
ok "one Tracks" elements_of one.mkv Tracks 1
ok "all frames" elements_of one.mkv SimpleBlock 4
ok "no Tags" elements_of one.mkv Tags 0
ok "it begins at 0" times_of one.mkv "0 1000"
run merge two.mkv
ok "standard output gets the same" cmp out one.mkv
run_input=two.mkv
run merge -
run_input=/dev/null
ok "and so from standard input" cmp out one.mkv
run merge -n 1 two.mkv
ok "and byte by byte" cmp out one.mkv
run merge -o one.mkv two.mkv
ok "a file that is there is left alone" one_complaint "is there already"
ok "with status 1" exited 1
run merge --force -m pack -o one.mkv two.mkv
ok "--force replaces it" exited 0
ok "--mode pack" times_of one.mkv "0 80"
run merge -f -m keep -o one.mkv two.mkv
ok "--mode keep" times_of one.mkv "1000 2000"
run merge -f --tags -o one.mkv two.mkv
ok "--tags: one Tags" elements_of one.mkv Tags 1
ok "--tags: each tag once" elements_of one.mkv SimpleTag 6

# --- several ----------------------------------------------------------------

run merge --split fragment -o 'part-%i.mkv' four.mkv
ok "--split fragment: four files" files 'part-0000[0-3].mkv' 4
ok "each a document of its own" elements_of part-00003.mkv EBML 1
run merge --split 1 -o 'seconds-%f.mkv' four.mkv
ok "--split SECONDS" files 'seconds-0000[0-3].mkv' 3
run merge --split 3600 -o 'hours-%i.mkv' four.mkv
ok "--split: not sooner" files 'hours-*.mkv' 1
run merge --split 1k -o 'bytes-%i.mkv' four.mkv
ok "--split BYTES" files 'bytes-*.mkv' 1
run merge --split fragment -o '100%%-%t-%f.mkv' two.mkv
ok "%t, %f and %%" test -s '100%-20171128T065502.500Z-00001.mkv'
mkdir in%i
run merge -o in%i/one.mkv two.mkv
ok "a % in a folder's name is none" test -s in%i/one.mkv

run merge -m keep -o back.mkv four.mkv
ok "times go back: told" one_complaint "times go back at fragment 2"
ok "and no failure" exited 0
ok "two documents in one file" elements_of back.mkv EBML 2
run merge -m keep -o 'back-%i.mkv' four.mkv
ok "two files, where -o makes several" files 'back-0000[01].mkv' 2
ok "without a word" quiet
run merge -m keep --on-change new-segment -o 'same-%i.mkv' four.mkv
ok "--on-change new-segment" files 'same-*.mkv' 1
run merge -m keep --on-change stop -o stopped.mkv four.mkv
ok "--on-change stop" times_of stopped.mkv "1000 2000"
ok "which is no failure" exited 0
run merge --on-change new-file -o 'change-%i.mkv' change.mkv
ok "another codec: two files" files 'change-0000[01].mkv' 2
run merge -o changed.mkv change.mkv
ok "another codec: told" one_complaint "the tracks change at fragment 1"

# --- what goes wrong --------------------------------------------------------

run merge -o bad.out bad.mkv
ok "damage is told" one_complaint "bytes 579-585"
ok "with status 1" exited 1
ok "what is whole is written" elements_of bad.out SimpleBlock 4
run merge -o cut.out cut.mkv
ok "a cut stream: status 1" exited 1
ok "a cut stream: its first frame" elements_of cut.out SimpleBlock 1
run merge --strict -o strict.out bad.mkv
ok "--strict stops" exited 1
ok "--strict: what came before" elements_of strict.out SimpleBlock 2
: >empty.mkv
run merge -o nothing.mkv empty.mkv
ok "an empty stream" one_complaint "there are no frames in it"
ok "is status 1" exited 1
ok "and makes no file" test ! -e nothing.mkv
bytes "$(ebml_header)18538067FF" \
  "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AA)")" >bare.mkv
run merge -o nothing.mkv bare.mkv
ok "no Tracks" one_complaint "1 frames left out: no Tracks"
ok "no Tracks: status 1" exited 1
ok "no Tracks: no file" test ! -e nothing.mkv
run merge -o missing/one.mkv two.mkv
ok "a folder that is not there" one_complaint "missing/one.mkv: No such file"
ok "is status 1" exited 1
run merge missing.mkv
ok "no such input" failed_with 1 "missing.mkv: No such file"
if [ -w /dev/full ]; then
  run merge -o /dev/full two.mkv
  ok "a full disk" one_complaint "cannot write /dev/full: No space"
  ok "is status 1" exited 1
  "$KVSPARSE" merge two.mkv >/dev/full 2>err && status=0 || status=$?
  ok "a full disk behind standard output" one_complaint "No space"
  ok "is status 1, too" exited 1
else
  skip "a full disk" "no /dev/full"
fi
for _ in 1 2 3 4 5 6 7; do cat four.mkv four.mkv four.mkv four.mkv; done >many.mkv
status=0
(
  ulimit -f 1
  exec "$KVSPARSE" merge -o large.mkv many.mkv
) 2>err || status=$?
ok "no room for all of it" one_complaint "cannot write large.mkv: File too large"
ok "is status 1" exited 1
ok "and leaves no file" test ! -e large.mkv
ok "of whatever name" nothing_left

# A terminal behind it; what it is told comes there, too.
status=0
python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
  "$KVSPARSE" merge two.mkv </dev/null >out 2>err || status=$?
ok "a terminal is refused" has "standard output is a terminal: -o FILE"
ok "which is wrong usage" exited 2
refuses "has no name" -o ''
refuses "not rebase, pack or keep" --mode fast
refuses "several files" --split fragment
refuses "several files" --on-change new-file -o x.mkv
refuses "after a '%' comes" -o x-%d.mkv
refuses "after a '%' comes" -o x-%
refuses "the same name" -o x-%t.mkv
refuses "not new-file" --on-change nothing
refuses "not a number of seconds" --split 0
refuses "not a size" --split 0k

# --- live -------------------------------------------------------------------

mkfifo pipe
{
  head -c 580 two.mkv
  exec sleep 20
} >pipe &
writer=$!
"$KVSPARSE" merge - <pipe >live.mkv 2>err &
program=$!
first_frames() {
  [ "$("$KVSPARSE" elements live.mkv 2>/dev/null | grep -c SimpleBlock)" -eq 2 ]
}
ok "frames leave while the stream is open" wait_until first_frames
kill -s TERM "$program"
status=0
wait "$program" || status=$?
kill -s KILL "$writer" 2>/dev/null
wait "$writer" 2>/dev/null
ok "SIGTERM ends it" exited 143
ok "and is told, no damage" one_complaint "interrupted by SIGTERM"

# --- players ----------------------------------------------------------------

packets() { # FILE COUNT: and nothing to complain about
  found=$(ffprobe -v warning -count_packets -show_entries \
    stream=nb_read_packets -of csv=p=0 "$1" 2>ffprobe.err |
    awk '{ n += $1 } END { print n + 0 }')
  [ "$found" -eq "$2" ] || { echo "$found packets, not $2"; return 1; }
  [ ! -s ffprobe.err ] || { cat ffprobe.err; return 1; }
}
if [ -n "$HAVE_FFMPEG" ] && command -v ffprobe >/dev/null 2>&1; then
  "$KVSPARSE" generate --size 160x120 --seconds 6 --audio -o video.mkv
  "$KVSPARSE" generate --size 160x120 --seconds 2 --audio -o again.mkv
  cat video.mkv again.mkv >both.mkv
  "$KVSPARSE" merge both.mkv >played.mkv
  expected=$("$KVSPARSE" elements both.mkv | grep -c ' SimpleBlock ')
  ok "ffprobe reads every frame" packets played.mkv "$expected"
  "$KVSPARSE" generate --size 160x120 --seconds 2 --live |
    "$KVSPARSE" merge - |
    ffmpeg -v warning -i - -f framecrc - >crc 2>ffmpeg.err
  ok "generate | merge | ffmpeg" test "$(grep -vc '^#' crc)" -eq 60
  ok "without a warning" test ! -s ffmpeg.err
  if command -v mkvmerge >/dev/null 2>&1; then
    ok "mkvmerge remuxes it without a warning" remuxes played.mkv
  else
    skip "mkvmerge remuxes it" "no mkvmerge here"
  fi
  if have gst-launch-1.0; then
    ok "GStreamer's matroskademux gets every frame" \
      gst_delivers played.mkv "$expected"
    "$KVSPARSE" generate --size 160x120 --seconds 2 --live |
      "$KVSPARSE" merge - | gst-launch-1.0 -v fdsrc ! matroskademux ! \
      identity silent=false ! fakesink >gst.out 2>&1
    ok "generate | merge | matroskademux" \
      test "$(grep -c 'identity.*chain' gst.out)" -eq 60
  else
    skip "GStreamer's matroskademux gets it" "no gst-launch-1.0 here"
  fi
else
  skip "players" "no FFmpeg here"
fi
if [ -z "$KVSPARSE_CORPUS" ] || ! have ffprobe; then
  skip "real streams" "KVSPARSE_CORPUS is not set, or no ffprobe"
  finish
fi
count_of() { # FILE: of its frames
  "$KVSPARSE" elements "$1" | grep -c ' SimpleBlock '
}
# played_by_all FILE SOURCE COUNT
played_by_all() {
  no_new_complaint "$1" "$2" || return 1
  found=$(packets_of "$1" | wc -l)
  [ "$found" -eq "$3" ] || { echo "ffprobe: $found packets, not $3"; return 1; }
  ! have mkvmerge || remuxes "$1" || return 1
  ! have gst-launch-1.0 || gst_delivers "$1" "$3"
}
same_packets() { # SOURCE FILE [,ENTRY]
  packets_of "$1" "${3:-}" >source.packets
  packets_of "$2" "${3:-}" >file.packets
  [ -s source.packets ] && cmp source.packets file.packets
}
have mkvmerge || skip "real streams: mkvmerge" "it is not here"
have gst-launch-1.0 || skip "real streams: GStreamer" "it is not here"
: >joined.mkv
for file in "$KVSPARSE_CORPUS"/kvs-*/*.mkv; do
  name=${file##*/}
  [ "$name" != test_tags_empty_cluster.mkv ] || continue # no frames
  cat "$file" "$file" >twice.mkv
  cat "$file" >>joined.mkv
  for mode in rebase pack; do
    "$KVSPARSE" merge -f -m $mode -o merged.mkv twice.mkv
    ok "$name, twice, $mode: players read all of it" \
      played_by_all merged.mkv "$file" "$(count_of twice.mkv)"
    "$KVSPARSE" merge -f -m $mode -o merged.mkv "$file"
    ok "$name, $mode: the same frames for ffprobe" same_packets "$file" \
      merged.mkv
  done
  "$KVSPARSE" merge -f -m keep -o merged.mkv "$file"
  ok "$name, keep: the same times as well" same_packets "$file" merged.mkv \
    ,pts_time
done
run merge -o joined-%i.mkv joined.mkv
ok "all of them joined" exited 0
ok "all of them joined: each in its file" files 'joined-0*.mkv' 9
total=0
for file in joined-0*.mkv; do
  total=$((total + $(packets_of "$file" | wc -l)))
done
ok "all of them joined: every frame" test $total -eq "$(count_of joined.mkv)"

finish
