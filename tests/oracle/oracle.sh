#!/bin/sh
# Our elements against libebml's and libmatroska's, our frames against
# libavformat's, for streams made here and for each file of KVSPARSE_CORPUS.
# exceptions.txt says where they differ and who is right.
build=${abs_top_builddir:-$PWD}/tests/oracle
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
sources=${abs_top_srcdir:-$OLDPWD}/tests/oracle
folders="kvs-getmedia kvs-picgen kvs-producer-input mkv-valid webm-valid
  muxgen ebml-conformance"
still_compressed=3 # kvsp_frames

have_matroska=
have_avformat=
[ -x "$build/matroska_elements" ] && have_matroska=yes
[ -x "$build/avformat_packets" ] && have_avformat=yes
if [ -z "$have_matroska$have_avformat" ]; then
  echo "1..0 # SKIP this build has neither libmatroska nor libavformat"
  exit 77
fi

# --- the exceptions ---------------------------------------------------------

# CHECK RULES FILE "WHO: REASON", one a line.
awk '
  /^#/ || NF == 0 || $1 == "made-with" { next }
  /^[^ ]/ { reason = told ? $0 : reason " " $0; told = 0; next }
  { told = 1; print $1, $2, $3, reason }
  BEGIN { told = 1 }' "$sources/exceptions.txt" >exceptions
: >visited

every_exception_has_a_reason() {
  ! grep -v -E '^(elements|refused|dropped|tracks|frames|times|keys) [^ ]+ '\
'[^ ]+ (we|they|both): .{30,}' exceptions
}
no_file_twice() {
  awk '$1 " " $3 in seen { print $1, $3; bad = 1 } { seen[$1 " " $3] = 1 }
    END { exit bad + 0 }' exceptions
}
no_exception_was_missed() {
  awk 'FNR == NR { seen[$0] = 1; next }
    !($3 in seen) { print "there is no " $3; bad = 1 }
    END { exit bad + 0 }' visited exceptions
}

# same_version PROGRAM: are its libraries those that the list was made with?
# Others may behave in another way, which is no fault of ours.
same_version() {
  "$build/$1" --version >version || return 1
  while read -r library number; do
    grep -q -x "made-with $library ${number%%.*}" "$sources/exceptions.txt" ||
      return 1
  done <version
}
tolerant=
for program in matroska_elements avformat_packets; do
  [ -x "$build/$program" ] || continue
  same_version $program && continue
  tolerant="$tolerant $program"
  sed "s/^/# exceptions.txt is for another version than /" version
done

# expect FILE: its exceptions into "mine".
expect() {
  grep -F " $1 " exceptions >mine
  echo "$1" >>visited
}
# rules_for CHECK: into $rules; "equal" without an exception.
rules_for() {
  rules=equal
  while read -r rule_check rule_rules _; do
    [ "$rule_check" = "$1" ] && rules=$rule_rules
  done <mine
}
# verdict STATUS PROGRAM: an excepted file may be otherwise with another
# version of the library.
verdict() {
  [ "$1" -eq 0 ] && return 0
  case $tolerant in
    *$2*) [ -s mine ] && echo "another version: not counted" && return 0 ;;
  esac
  return 1
}

# --- the comparisons --------------------------------------------------------

# Of the libraries' programs 1 is fine: they need not like the file.
died() { # STATUS
  [ "$1" -gt 1 ] && echo "exit status $1"
}

same_elements() { # PATH
  "$build/kvsp_elements" "$1" >ours || return 1
  "$build/matroska_elements" "$1" >theirs 2>theirs.err
  died $? && cat theirs.err && return 1
  rules_for elements
  diff ours theirs >differences
  lines=$(grep -c '^[<>]' differences)
  [ "$rules" = equal ] && rules=0
  [ "$lines" -eq "$rules" ] && return 0
  echo "$lines lines differ, $rules expected"
  cat differences
  verdict 1 matroska_elements
}

compare_columns() {
  compare_status=0
  for check in tracks frames times keys; do
    rules_for $check
    awk -v check=$check -v rules="$rules" -f "$sources/compare_frames.awk" \
      ours theirs || compare_status=1
  done
  return $compare_status
}

compare_frames() {
  rules_for refused
  if [ "$rules" != equal ]; then
    [ -s ours ] && [ ! -s theirs ] && return 0
    echo "it delivers $(wc -l <theirs) frames, we $(wc -l <ours)"
    return 1
  fi
  rules_for dropped
  if [ "$rules" != equal ]; then
    awk -v stream="$rules" '$1 != stream' ours >kept
    cmp -s ours kept && echo "there is no such track" && return 1
    mv kept ours
  fi
  compare_columns
}

run_frames() { # PATH
  frames_status=0
  "$build/kvsp_frames" "$1" >ours 2>ours.err || frames_status=$?
  "$build/avformat_packets" "$1" >theirs 2>theirs.err
  theirs_status=$?
}
same_frames() {
  [ "$frames_status" -eq 0 ] || { cat ours.err; return 1; }
  died "$theirs_status" && cat theirs.err && return 1
  compare_frames >log
  compare_status=$?
  cat log
  [ $compare_status -eq 0 ] || tail -n 3 theirs.err
  verdict $compare_status avformat_packets
}

# How the name of a test tells its exceptions.
but() { # CHECK...
  for but_check; do
    rules_for "$but_check"
    [ "$rules" = equal ] || printf ', %s: %s' "$but_check" "$rules"
  done
}

