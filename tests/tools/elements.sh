#!/bin/sh
# kvsparse elements.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
make_samples
make_crc_samples

run elements two.mkv
ok "a good stream" exited 0
ok "nothing on standard error" quiet
ok "one line an element" [ "$(wc -l <out)" -eq 98 ]
ok "a master" has_line \
  "         0  EBML (0x1A45DFA3), header 8, size 14"
ok "unknown size" has_line \
  "        22  Segment (0x18538067), header 5, size unknown"
ok "a string" has_line \
  '         8    DocType (0x4282), header 6, size 8: "matroska"'
ok "a number" has_line \
  "        35      TimestampScale (0x2AD7B1), header 7, size 3: 1000000"
ok "a number beyond 2^63" has_line \
  "        64        TrackUID (0x73C5), header 6, size 8: 9369222412769439222"
ok "bytes" has_line \
  "       415      SimpleBlock (0xA3), header 5, size 7: 81000080 aabbcc"
ok "the second document" has_line \
  "       579  EBML (0x1A45DFA3), header 8, size 14"

run elements --depth 0 two.mkv
ok "--depth 0" [ "$(wc -l <out)" -eq 4 ]
run elements -d 1 two.mkv
ok "-d 1" [ "$(grep -c '      ' out)" -gt 4 ]
ok "-d 1 shows no children of masters in a Segment" [ \
  "$(grep -c TrackEntry out)" -eq 0 ]
run elements -d x two.mkv
ok "-d x" failed_with 2 "--depth: 'x'"

# All kinds of values, and what a terminal should not get.
bytes "$(ebml_header)" "$(element 18538067 "$(element 1549A966 "$(element \
  4489 40490FDB)$(element 4461 0000000000000000)$(element \
  7BA9 41071B5B324A22FFC3A4)$(element EC "$(printf '%040d' 0)")$(element \
  4DFF 0102)")")" >values.mkv
run elements values.mkv
ok "all kinds of values" exited 0
ok "a float" has "Duration (0x4489), header 6, size 4: 3.14159274"
ok "a date" has "DateUTC (0x4461), header 6, size 8: 2001-01-01 00:00:00.000 UTC"
ok "control characters and bad bytes are replaced" has \
  "Title (0x7BA9), header 6, size 10: \"A$(printf '\357\277\275\357\277\275')\[2J\"$(printf '\357\277\275\303\244')\"$"
ok "long bytes are cut" has \
  "Void (0xEC), header 5, size 20: 00000000 00000000 00000000 00000000 \.\.\.$"
ok "an element that is not in the table" has \
  "unknown element (0x4DFF), header 6, size 2: 0102"

run elements bad.mkv
ok "bytes that make no sense: status 1" exited 1
ok "they are complained about" one_complaint "bad.mkv: byte 579: "
ok "they are in the list" has "^       579  FAULT: "
ok "the list goes on behind them" has_line \
  "       585  EBML (0x1A45DFA3), header 8, size 14"
# Not only at the next document: inside of a Segment, too.
bytes "$(ebml_header)18538067FF" "$(tracks)" 000102030405 \
  "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AABBCC)")" \
  >inside.mkv
run elements inside.mkv
ok "the list goes on at the next element that makes sense" has \
  "^ *[0-9][0-9]*  *SimpleBlock "
run elements --help
ok "as --help says" has "the next element that makes sense"
run elements --strict bad.mkv
ok "--strict: status 1" exited 1
ok "--strict: complained about" one_complaint "bad.mkv: byte 579: "
ok "--strict stops" [ "$(tail -n 1 out | grep -c FAULT)" -eq 1 ]

run elements --check-crc crc.mkv
ok "--check-crc: all well" exited 0
run elements bad_crc.mkv
ok "a wrong CRC-32 is not looked for without it" exited 0
run elements --check-crc bad_crc.mkv
ok "--check-crc: status 1" exited 1
ok "--check-crc: complained about" one_complaint "bad_crc.mkv: byte 27: A CRC"
ok "--check-crc: in the list, behind the element" [ \
  "$(grep -A 1 TimestampScale out | tail -n 1)" = "        27  FAULT: \
A CRC-32 element does not match the bytes it covers. (Info, 0x1549A966)" ]
ok "--check-crc: the list goes on" has "SimpleBlock"
run elements --check-crc --strict bad_crc.mkv
ok "--check-crc --strict: status 1" exited 1
ok "--check-crc --strict stops" [ "$(tail -n 1 out | grep -c FAULT)" -eq 1 ]

run elements cut.mkv
ok "a stream that ends in an element: status 1" exited 1
ok "it is complained about" one_complaint "cut.mkv: byte "
ok "the element is listed as far as it came" has \
  "^       427      SimpleBlock (0xA3), header 5, size 5: 810028 "
run elements /dev/null
ok "an empty stream" exited 0
ok "an empty stream has no elements" [ ! -s out ]
echo "this is no Matroska" >text
run elements text
ok "a text" exited 1
ok "a text: one line" one_complaint "text: byte 0: "

run elements --max-value 4 two.mkv
ok "--max-value" exited 1
ok "--max-value: one line" one_complaint "byte 8: "

# Against what an independent parser said of real streams: place and sizes of
# each element.
golden_elements() { # GOLDEN: offset id header size
  sed -n '/"ev":"end"/d
    s/.*"id":"\([0-9A-F]*\)".*"offset":\([0-9]*\),"header":\([0-9]*\),"size":\([0-9a-z]*\).*/\2 \1 \3 \4/p' \
    "$1" | sed 's/null$/unknown/'
}
our_elements() {
  sed -n 's/^ *\([0-9]*\)  .* (0x\([0-9A-F]*\)).*, header \([0-9]*\), size \([0-9a-z]*\).*/\1 \2 \3 \4/p' out
}
if [ -n "$KVSPARSE_CORPUS" ]; then
  for golden in "$KVSPARSE_CORPUS"/golden/kvs-*/*.elements.jsonl; do
    file=${golden##*/golden/}
    file=${file%.elements.jsonl}
    [ -e "$KVSPARSE_CORPUS/$file" ] || continue
    run elements "$KVSPARSE_CORPUS/$file"
    golden_elements "$golden" >want
    our_elements >have
    ok "$file: the elements" cmp have want
  done
else
  skip "real streams" "KVSPARSE_CORPUS is not set"
fi
finish
