#!/bin/sh
# kvsparse extract: tracks, formats, WAV files to the sample, calls of Amazon
# Connect, and everything that can go wrong.  What comes out is read by
# others: python3's wave module, and ffmpeg where there is one.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"

# --- sound, made by hand: A_AAC that a tag calls audio/L16, 8 kHz, mono ------

sound_track() { # NUMBER NAME
  element AE "$(element D7 "$1")$(element 73C5 "$1")$(element \
    83 02)$(string_element 86 A_AAC)$(element 63A2 1190)$(string_element \
    536E "$2")"
}
mime() {
  tags "$(simple_tag MimeType 'audio/L16;rate=8000;channels=1')"
}
contact() { # ID
  tags "$(simple_tag ContactId "$1")"
}
# head TRACKS TAGS
head_of() {
  printf '%s' "$(ebml_header)18538067FF" \
    "$(element 1549A966 "$(element 2AD7B1 0F4240)")" \
    "$(element 1654AE6B "$1")" "$2"
}
block() { # TRACK TICKS HEX
  element A3 "8$1$(printf %04X "$2")80$3"
}
cluster() { # TIMESTAMP BLOCKS
  element 1F43B675 "$(element E7 "$(printf %08X "$1")")$2"
}
both() {
  printf '%s' "$(sound_track 01 AUDIO_FROM_CUSTOMER)" \
    "$(sound_track 02 AUDIO_TO_CUSTOMER)"
}
samples() { # COUNT HEX: that many samples of two bytes
  i=0
  while [ "$i" -lt "$1" ]; do
    printf '%s' "$2"
    i=$((i + 1))
  done
}
# 10 ms each: at 0 and 40 ms; the other at 10 and 45 ms.
one=$(samples 80 0100)
two=$(samples 80 0200)
blocks="$(block 1 0 "$one")$(block 2 10 "$two")$(block 1 40 "$one")$(block \
  2 45 "$two")"
bytes "$(head_of "$(both)" "$(contact a-1)$(mime)")$(cluster 1000 "$blocks")" \
  >first.mkv
bytes "$(head_of "$(both)" "$(contact b/2)$(mime)")$(cluster 9000 "$blocks")" \
  >second.mkv
# The tags stand behind the Cluster.
bytes "$(head_of "$(both)" "")$(cluster 1000 "$blocks")$(contact a-1)$(mime)" \
  >behind.mkv
bytes "$(head_of "$(both)" "")$(cluster 9000 "$blocks")$(contact b-2)$(mime)" \
  >behind2.mkv
cat first.mkv second.mkv >calls.mkv
cat behind.mkv behind2.mkv >behind_calls.mkv

# wav FILE RATE CHANNELS BYTES_OF_A_SAMPLE FRAMES: its header says so, and so
# much is there
wav() {
  python3 - "$@" <<'END'
import os, sys, wave
name = sys.argv[1]
want = tuple(int(x) for x in sys.argv[2:6])
with wave.open(name) as w:
    got = (w.getframerate(), w.getnchannels(), w.getsampwidth(), w.getnframes())
    size = len(w.readframes(1 << 30))
print(got, size)
sys.exit(got != want or size != want[1] * want[2] * want[3] or
         os.path.getsize(name) != 44 + size)
END
}
# sound FILE FROM COUNT HEX: from that byte of sound on
sound() {
  [ "$(tail -c +$((45 + $2)) "$1" | head -c $(($3 * ${#4} / 2)) |
    od -An -v -tx1 | tr -d ' \n')" = "$(samples "$3" "$4")" ]
}

run extract --track AUDIO_FROM_CUSTOMER -o from.wav first.mkv
ok "a track by its name" exited 0
ok "its WAV file is as long as the times say" wav from.wav 8000 1 2 400
ok "it begins with the track's sound" sound from.wav 0 80 0100
ok "a pause is silence" sound from.wav 160 240 0000
ok "and goes on where it belongs" sound from.wav 640 80 0100
run extract --track 2 -o to.wav first.mkv
ok "a track by its number" wav to.wav 8000 1 2 360
run extract --stereo AUDIO_FROM_CUSTOMER,AUDIO_TO_CUSTOMER -o st.wav first.mkv
ok "two tracks as stereo" wav st.wav 8000 2 2 440
ok "left alone" sound st.wav 0 80 01000000
ok "right where it belongs" sound st.wav 320 80 00000200
ok "both silent" sound st.wav 640 160 00000000
ok "both at once" sound st.wav 1440 40 01000200
ok "the shorter one is silent at the end" sound st.wav 1600 40 00000200
run extract --track 1 --tolerance 0.03 -o t.wav first.mkv
ok "--tolerance" wav t.wav 8000 1 2 160
run extract --track 1 --max-silence 0.029 -o m.wav first.mkv
ok "--max-silence leaves out" wav m.wav 8000 1 2 160
ok "--max-silence is told" grep -q '1 pause too long' err
run extract -q --track 1 first.mkv
ok "standard output that is a file has its length" wav out 8000 1 2 400
ok "-q says nothing" quiet
"$KVSPARSE" extract -q --track 1 first.mkv | cat >pipe.wav
ok "a pipe has a header of unknown length" cmp -n 4 pipe.wav from.wav
ok "which says so" [ "$(head -c 44 pipe.wav | tail -c 4 | od -An -tx1 |
  tr -d ' ')" = ffffffff ]