agree() { # FILE PATH
  expect "$1"
  if [ -n "$have_matroska" ]; then
    ok "elements of $1$(but elements)" same_elements "$2"
  fi
  [ -n "$have_avformat" ] || return
  run_frames "$2"
  if [ "$frames_status" -eq $still_compressed ]; then
    skip "frames of $1" "this build has no zlib"
  else
    ok "frames of $1$(but refused dropped tracks frames times keys)" same_frames
  fi
}

# --- streams made here ------------------------------------------------------

unknown_size=01FFFFFFFFFFFFFF
void() {
  element EC 00000000
}
crc() { # not a right one
  element BF 01020304
}
# entry NUMBER CHILDREN: a TrackEntry of audio, 20 ms a frame
entry() {
  element AE "$(element D7 "$1")$(element 73C5 "$1")$(element 83 \
    02)$(string_element 86 A_TEST)$(element 23E383 01312D00)$2"
}
# made_head TRACKENTRIES: a document up to its Clusters, a tick a millisecond
made_head() {
  printf '%s' "$(ebml_header)18538067$unknown_size$(void)$(element 1549A966 \
    "$(element 2AD7B1 0F4240)")$(element 1654AE6B "$(crc)$1")"
}
timestamp() { # TICKS
  element E7 "$(printf %08X "$1")"
}
group() { # BLOCK CHILDREN
  element A0 "$(element A1 "$1")$2"
}

# Two documents with every lacing and both kinds of Blocks, a track number of
# two bytes, Void and CRC-32 in between, an element that nobody knows, a
# Cluster of unknown size, Cues and Tags behind it.
make_lacing() {
  long=$(printf '%0512d' 7)
  xiph="81001482 02 02FF01 1111 $long 33"
  fixed="81005084 01 AABBCCDD"
  ebml="8100A086 03 41005F01C0 $long 1111 222222 33"
  document="$(made_head "$(entry 01 '')$(entry 012C '')")$(element 1F43B675 \
    "$(crc)$(timestamp 1000)$(element A3 81000080AA)$(element \
    A3 "$(echo "$xiph" | tr -d ' ')")$(void)$(element \
    A3 "$(echo "$fixed" | tr -d ' ')")$(element \
    A3 "$(echo "$ebml" | tr -d ' ')")$(element 5FFE 0102)$(group \
    412C00C800AA "$(element 9B 14)$(element FB FFEC)")$(group \
    412CFFD80401AABB "$(void)")")1F43B675$unknown_size$(timestamp \
    2000)$(element A3 81000000AA)$(element 1C53BB6B '')$(tags \
    "$(simple_tag WHERE behind)")"
  bytes "$document$document" >lacing.mkv
}
# A Block before 0.
make_negative() {
  bytes "$(made_head "$(entry 01 '')")$(element 1F43B675 "$(timestamp \
    0)$(element A3 81FFD880AA)$(element A3 81000080BB)")" >negative.mkv
}
# A TrackTimestampScale of 2.
make_scale() {
  bytes "$(made_head "$(entry 01 "$(element 23314F 40000000)")")$(element \
    1F43B675 "$(timestamp 1000)$(element A3 81000080AA)$(element \
    A3 81002880BB)")" >scale.mkv
}
# The second document has a track that the first lacks.
make_tracks() {
  bytes "$(made_head "$(entry 01 '')")$(element 1F43B675 "$(timestamp \
    0)$(element A3 81000080AA)")$(made_head "$(entry 01 '')$(entry 02 \
    '')")$(element 1F43B675 "$(timestamp 40)$(element A3 81000080BB)$(element \
    A3 82000080CC)")" >tracks.mkv
}

# generated NAME OPTION...
generated() {
  generated_name=$1
  shift
  if "$KVSPARSE" generate -q --size 160x96 -o "$generated_name" "$@" 2>err
  then
    agree "generated/$generated_name" "$generated_name"
  else
    skip "generated/$generated_name" "$(tail -n 1 err)"
  fi
}

# --- all of it --------------------------------------------------------------

ok "every exception has a reason" every_exception_has_a_reason
ok "no exception is there twice" no_file_twice

make_samples
make_error_sample
make_tags_sample
make_lacing
make_negative
make_scale
make_tracks
for name in two error many_tags lacing negative scale tracks; do
  agree "made/$name.mkv" $name.mkv
done

if [ -n "$HAVE_FFMPEG" ]; then
  generated plain.mkv --seconds 3
  generated audio.mkv --seconds 3 --fragment 0.5 --audio
  generated bframes.mkv --seconds 2 --bframes 3 --audio=alaw
  generated mjpeg.mkv --seconds 2 --codec mjpeg --audio=pcm
  generated hevc.mkv --seconds 1 --codec hevc --no-tail
  generated small.mkv --seconds 2 --fragment 0.1 --rate 30000/1001 --tag A=b
  if [ -s audio.mkv ] && [ -s mjpeg.mkv ]; then
    cat audio.mkv mjpeg.mkv >joined.mkv
    agree generated/joined.mkv joined.mkv
  fi
else
  skip "generated streams" "this build has no FFmpeg"
fi

if [ -n "$KVSPARSE_CORPUS" ]; then
  for folder in $folders; do
    for file in "$KVSPARSE_CORPUS/$folder"/*; do
      agree "$folder/${file##*/}" "$file"
    done
  done
  ok "every exception has its file" no_exception_was_missed
else
  skip "real streams" "KVSPARSE_CORPUS is not set"
fi
[ -n "$have_matroska" ] || skip "elements" "this build has no libmatroska"
[ -n "$have_avformat" ] || skip "frames" "this build has no libavformat"
finish
