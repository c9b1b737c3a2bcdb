#!/bin/sh
# kvsparse events: the contract of kvsparse-events(1), line by line.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
if [ -z "$HAVE_JANSSON" ]; then
  echo "1..0 # SKIP this build has no jansson"
  exit 77
fi
make_samples
make_error_sample
make_tags_sample
make_crc_samples
make_odd_sample
types() { # the types of the lines, in one line
  sed -n 's/^{"type":"\([a-z_]*\)".*/\1/p' "$1" | tr '\n' ' '
}
count() { # TYPE
  grep -c "^{\"type\":\"$1\"" out
}

run events two.mkv
ok "a good stream" exited 0
ok "nothing on standard error" quiet
fragment_types="fragment frame frame tags tags fragment_end"
ok "the items in their order" [ "$(types out)" = \
  "$fragment_types $fragment_types end " ]
ok "a fragment" has_line '{"type":"fragment","fragment":0,"offset":0,'\
'"number":"9134001","producer_time":"1511852101.500000000",'\
'"server_time":"1511852101.750000000","new_tracks":true,'\
'"discontinuity":false,"gap":null,"error_id":null,"error_code":null,'\
'"tracks":[{"number":1,"uid":9369222412769439222,"type":"video",'\
'"codec_id":"V_TEST","codec_private_size":4,"name":null,"language":"eng",'\
'"width":640,"height":360,"sample_rate":null,"channels":null,'\
'"bit_depth":null}],"tags":[{"name":"COLOUR","value":"green"},'\
'{"name":"AWS_KINESISVIDEO_FRAGMENT_NUMBER","value":"9134001"},'\
'{"name":"AWS_KINESISVIDEO_SERVER_TIMESTAMP","value":"1511852101.750"},'\
'{"name":"AWS_KINESISVIDEO_PRODUCER_TIMESTAMP","value":"1511852101.500"}]}'
ok "a key frame" has_line '{"type":"frame","fragment":0,"frame":0,"track":1,'\
'"pts":"1.000000000","producer_time":"1511852101.500000000","duration":null,'\
'"key":true,"invisible":false,"discardable":false,"lacing":"none",'\
'"offset":424,"size":3}'
ok "another frame" has_line '{"type":"frame","fragment":0,"frame":1,'\
'"track":1,"pts":"1.040000000","producer_time":"1511852101.540000000",'\
'"duration":null,"key":false,"invisible":false,"discardable":false,'\
'"lacing":"none","offset":436,"size":1}'
ok "tags behind the Cluster" has_line '{"type":"tags","fragment":1,"tags":['\
'{"name":"AWS_KINESISVIDEO_CONTINUATION_TOKEN","value":"9134002"}]}'
ok "the end of a fragment" has_line '{"type":"fragment_end","fragment":1,'\
'"number":"9134002","continuation_token":"9134002","millis_behind_now":12,'\
'"frames":2,"bytes":579,"complete":true,"damaged":false}'
ok "the gap between fragments" has '"fragment":1,.*"gap":"0\.9[0-9]*",'
ok "the last line" [ "$(tail -n 1 out)" = \
  '{"type":"end","bytes":1158,"fragments":2,"frames":4,"gaps":0}' ]

run events many_tags.mkv
ok "odd tags" exited 0
ok "nested, binary, valueless, empty, bad" has '"tags":\[{"name":"OUTER",'\
'"value":"shallow","tags":\[{"name":"INNER","value":"deep"}\]},'\
'{"name":"BINARY","value_base64":"AP8Q"},{"name":"NONE","value":null},'\
'{"name":"EMPTY","value":""},{"name":"BAD","value":"A'"$(printf \
'\357\277\275\303\244')"'"},{"name":"QUOTE","value":"{\\"\\":\\"A"}\]}$'

run events error.mkv
ok "an error of the service is data" has \
  '"number":"9134003",.*"error_id":4501,"error_code":"KEY_DISABLED"'
ok "a fragment without a Cluster is told" [ "$(count fragment)" -eq 3 ]

run events bad.mkv
ok "bytes that make no sense: status 1" exited 1
ok "they are complained about, once" one_complaint \
  "bad.mkv: bytes 579-585: "
ok "a gap" has \
  '^{"type":"gap","from":579,"to":585,"reason":".*","frames_lost":[n0-9]'
ok "all frames are there" [ "$(count frame)" -eq 4 ]
ok "the last line counts the gap" [ "$(tail -n 1 out)" = \
  '{"type":"end","bytes":1164,"fragments":2,"frames":4,"gaps":1}' ]