ok "and the same sound" sh -c 'tail -c +45 pipe.wav >a; tail -c +45 from.wav |
  cmp - a'
"$KVSPARSE" extract -q --track 1 first.mkv >>pipe.wav
ok "a file that is appended to is not rewound" cmp -n 4 pipe.wav from.wav

# --- calls ------------------------------------------------------------------

run extract --track 1 -o 'call-%c-%i.wav' calls.mkv
ok "each ContactId has its file" exited 0
ok "the first one" wav call-a-1-001.wav 8000 1 2 400
ok "the second one, whose name leads nowhere" wav call-b_2-002.wav 8000 1 2 400
run extract --track 1 -o c.wav calls.mkv
ok "a plain name is counted" wav c.wav 8000 1 2 400
ok "from the second one on" wav c-2.wav 8000 1 2 400
mkdir folder
run extract --track 1 -o folder calls.mkv
ok "a folder: names of its own" wav folder/t1-002.wav 8000 1 2 400
run extract --stereo 1,2 -o s.wav behind_calls.mkv
ok "tags behind the Cluster count for it" wav s.wav 8000 2 2 440
ok "and for the second call" wav s-2.wav 8000 2 2 440
"$KVSPARSE" extract --track 1 calls.mkv 2>err | cat >out
ok "a pipe takes one call only" grep -q 'takes one only' err
ok "and that call is whole" [ "$(wc -c <out)" -eq 844 ]

run extract --track 1 --format raw -o r.bin calls.mkv
ok "the frames as they are: a file for each call, too" [ "$(wc -c <r.bin)" \
  -eq 320 ]
ok "and for the second" [ "$(wc -c <r-2.bin)" -eq 320 ]

# --- live -------------------------------------------------------------------

# The first fragment has neither ContactId nor MimeType behind it: so the sound
# of the second need not wait for its end.
mkfifo live
bytes "$(head_of "$(sound_track 01 SOUND)" "")$(cluster 0 "$(block 1 0 \
  "$one")")" >plain.mkv
{
  cat plain.mkv plain.mkv
  exec sleep 20
} >live &
writer=$!
mkfifo live_out
cat live_out >live.out & # a file would wait until it is whole
"$KVSPARSE" extract -q --format raw - <live >live_out 2>err &
program=$!
both_are_there() { [ "$(wc -c <live.out)" -eq 320 ]; }
ok "sound leaves as it comes" wait_until both_are_there
kill -s TERM "$program"
wait "$program" 2>/dev/null
kill -s KILL "$writer" 2>/dev/null
wait "$writer" 2>/dev/null

# --- what cannot be -----------------------------------------------------------

run extract --track 9 -o x.wav first.mkv
ok "no such track" failed_with 1 "no frame of a track 9; the tracks are: 1 A_"
ok "no such track: no file" [ ! -e x.wav ]
run extract --track NOBODY -o x.wav first.mkv
ok "no track of that name" failed_with 1 "no frame of a track named NOBODY"
run extract -o x.wav first.mkv
ok "which track?" failed_with 2 "which of the tracks.*2 A_AAC AUDIO_TO_CUSTOMER"
: >empty.mkv
run extract --track 1 -o x.wav empty.mkv
ok "an empty input" exited 1
ok "is told" grep -q "no tracks, no frames" err
bytes "$(ebml_header)18538067FF$(mime)" >none.mkv
run extract -o x.wav none.mkv
ok "no tracks" exited 1
ok "nothing was written for any of them" [ ! -e x.wav ]
run extract --track 1 --format annexb -o x.h264 first.mkv
ok "a format that cannot hold it" exited 1
ok "leaves no file" [ ! -e x.h264 ]
run extract --track 1 -o from.wav first.mkv
ok "a file that is there" failed_with 1 "is there already"
run extract --track 1 --force -o from.wav first.mkv
ok "--force" exited 0
run extract --track 1 -o missing/x.wav first.mkv
ok "an unwritable target" failed_with 1 "cannot write missing/x.wav"
if [ -w /dev/full ]; then
  run extract --track 1 -o /dev/full first.mkv
  ok "a full device" failed_with 1 "cannot write /dev/full: No space"
