#!/bin/sh
# kvsparse info: the table and its JSON.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
make_samples
make_error_sample
make_tags_sample
make_crc_samples
make_odd_sample

run info two.mkv
ok "a good stream" exited 0
ok "nothing on standard error" quiet
cat >want <<'END'
two.mkv
  Bytes             1158 (1.1 kB)
  Fragments         2 (2 complete, 0 without tail tags, 0 damaged)
  Frames            4 (2 key)
  First number      9134001
  Last number       9134002
  Producer time     2017-11-28 06:55:01.500 UTC to
                    2017-11-28 06:55:02.540 UTC, 1.040 s
  Timecodes         1.040 s
  Latency           0.250 s min, 0.250 s median, 0.250 s max (server - producer)
  Behind now        12 ms at the end, 12 ms at most
  Discontinuities   0
  Gaps              0
  Service errors    0

Tracks
  Track  Type   Codec   Format     Frames       Key    Frames/s      kbit/s  Private  Name
      1  video  V_TEST  640x360         4         2      25.000         0.4        4  -

Tags
  COLOUR                               2 x "green"
  AWS_KINESISVIDEO_FRAGMENT_NUMBER     2 times
  AWS_KINESISVIDEO_SERVER_TIMESTAMP    2 times
  AWS_KINESISVIDEO_PRODUCER_TIMESTAMP  2 times
  AWS_KINESISVIDEO_MILLIS_BEHIND_NOW   2 times
  AWS_KINESISVIDEO_CONTINUATION_TOKEN  2 times
END
ok "the whole table" cmp want out

run info --fragments two.mkv
ok "--fragments: a head" [ "$(head -n 1 out | cut -c 1-8)" = Fragment ]
ok "--fragments: the first" has \
  "^       0  2017-11-28 06:55:01.500 UTC           1.000        2         579  9134001  *complete,new-tracks$"
ok "--fragments: the second" has \
  "^       1  2017-11-28 06:55:02.500 UTC           2.000        2         579  9134002  *complete$"

run info error.mkv
ok "an error of the service" has "^  Service errors    1$"
ok "what it means" has "^  fragment 2: 4501 KEY_DISABLED: ..*"
run info -f error.mkv
ok "its fragment" has "9134003  .*error-4501$"
run info many_tags.mkv
ok "a binary tag" has "^  BINARY  1 x 3 bytes$"
ok "a tag without a value" has "^  NONE    1 x no value$"
ok "an empty tag" has '^  EMPTY   1 x ""$'

run info odd.mkv
ok "what the audio really is" has \
  "1  audio  A_PCM/INT/LIT  8000 Hz, 1 ch, 16 bit  *1  "
# The same tag behind the Cluster, and a fragment without one: still one row.
{ bytes "$(ebml_header)18538067FF" "$(element 1654AE6B "$(element \
    AE "$(element D7 01)$(element 83 02)$(string_element 86 A_AAC)")")" \
    "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AA)")" >one.mkv
  cat one.mkv
  bytes "$(tags "$(simple_tag MimeType 'audio/L16;rate=8000')")"
  cat one.mkv
} >late.mkv
run info late.mkv
ok "audio by a late tag" has \
  "1  audio  A_PCM/INT/LIT  8000 Hz, 1 ch, 16 bit  *2  "

# One long name does not make every row long.
long_name=$(head -c 1000 /dev/zero | tr '\0' N)
bytes "$(ebml_header)18538067FF" "$(element 1654AE6B "$(element \
  AE "$(element D7 01)$(element 83 02)$(string_element 86 "$long_name")")$(\
  element AE "$(element D7 02)$(element 83 02)$(string_element 86 A_AAC)")")" \
  "$(tags "$(simple_tag "$long_name" x)$(simple_tag SHORT y)")" \
  "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AA)")" >wide.mkv
run info wide.mkv
ok "a long name takes its room" has_line "  $long_name  1 x \"x\""
ok "which others do not take" has_line \
  "$(printf '  %-40s  1 x "y"' SHORT)"
ok "nor in the other table" [ "$(awk 'length > 200' out | wc -l)" -eq 2 ]

run info --check-crc crc.mkv
ok "--check-crc: all well" exited 0
run info bad_crc.mkv
ok "a wrong CRC-32 is not looked for without it" exited 0
run info --check-crc bad_crc.mkv
ok "--check-crc: status 1" exited 1
ok "--check-crc: a gap" has "^  bytes 35-51: A CRC-32 .* (0 frames lost)$"
ok "--check-crc: the frame is there" has "^  Frames            1 (1 key)$"

run info bad.mkv
ok "bytes that make no sense: status 1" exited 1
ok "they are complained about" one_complaint "bad.mkv: bytes 579-585: "
ok "gaps are counted" has "^  Gaps              1 (6 bytes)$"
ok "gaps are listed" has "^  bytes 579-585: "
ok "the rest is told" has "^  Frames            4 (2 key)$"
run info --strict bad.mkv
ok "--strict: status 1" exited 1
ok "--strict: offset and reason" one_complaint "bad.mkv: byte 579: "
ok "--strict: what came before is told" has "^  Frames            2 (1 key)$"
run info cut.mkv
ok "a cut stream" exited 1
ok "a damaged fragment" has \
  "^  Fragments         1 (0 complete, 1 without tail tags, 1 damaged)$"
run info /dev/null
ok "an empty stream" exited 0
ok "an empty stream: nothing in it" has "^  Fragments         0$"
run info --max-frame 6 two.mkv
ok "--max-frame" exited 1

if [ -n "$HAVE_JANSSON" ]; then
  run info --json --fragments two.mkv
  ok "--json" exited 0
  ok "--json is one line" [ "$(wc -l <out)" -eq 1 ]
  ok "--json: counts" has '"bytes":1158,"fragments":2,"complete":2,"damaged":0,"frames":4,"key_frames":2,'
  ok "--json: the track" has '"uid":9369222412769439222,.*"frame_rate":25.0,"bit_rate":400.0'
  ok "--json: tags" has '{"name":"COLOUR","count":2,"values":\[{"value":"green","count":2}\],"other_values":0}'
  ok "--json: fragments" has '"fragment_list":\[{"fragment":0,"offset":0,"bytes":579,"number":"9134001",'
  if command -v python3 >/dev/null; then
    ok "--json is JSON" python3 -m json.tool out
  else
    skip "--json is JSON" "no python3"
  fi
  run info --json odd.mkv
  ok "--json: what the audio really is" has '"codec_id":"A_AAC",.*"audio":{"codec_id":"A_PCM/INT/LIT","sample_rate":8000.0,"channels":1,"bit_depth":16},"frames":1,'
  ok "--json: encodings" has '"number":2,.*"encodings":\["zlib","other","encryption"\],"frames":1,'
  run info --json bad.mkv
  ok "--json: gaps" has '"gap_list":\[{"from":579,"to":585,'
  ok "--json: status 1 with a gap" exited 1
  run info --json error.mkv
  ok "--json: errors" has '"error_list":\[{"fragment":2,"error_id":4501,"error_code":"KEY_DISABLED",'
fi

if [ -n "$KVSPARSE_CORPUS" ]; then
  run info "$KVSPARSE_CORPUS/kvs-getmedia/output_get_media.mkv"
  ok "a real stream" exited 0
  ok "a real stream: its frames" has "^  Frames            300 (5 key)$"
  ok "a real stream: its track" has "1  video  V_MPEG4/ISO/AVC  640x360       300         5"
else
  skip "a real stream" "KVSPARSE_CORPUS is not set"
fi
finish