run events --strict bad.mkv
ok "--strict: status 1" exited 1
ok "--strict: offset and reason" one_complaint "bad.mkv: byte 579: "
ok "--strict stops" [ "$(count frame)" -eq 2 ]
ok "--strict: no gap" [ "$(count gap)" -eq 0 ]
ok "--strict: the last line is there" [ "$(count end)" -eq 1 ]
run events cut.mkv
ok "a cut stream: status 1" exited 1
ok "a cut stream: one complaint" one_complaint "cut.mkv: bytes "
ok "a cut stream: its whole frame" [ "$(count frame)" -eq 1 ]
ok "a cut fragment is damaged" has '"complete":false,"damaged":true}'
ok "a cut stream: all bytes are counted" has '^{"type":"end","bytes":435,'
echo "this is no Matroska" >text
run events text
ok "a text" exited 1
ok "a text: one complaint" one_complaint "text: bytes 0-20: "
ok "a text: the last line" has '"bytes":20,"fragments":0,"frames":0,"gaps":1}'
run events /dev/null
ok "an empty stream" exited 0
ok "an empty stream: only the last line" [ "$(cat out)" = \
  '{"type":"end","bytes":0,"fragments":0,"frames":0,"gaps":0}' ]

run events odd.mkv
ok "odd tracks and frames" exited 0
ok "audio that is not what it says, and encodings" has '"tracks":\[{'\
'"number":1,"uid":5,"type":"audio","codec_id":"A_AAC",.*"bit_depth":null,'\
'"audio":{"codec_id":"A_PCM/INT/LIT","sample_rate":8000.0,"channels":1,'\
'"bit_depth":16}},{"number":2,.*"bit_depth":null,'\
'"encodings":\["zlib","other","encryption"\]}\],'
ok "targets of a tag" has '"tags":\[{"name":"MimeType",'\
'"value":"audio/L16;rate=8000;channels=1",'\
'"targets":{"type_value":30,"type":null,"track_uids":\[5\]}}\]}$'
ok "a plain frame has no more than ever" has '"track":1,.*"size":2}$'
ok "an encrypted frame with additions" has \
  '"track":2,.*"size":1,"encrypted":true,"compressed":true,"additions":2}$'

run events --check-crc crc.mkv
ok "--check-crc: all well" exited 0
run events bad_crc.mkv
ok "a wrong CRC-32 is not looked for without it" exited 0
run events --check-crc bad_crc.mkv
ok "--check-crc: status 1" exited 1
ok "--check-crc: complained about" one_complaint "bytes 35-51: A CRC-32"
ok "--check-crc: a gap" has \
  '^{"type":"gap","from":35,"to":51,"reason":"A CRC-32.*","frames_lost":0}$'
ok "--check-crc: the frame is there" [ "$(count frame)" -eq 1 ]
ok "--check-crc: the fragment is damaged" has '"damaged":true}'
run events --check-crc --strict bad_crc.mkv
ok "--check-crc --strict" one_complaint "bad_crc.mkv: byte 35: A CRC-32"
ok "--check-crc --strict: no frame" [ "$(count frame)" -eq 0 ]

run events --key-frames two.mkv
ok "--key-frames" [ "$(count frame)$(grep -c '"key":true' out)" = 22 ]
run events --track 1 --track 7 two.mkv
ok "--track of the stream" [ "$(count frame)" -eq 4 ]
run events -t 7 two.mkv
ok "-t of none" [ "$(count frame)" -eq 0 ]
ok "-t keeps the rest" [ "$(count fragment_end)" -eq 2 ]
run events --max-frame 6 two.mkv
ok "--max-frame: a gap" exited 1
ok "--max-frame: smaller frames come" [ "$(count frame)" -eq 2 ]
run events --max-frame 6 --strict two.mkv
ok "--max-frame --strict" one_complaint "two.mkv: byte "
ok "--max-frame --strict: the last line is there" [ "$(count end)" -eq 1 ]
for option in max-depth max-frame max-value max-memory max-tracks max-tags track; do
  run events --$option 0 two.mkv
  ok "--$option 0" failed_with 2 "events: --$option: '0'"
done

# Items do not depend on how the bytes are cut.
for file in two bad cut many_tags error odd text; do
  run events $file.mkv
  [ $file = text ] && run events text
  cp out whole
  for size in 1 2 3 5 13 31 4096; do
    if [ $file = text ]; then
      run events -n $size text
    else
      run events -n $size $file.mkv
    fi
    ok "$file, $size bytes at a time" cmp whole out
  done
done

# A live pipe: what has come is told before more comes.
wait_for() { # LINES: in live
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ "$(wc -l <live)" -ge "$1" ] && return 0
    sleep 0.2
  done
  echo "only $(wc -l <live) lines after four seconds"
  return 1
}
mkfifo pipe
: >live
"$KVSPARSE" events - <pipe >live 2>err &
exec 3>pipe
head -c 430 two.mkv >&3
ok "a frame is told while the pipe is open" wait_for 2
tail -c +431 two.mkv | head -c 7 >&3
ok "the next one with its last byte" wait_for 3
tail -c +438 two.mkv >&3
exec 3>&-
wait
ok "the rest when it is closed" wait_for 13

if [ -n "$KVSPARSE_CORPUS" ]; then
  if command -v python3 >/dev/null; then
    for size in 0 1 1000; do
      ok "real streams, --read-size $size" python3 \
        "$KVSPARSE_CORPUS/check.py" --kvsparse "$KVSPARSE" \
        --corpus "$KVSPARSE_CORPUS" --only kvs- --read-size $size
    done
  else
    skip "real streams" "no python3"
  fi
else
  skip "real streams" "KVSPARSE_CORPUS is not set"
fi
finish