fi
(
  ulimit -f 1
  "$KVSPARSE" extract --stereo 1,2 -o big.wav first.mkv 2>err
)
ok "a full disk leaves no file" [ ! -e big.wav ]
ok "and is told in one line" one_complaint "cannot write big.wav"
ok "and nothing else" [ -z "$(find . -name '.kvsparse*')" ]
for bad in '--format mp3' '--stereo 1' '--stereo 1,2,3' '--stereo ,1' \
  '--track 0' '--tolerance -1' '--stereo 1,2 --format raw' \
  '--stereo 1,2 --track 1' '--max-silence x'; do
  # shellcheck disable=SC2086
  run extract $bad first.mkv
  ok "wrong usage: $bad" exited 2
done
run extract --track 1 -o 'x-%q.wav' first.mkv
ok "wrong usage: a pattern" failed_with 2 "must be followed by i, c, k"

# Declared numbers that no memory and no disk could hold.
pcm_head() { # RATE(8 bytes) CHANNELS DEPTH DURATION
  head_of "$(element AE "$(element D7 01)$(element 73C5 01)$(element \
    83 02)$(string_element 86 A_PCM/INT/LIT)$(element 23E383 "$4")$(element \
    E1 "$(element B5 "$1")$(element 9F "$2")$(element 6264 "$3")")")" ""
}
pcm() { # BLOCKS RATE CHANNELS DEPTH DURATION
  printf '%s' "$(pcm_head "$2" "$3" "$4" "$5")$(cluster 0 "$1")"
}
piece=$(block 1 0 "$one")
bytes "$(pcm "$piece" 0000000000000000 01 10 01)" >rate0.mkv
bytes "$(pcm "$piece" 7FF0000000000000 01 10 01)" >rate_infinite.mkv
bytes "$(pcm "$piece" 40BF400000000000 03E8 10 01)" >channels.mkv
bytes "$(pcm "$piece" 40BF400000000000 01 0C 01)" >depth.mkv
for name in rate_infinite channels depth; do
  run extract -o x.wav $name.mkv
  ok "$name: one line and 1" failed_with 1 "track 1: the track has a"
  ok "$name: no file" [ ! -e x.wav ]
done
bytes "$(pcm "$piece$(block 1 20 "$one")" 40BF400000000000 01 10 \
  7FFFFFFFFFFFFFFF)" >duration.mkv
run extract -o rate0.wav rate0.mkv
ok "a rate of 0 is Matroska's default" wav rate0.wav 8000 1 2 80
run extract -o duration.wav duration.mkv
ok "an absurd DefaultDuration does nothing" wav duration.wav 8000 1 2 160
{
  bytes "$(pcm "$piece" 40BF400000000000 01 10 01)"
  bytes "$(pcm_head 40BF400000000000 01 10 01)$(element 1F43B675 "$(element \
    E7 000000FFFFFFFFFF)$piece")"
} >later.mkv
run extract -o later.wav later.mkv
ok "34 years of silence are left out" wav later.wav 8000 1 2 160
ok "and told" grep -q 'pause too long' err
bytes "$(pcm "$(block 1 0 0100020003)" 40BF400000000000 01 10 01)" >half.mkv
run extract -o half.wav half.mkv
ok "half a sample is left out" wav half.wav 8000 1 2 2
ok "and told" exited 1
# Another sample rate, in the middle of it.
bytes "$(pcm "$piece" 40CF400000000000 01 10 01)" >fast.mkv
bytes "$(pcm "$piece" 40BF400000000000 01 10 01)" >slow.mkv
cat slow.mkv fast.mkv >rates.mkv
run extract -o rates.wav rates.mkv
ok "another sample rate is another file" wav rates-2.wav 16000 1 2 80
ok "the first one is whole" wav rates.wav 8000 1 2 80

# --- frames as they are -----------------------------------------------------

