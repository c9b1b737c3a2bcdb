# shellcheck shell=sh
# common.sh - what the tests of the program share: TAP lines, a scratch
# folder, and a writer of small streams.  To be sourced.
#
# The environment: KVSPARSE, the program to test (default: tools/kvsparse of
# the current XX KVSPARSE_CORPUS, a folder of real
# streams (default: none, and what needs it is skipped).

set -u
LC_ALL=C
export LC_ALL
: "${KVSPARSE:=tools/kvsparse}"
: "${KVSPARSE_CORPUS:=}"
case $KVSPARSE in
  /*) ;;
  *) KVSPARSE=$PWD/$KVSPARSE ;;
esac

scratch=$(mktemp -d "${TMPDIR:-/tmp}/kvsparse-test.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 99' HUP INT TERM
cd "$scratch" || exit 99

test_number=0
test_failed=0

# ok NAME COMMAND...: passes when the command succeeds.  What it says, and the
# program's last output, help when it does not.
ok() {
  ok_name=$1
  shift
  test_number=$((test_number + 1))
  if "$@" >ok.log 2>&1; then
    echo "ok $test_number - $ok_name"
    return
  fi
  test_failed=$((test_failed + 1))
  echo "not ok $test_number - $ok_name"
  echo "# failed: $*" | head -n 3
  sed 's/^/# /' ok.log | head -n 20
  for ok_file in out err; do
    [ -s "$ok_file" ] || continue
    echo "# $ok_file:"
    head -n 5 "$ok_file" | cut -c 1-200 | sed 's/^/#   /'
  done
}

skip() {
  test_number=$((test_number + 1))
  echo "ok $test_number - $1 # SKIP $2"
}

# To be the last line of a script.
finish() {
  echo "1..$test_number"
  [ "$test_failed" -eq 0 ]
  exit
}

# run ARGUMENT...: the program's output in out and err, its exit status in
# $status.  Standard input is empty unless run_input names a file.
run_input=/dev/null
run() {
  status=0
  "$KVSPARSE" "$@" <"$run_input" >out 2>err || status=$?
}

# For ok: ...
exited() { # STATUS
  [ "$status" -eq "$1" ] || { echo "exit status $status, not $1"; return 1; }
}
one_complaint() { # PATTERN: one line on stderr, beginning like the program
  [ "$(wc -l <err)" -eq 1 ] || { echo "not one line on stderr"; return 1; }
  grep -q "^kvsparse" err || { echo "does not name the program"; return 1; }
  grep -q -e "$1" err || { echo "stderr lacks: $1"; return 1; }
}
quiet() { # nothing on stderr
  [ ! -s err ]
}
failed_with() { # STATUS PATTERN: all of that and nothing on stdout
  exited "$1" && one_complaint "$2" && [ ! -s out ]
}
has_line() { # LINE: out has exactly this line
  grep -q -F -x -e "$1" out || { echo "no such line: $1"; return 1; }
}
has() { # PATTERN
  grep -q -e "$1" out || { echo "out lacks: $1"; return 1; }
}
wait_until() { # COMMAND...: at most ten seconds
  for _ in 0 1 2 3 4 5 6 7 8 9; do
    for _ in 0 1 2 3 4 5 6 7 8 9; do
      "$@" && return 0
      sleep 0.1
    done
  done
  return 1
}
# with_signals COMMAND...: a shell starts what is behind & with SIGINT ignored;
# this one is not.  The process becomes the command.
with_signals() {
  exec python3 -c '
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$@"
}

if [ -z "${HAVE_JANSSON+set}" ]; then
  HAVE_JANSSON=yes
  "$KVSPARSE" --version | grep -q 'without jansson' && HAVE_JANSSON=
fi
if [ -z "${HAVE_MATROSKA+set}" ]; then
  HAVE_MATROSKA=yes
  "$KVSPARSE" --version | grep -q 'without libmatroska' && HAVE_MATROSKA=
fi
if [ -z "${HAVE_FFMPEG+set}" ]; then
  HAVE_FFMPEG=yes
  "$KVSPARSE" --version | grep -q 'without FFmpeg' && HAVE_FFMPEG=
fi

# --- what others see in a file ---------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }
# packets_of FILE [,ENTRY]: a line for each that ffprobe reads: track, flags,
# size and a hash of the bytes.
packets_of() {
  ffprobe -v quiet -show_data_hash md5 -show_entries \
    "packet=stream_index,flags,size,data_hash${2:-}" -of csv=p=0 "$1"
}
# What ffprobe has to say, each thing once.
complaints_of() { # FILE
  ffprobe -v warning -count_packets -show_entries stream=index "$1" 2>&1 \
    >/dev/null | grep -v 'Last message repeated' |
    sed 's/^\[\([^ ]*\) @ [^]]*\]/[\1]/' | sort -u
}
# no_new_complaint FILE SOURCE: some payloads are no media, and some headers
# not what ffprobe would like.  That stays; but nothing comes to it.
no_new_complaint() {
  complaints_of "$2" >source.said
  if complaints_of "$1" | grep -v -x -F -f source.said >file.said; then
    cat file.said
    return 1
  fi
  ! complaints_of "$1" | grep 'unknown-length'
}
remuxes() { # FILE: mkvmerge finds nothing to warn of
  mkvmerge --ui-language en_US -q -o remuxed.mkv "$1"
}
# gst_delivers FILE COUNT: of all tracks, one after the other: with several
# at once, its threads lose some of the lines that are counted.
gst_delivers() {
  gst_video=0 gst_audio=0
  : >gst.out
  for gst_type in $("$KVSPARSE" elements "$1" |
    sed -n 's/.* TrackType (.*: \([0-9]*\)$/\1/p'); do
    case $gst_type in
      1) gst_pad=video_$gst_video gst_video=$((gst_video + 1)) ;;
      2) gst_pad=audio_$gst_audio gst_audio=$((gst_audio + 1)) ;;
      *) continue ;;
    esac
    gst-launch-1.0 -v filesrc location="$1" ! matroskademux name=d \
      "d.$gst_pad" ! identity silent=false ! fakesink >>gst.out 2>&1
  done
  gst_count=$(grep -c 'identity.*chain' gst.out)
  [ "$gst_count" -eq "$2" ] || {
    echo "GStreamer: $gst_count buffers, not $2"
    return 1
  }
}

# --- streams ---------------------------------------------------------------
# Bytes are strings of hexadecimal digits until bytes() writes them.

text_hex() { # TEXT
  printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}
element() { # ID PAYLOAD: with a size of four bytes
  printf '%s%08X%s' "$1" $((0x10000000 + ${#2} / 2)) "$2"
}
string_element() { # ID TEXT
  element "$1" "$(text_hex "$2")"
}
bytes() { # HEX...
  printf %b "$(echo "$*" | tr -d ' \n' | tr a-f A-F | awk '{
    digits = "0123456789ABCDEF"
    for (i = 1; i < length($0); i += 2)
      printf "\\0%03o", (index(digits, substr($0, i, 1)) - 1) * 16 + \
                       index(digits, substr($0, i + 1, 1)) - 1
  }')"
}

simple_tag() { # NAME VALUE
  element 67C8 "$(string_element 45A3 "$1")$(string_element 4487 "$2")"
}
tags() { # SIMPLE_TAG
  element 1254C367 "$(element 7373 "$1")"
}
aws_tag() { # NAME VALUE
  tags "$(simple_tag "AWS_KINESISVIDEO_$1" "$2")"
}
ebml_header() {
  element 1A45DFA3 "$(string_element 4282 matroska)"
}
# Video, 640 by 360, with a UID beyond what a signed number holds.
tracks() {
  element 1654AE6B "$(element AE "$(element D7 01)$(element \
    73C5 82062A24E6C02DF6)$(element 83 01)$(string_element 86 \
    V_TEST)$(element 63A2 01020304)$(element E0 "$(element B0 0280)$(element \
    BA 0168)")")"
}
simple_block() { # TICKS FLAGS DATA
  element A3 "81$(printf %04X "$1")$2$3"
}
# fragment NUMBER SECONDS: as GetMedia sends it, a tick a millisecond: two
# frames, the second 40 ms after the first.
fragment() {
  printf '%s' "$(ebml_header)18538067FF" \
    "$(element 1549A966 "$(element 2AD7B1 0F4240)")$(tracks)" \
    "$(tags "$(simple_tag COLOUR green)")" \
    "$(aws_tag FRAGMENT_NUMBER "$1")" \
    "$(aws_tag SERVER_TIMESTAMP "151185210$2.750")" \
    "$(aws_tag PRODUCER_TIMESTAMP "151185210$2.500")" \
    "$(element 1F43B675 "$(element E7 "$(printf %08X $(($2 * 1000)))"\
)$(simple_block 0 80 AABBCC)$(simple_block 40 00 DD)")" \
    "$(aws_tag MILLIS_BEHIND_NOW 12)$(aws_tag CONTINUATION_TOKEN "$1")"
}

# two.mkv: two fragments, 579 bytes each.  bad.mkv: six bytes that make no
# sense between them.  cut.mkv: one that ends inside its second frame.
make_samples() {
  first=$(fragment 9134001 1)
  second=$(fragment 9134002 2)
  bytes "$first$second" >two.mkv
  bytes "${first}000102030405$second" >bad.mkv
  head -c 435 two.mkv >cut.mkv
}

# error.mkv: two.mkv, then an error of the service, as it comes in the middle
# of a stream: tags and no Cluster.
make_error_sample() {
  bytes "$(ebml_header)18538067FF" "$(aws_tag FRAGMENT_NUMBER 9134003)" \
    "$(aws_tag ERROR_ID 4501)" "$(aws_tag ERROR_CODE KEY_DISABLED)" >tail.mkv
  cat two.mkv tail.mkv >error.mkv
}
# many_tags.mkv: nested, binary, empty and valueless tags, and bad UTF-8.
make_tags_sample() {
  nested=$(element 67C8 "$(string_element 45A3 INNER)$(string_element \
    4487 deep)")
  bytes "$(ebml_header)18538067FF" "$(tracks)" "$(tags "$(element \
    67C8 "$(string_element 45A3 OUTER)$(string_element 4487 \
      shallow)$nested")$(element \
    67C8 "$(string_element 45A3 BINARY)$(element 4485 00FF10)")$(element \
    67C8 "$(string_element 45A3 NONE)")$(element \
    67C8 "$(string_element 45A3 EMPTY)$(element 4487 '')")$(element \
    67C8 "$(string_element 45A3 BAD)$(element 4487 41FFC3A40000)")$(element \
    67C8 "$(string_element 45A3 QUOTE)$(element 4487 7B22223A2241)")")" \
    "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AA)")" \
    >many_tags.mkv
}

# crc.mkv: an Info with a CRC-32, and a frame.  bad_crc.mkv: the same, but the
# CRC-32 is wrong.
make_crc_samples() {
  for crc in AC196B1B AC196B1C; do
    bytes "$(ebml_header)18538067FF" \
      "$(element 1549A966 "BF84$crc$(element 2AD7B1 0F4240)")$(tracks)" \
      "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AA)")" \
      >$crc.mkv
  done
  mv AC196B1B.mkv crc.mkv
  mv AC196B1C.mkv bad_crc.mkv
}
# odd.mkv: audio whose MimeType is for a track, as Amazon Connect lies, and
# encrypted, compressed video with two BlockAdditions.
make_odd_sample() {
  more=$(element A6 "$(element A5 0102)$(element EE 04)")
  bytes "$(ebml_header)18538067FF" "$(element 1654AE6B "$(element \
    AE "$(element D7 01)$(element 73C5 05)$(element 83 02)$(string_element \
      86 A_AAC)")$(element \
    AE "$(element D7 02)$(element 83 01)$(string_element 86 V_TEST)$(element \
      6D80 "$(element 6240 "$(element 5033 01)")$(element \
        6240 "$(element 5034 '')")")")")" \
    "$(element 1254C367 "$(element 7373 "$(element 63C0 "$(element \
      68CA 1E)$(element 63C5 05)")$(simple_tag MimeType \
        'audio/L16;rate=8000;channels=1')")")" \
    "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AABB)$(element \
      A0 "$(element A1 82000000CC)$(element 75A1 "$more$more")")")" >odd.mkv
}
