#!/bin/sh
# kvsparse generate: what comes out, and how it refuses.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"

if [ -z "$HAVE_FFMPEG" ]; then
  skip "generate" "this build has no FFmpeg"
  finish
fi

# Small pictures: the tests are about the stream.
generate() {
  run generate --size 160x120 "$@"
}
# Counted in the bytes, so that they depend on no other subcommand.
count_bytes() { # HEX FILE
  od -An -v -tx1 "$2" | tr -d ' \n' | grep -o "$1" | wc -l
}
fragments() { # N FILE: so many Matroska documents
  found=$(count_bytes 1a45dfa3 "$2")
  [ "$found" -eq "$1" ] || { echo "$found fragments, not $1"; return 1; }
}
strings_in() { # N TEXT FILE: the text is there so often
  found=$(grep -a -o -e "$2" "$3" | wc -l)
  [ "$found" -eq "$1" ] || { echo "$2: $found times, not $1"; return 1; }
}

generate -o one.mkv
ok "ends well" exited 0
ok "says nothing" quiet
ok "ten seconds are five fragments" fragments 5 one.mkv
ok "a fragment number each" strings_in 5 AWS_KINESISVIDEO_FRAGMENT_NUMBER \
  one.mkv
ok "a continuation token each" strings_in 5 \
  AWS_KINESISVIDEO_CONTINUATION_TOKEN one.mkv
ok "producer times two seconds apart" strings_in 1 '1767225608[.]000' one.mkv
ok "the producer's tag before the first and in each" strings_in 6 SOURCE \
  one.mkv
rising() {
  grep -a -o 'AWS_KINESISVIDEO_FRAGMENT_NUMBER......[0-9]*' one.mkv |
    grep -a -o '[0-9]*$' >numbers
  sort -u numbers >sorted
  cmp numbers sorted || return 1
  [ "$(awk 'length($0) == 47' numbers | wc -l)" -eq 5 ]
}
ok "fragment numbers of 47 digits, rising" rising

generate -o again.mkv
ok "the same options give the same bytes" cmp one.mkv again.mkv
generate
ok "standard output" cmp one.mkv out
generate -o -
ok "-o -" cmp one.mkv out

generate --seconds 3 --fragment 0.5 --no-tail --tag a=1 --tag a=2 --tag b= \
  -o tags.mkv
ok "six fragments of half a second" fragments 6 tags.mkv
ok "no tail tags" strings_in 0 CONTINUATION_TOKEN tags.mkv
ok "own tags replace the standard one" strings_in 0 SOURCE tags.mkv
generate --seconds 1 --start 2017-11-28T06:55:08.513Z -o start.mkv
ok "--start" strings_in 1 '1511852108[.]513' start.mkv
generate --seconds 1 --start 1511852108.513 -o unix.mkv
ok "--start in Unix seconds" cmp start.mkv unix.mkv
generate --seconds 1 --start 2017-11-28T07:55:08.513+01:00 -o zone.mkv
ok "--start with a zone" cmp start.mkv zone.mkv
generate --seconds 1 --codec mjpeg --audio pcm -o mjpeg.mkv
ok "mjpeg and pcm end well" exited 0
ok "--codec mjpeg" strings_in 1 V_MJPEG mjpeg.mkv
ok "--audio pcm" strings_in 1 A_PCM/INT/LIT mjpeg.mkv
generate --seconds 1 --audio=alaw -o alaw.mkv
ok "--audio=alaw" strings_in 1 A_MS/ACM alaw.mkv
generate --seconds 1 --audio -o aac.mkv
ok "--audio is aac" strings_in 1 A_AAC aac.mkv
generate --seconds 2 --rate 29.97 --bframes 2 -o b.mkv
ok "--rate 29.97 --bframes 2" exited 0
generate --seconds 1 --live -o live.mkv
ok "--live" fragments 1 live.mkv

# Other people's parsers.
if command -v ffprobe >/dev/null 2>&1; then
  frames() { # N FILE TRACK
    found=$(ffprobe -v quiet -count_frames -select_streams "$3" -show_entries \
      stream=nb_read_frames -of csv=p=0 "$2" | head -n 1)
    [ "$found" = "$1" ] || { echo "$found frames, not $1"; return 1; }
  }
  ok "ffprobe decodes 300 frames" frames 300 one.mkv v:0
  ok "and 60 with B-frames" frames 60 b.mkv v:0
  ok "and 30 of MJPEG" frames 30 mjpeg.mkv v:0
  ok "and the tone" frames 47 aac.mkv a:0
else
  skip "ffprobe decodes them" "no ffprobe here"
fi
if command -v mkvinfo >/dev/null 2>&1; then
  blocks() {
    found=$(mkvinfo --ui-language en_US -a one.mkv | grep -c 'Simple block')
    [ "$found" -eq 300 ] || { echo "$found blocks"; return 1; }
  }
  ok "mkvinfo finds 300 blocks" blocks
else
  skip "mkvinfo finds the blocks" "no mkvinfo here"
fi
run elements one.mkv
if [ "$status" -eq 0 ]; then
  ok "kvsparse reads it without a fault" quiet
fi

# Refusals: one line, exit status 2, nothing written.
refuses() { # PATTERN OPTION...
  refuse_pattern=$1
  shift
  run generate "$@" -o refused.mkv
  ok "refuses $*" failed_with 2 "$refuse_pattern"
}
refuses 'even' --size 161x120
refuses '64x48' --size 62x48
refuses 'size' --size big
refuses 'rate' --rate fast
refuses '0.1 to 240' --rate 0
refuses '0.1 to 240' --rate 300
refuses '0.1 to 240' --rate 1/0
refuses 'seconds' --seconds 0
refuses '86400' --seconds 100000
refuses 'at most 30' --fragment 31
refuses 'h264' --codec theora
refuses 'aac' --audio=mp3
refuses 'NAME=VALUE' --tag name
refuses 'NAME=VALUE' --tag =value
refuses 'time' --start yesterday
refuses 'time' --start 2017-02-29T00:00:00Z
refuses '1970' --start -1
refuses 'bframes' --bframes 17
refuses 'too many' extra
refuses 'option' --no-such-option
ok "and writes nothing" test ! -e refused.mkv

# What is there already stays, unless told otherwise.
echo precious >there.mkv
generate --seconds 1 -o there.mkv
ok "an existing file is not overwritten" failed_with 1 'force'
ok "and stays as it was" grep -qx precious there.mkv
generate --seconds 1 --force -o there.mkv
ok "--force overwrites it" test "$status" -eq 0
ok "with a stream" "$KVSPARSE" info there.mkv

# The machine fails: one line, exit status 1.
generate -o /dev/full
ok "a full disk" failed_with 1 'No space left'
generate -o no/such/folder.mkv
ok "no such folder" failed_with 1 'No such file'
status=0
"$KVSPARSE" generate --size 160x120 >/dev/full 2>err </dev/null || status=$?
: >out
ok "a full disk behind standard output" failed_with 1 'No space left'
{
  "$KVSPARSE" generate --size 160x120 --seconds 60 2>err </dev/null
  echo "$?" >status
} | head -c 100 >/dev/null
read -r status <status
: >out
ok "a reader that goes away: SIGPIPE" exited 141
ok "and nothing is said" quiet

run generate --help
ok "--help ends well" exited 0
ok "--help tells of --bframes" has --bframes
finish