make_samples
run extract -q two.mkv
ok "a codec nobody knows: raw" [ "$(od -An -tx1 <out | tr -d ' ')" = \
  aabbccddaabbccdd ]
run extract -o frames/ two.mkv
ok "a file for each frame" [ "$(find frames -type f | wc -l)" -eq 4 ]
run extract -o 'frames2/x-%f-%n.bin' two.mkv
ok "by a pattern" [ -s frames2/x-00001-0001.bin ]
run extract -q bad.mkv
ok "damage is told" exited 1
ok "what is whole is written" [ "$(wc -c <out)" -eq 8 ]
run extract -q cut.mkv
ok "a stream that is cut off" exited 1

# --- codecs ------------------------------------------------------------------

if [ -z "$HAVE_FFMPEG" ]; then
  run extract --track 1 --format pcm first.mkv
  ok "without FFmpeg: decoding says what is lacking" failed_with 1 \
    "without FFmpeg"
  finish
fi
md5() { # FILE ARGUMENT...: of each picture, as ffmpeg decodes it
  file=$1
  shift
  ffmpeg -v quiet -i "$file" "$@" -fps_mode passthrough -f framemd5 - |
    sed -n '/^#/!s/.*,//p'
}
same_pictures() { # STREAM MEDIA TRACK
  md5 "$1" -map "0:$3" >want
  md5 "$2" >got
  [ -s want ] && cmp want got
}
for codec in h264 hevc; do
  run generate --codec $codec --seconds 2 --size 320x180 --audio -o $codec.mkv
  if [ "$status" -ne 0 ] || ! command -v ffmpeg >/dev/null; then
    skip "$codec" "no encoder, or no ffmpeg"
    continue
  fi
  run extract --track 1 -o v.$codec $codec.mkv
  ok "$codec: extracted" exited 0
  ok "$codec: the same pictures" same_pictures $codec.mkv v.$codec 0
  cat $codec.mkv | "$KVSPARSE" extract -q --track 1 - | cat >p.$codec
  ok "$codec: the same through pipes" cmp v.$codec p.$codec
  run extract --track 2 --force -o a.aac $codec.mkv
  ok "aac: extracted" exited 0
  ffmpeg -v error -i a.aac -f md5 - >got 2>err
  ffmpeg -v quiet -i $codec.mkv -map 0:1 -f md5 - >want
  ok "aac: the same sound, without an error" cmp got want
  ok "aac: not a word" quiet
  run extract --track 2 --format pcm --force -o a.wav $codec.mkv
  if grep -q libswresample err; then
    skip "pcm" "no libswresample"
    continue
  fi
  ffmpeg -v quiet -i $codec.mkv -map 0:1 -c:a pcm_s16le -f md5 - >want
  ffmpeg -v quiet -i a.wav -f md5 - >got
  ok "pcm: the same samples as ffmpeg's" cmp got want
done
run generate --codec mjpeg --seconds 1 --rate 5 -o m.mkv
run extract -o 'jpg/%f-%n.jpg' m.mkv
ok "mjpeg: a file for each frame" [ "$(find jpg -name '*.jpg' | wc -l)" -eq 5 ]
ok "mjpeg: a JPEG each" [ "$(od -An -tx1 -N2 jpg/00000-0000.jpg | tr -d ' ')" \
  = ffd8 ]

# --- real streams -------------------------------------------------------------

if [ -z "$KVSPARSE_CORPUS" ]; then
  skip "real streams" "no KVSPARSE_CORPUS"
  finish
fi
for file in "$KVSPARSE_CORPUS"/kvs-getmedia/*output*.mkv \
  "$KVSPARSE_CORPUS"/kvs-producer-input/*.mkv \
  "$KVSPARSE_CORPUS"/kvs-picgen/pic_h264*.mkv; do
  run extract -q --track 1 --force -o v.h264 "$file"
  ok "${file##*/}: the same pictures" same_pictures "$file" v.h264 0
done
connect=$KVSPARSE_CORPUS/kvs-picgen/pic_connect_like_two_audio.mkv
run extract --stereo AUDIO_FROM_CUSTOMER,AUDIO_TO_CUSTOMER -o r.wav "$connect"
ok "like Amazon Connect: 3160 ms and 10 ms" wav r.wav 8000 2 2 25360
run extract -o r8.wav "$KVSPARSE_CORPUS/kvs-picgen/pic_alaw_audio_by_duration.mkv"
ok "A-law: 500 frames of 20 ms" [ "$(wc -c <r8.wav)" -eq 80058 ]
finish
