#!/bin/sh
# Each limit, through each subcommand that has it: the message names the option
# that raises it, what is not beyond it is written, and with the limit raised
# all is there.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"
make_samples

subcommands="info elements"
[ -n "$HAVE_JANSSON" ] && subcommands="$subcommands events"
if [ -n "$HAVE_FFMPEG" ]; then
  subcommands="$subcommands dump"
  "$KVSPARSE" generate --size 160x120 --seconds 1 --rate 10 -o video.mkv \
    </dev/null || exit 99
fi

# A document without a frame that is beyond one limit only; of a track that is
# no video, so that dump has nothing to decode in it.
head_of_document="$(ebml_header)18538067FF"
track() { # NUMBER, two digits
  element AE "$(element D7 "$1")$(element 83 02)$(string_element 86 A_TEST)"
}
nested_tags() { # N: inside each other
  nested=
  level=$1
  while [ "$level" -gt 0 ]; do
    nested=$(element 67C8 "$(string_element 45A3 "LEVEL$level")$nested")
    level=$((level - 1))
  done
  printf '%s' "$nested"
}
many() { # N COMMAND...: what it prints for 01, 02, ... in hexadecimal
  last=$1
  shift
  number=1
  while [ "$number" -le "$last" ]; do
    "$@" "$(printf %02X "$number")"
    number=$((number + 1))
  done
}
one_tag() { # N
  simple_tag "TAG$1" x
}
one_track=$(element 1654AE6B "$(track 01)")
bytes "$head_of_document$one_track" \
  "$(element 1254C367 "$(element 7373 "$(nested_tags 15)")")" >depth.mkv
bytes "$head_of_document$(element 1654AE6B "$(many 65 track)")" >tracks.mkv
bytes "$head_of_document$one_track$(tags "$(many 257 one_tag)")" >tags.mkv
# Sizes beyond what an argument of printf should hold: payloads from elsewhere.
header() { # ID SIZE: as element() writes it
  printf '%s%08X' "$1" $((0x10000000 + $2))
}
text_of() { # BYTES
  head -c "$1" /dev/zero | tr '\0' A
}
{
  name=$(string_element 45A3 LONG)
  size=$((1048576 + 1))
  inner=$((${#name} / 2 + 6 + size))
  bytes "$head_of_document$one_track$(header 1254C367 $((inner + 12)))" \
    "$(header 7373 $((inner + 6)))$(header 67C8 "$inner")$name" \
    "$(header 4487 "$size")"
  text_of "$size"
} >value.mkv
block() { # BYTES: a Cluster with one of that size
  bytes "$head_of_document$one_track$(header 1F43B675 $(($1 + 11)))" \
    "$(element E7 00)$(header A3 "$1")81000080"
  head -c $(($1 - 4)) /dev/zero
}
block 200000 >frame.mkv

rest_is_there() { # SUBCOMMAND: all of two.mkv, or of video.mkv
  case $1 in
    info) has '^  Frames            [45] ' ;;
    events) [ "$(grep -c '"type":"frame".*"size":[13]}' out)" -eq 4 ] &&
      tail -n 1 out | grep -q '"type":"end"' ;;
    elements) [ "$(grep -c 'SimpleBlock .*size [57]:' out)" -eq 4 ] ;;
    dump) [ "$(find pictures -name '*.png' | wc -l)" -eq 10 ] ;;
  esac || { echo "something is missing"; return 1; }
}
all_is_there() { # LIMIT SUBCOMMAND: what is beyond the default of it
  case $1-$2 in
    depth-events) has '"name":"LEVEL15"' ;;
    depth-info) has '^  LEVEL1 ' ;;
    depth-elements) [ "$(grep -c '  SimpleTag ' out)" -ge 15 ] ;;
    tracks-events) has '"number":65,"uid"' ;;
    tracks-info) has '^ *65  audio' ;;
    tags-events) has '"name":"TAG101"' ;;
    tags-info) ! has '^  *Gaps *[1-9]' ;;
    value-events) has 'AAAAAAAAAAAAAAAA' ;;
    value-info) has '^  LONG .*AAAA' ;;
    value-elements) has 'TagString .*size 1048577: "AAAA' ;;
    frame-events | memory-events) has '"size":199996' ;;
    frame-info | memory-info) has '^  Frames            5 ' ;;
  esac
}
stream_for() { # SUBCOMMAND: what stands beside the document
  if [ "$1" = dump ]; then echo video.mkv; else echo two.mkv; fi
}
run_limited() { # SUBCOMMAND FILE OPTION...
  limited_name=$1
  limited_file=$2
  shift 2
  rm -rf pictures
  if [ "$limited_name" = dump ]; then
    run dump -q -o pictures "$limited_file" "$@"
  else
    run "$limited_name" "$limited_file" "$@"
  fi
}
told() { # OPTION
  grep -q "^kvsparse [a-z]*: joined.mkv: byte.* $1 raises it[.]$" err ||
    { echo "no such line: $1"; cat err; return 1; }
  [ "$(grep -c 'raises it' err)" -eq 1 ]
}
# limit NAME BEYOND RAISED SUBCOMMAND...: the options that make it too small
# (none: the default is) and large enough.
limit() {
  limit=$1
  beyond=$2
  raised=$3
  shift 3
  for name in "$@"; do
    case " $subcommands " in *" $name "*) ;; *) continue ;; esac
    cat "$limit.mkv" "$(stream_for "$name")" >joined.mkv
    run_limited "$name" joined.mkv $beyond
    ok "$name: max-$limit: status 1" exited 1
    ok "$name: max-$limit: the option is told" told "--max-$limit"
    ok "$name: max-$limit: the rest is there" rest_is_there "$name"
    run_limited "$name" joined.mkv $raised
    ok "$name: max-$limit raised: status 0" exited 0
    ok "$name: max-$limit raised: nothing is said" quiet
    ok "$name: max-$limit raised: the rest is there" rest_is_there "$name"
    ok "$name: max-$limit raised: it is there" all_is_there "$limit" "$name"
    run_limited "$name" joined.mkv $beyond --strict
    ok "$name: max-$limit --strict: status 1" exited 1
    ok "$name: max-$limit --strict: the option is told" told "--max-$limit"
  done
}
readers="info events dump"
limit depth "" "--max-depth 40" $readers elements
limit tracks "" "--max-tracks 65" $readers
limit tags "" "--max-tags 257" $readers
limit value "" "--max-value 2M" $readers elements
limit frame "--max-frame 150k" "--max-frame 200000" $readers

# Memory stops the reading: what came before is there.
memory() { # SUBCOMMAND BEYOND RAISED
  name=$1
  case " $subcommands " in *" $name "*) ;; *) return ;; esac
  cat "$(stream_for "$name")" "$limit.mkv" >joined.mkv
  run_limited "$name" joined.mkv $2
  ok "$name: max-memory: status 1" exited 1
  ok "$name: max-memory: the option is told" told --max-memory
  ok "$name: max-memory: what came before is there" rest_is_there "$name"
  run_limited "$name" joined.mkv $3
  ok "$name: max-memory raised: status 0" exited 0
  ok "$name: max-memory raised: it is there" all_is_there "$limit" "$name"
}
limit=frame
for name in $readers; do
  memory "$name" "--max-memory 100k -n 10k" "--max-memory 1M -n 10k"
done
limit=value
memory elements "--max-value 2M --max-memory 100k" "--max-value 2M"

# Too little to begin with.
for name in $subcommands; do
  cp "$(stream_for "$name")" joined.mkv
  run_limited "$name" joined.mkv --max-memory 1000
  ok "$name: no memory at all: status 1" exited 1
  ok "$name: no memory at all: the option is told" told --max-memory
done
for name in merge extract ${HAVE_MATROSKA:+finish}; do
  cp two.mkv joined.mkv
  run "$name" joined.mkv -o made.mkv --max-memory 1000
  ok "$name: no memory at all: status 1" exited 1
  ok "$name: no memory at all: the option is told" told --max-memory
  ok "$name: no memory at all: no file" test ! -e made.mkv
done

# And each of the others, while something is written: what is beyond it is
# missing, the rest is not.
rest_is_made() { # at least as many frames as two.mkv has
  [ "$(cat made*.mkv | "$KVSPARSE" elements - 2>/dev/null |
    grep -c 'SimpleBlock')" -ge 4 ] || { [ "$name" = extract ] &&
    [ "$(cat made*.mkv | wc -c)" -ge 4 ]; }
}
made_with() { # SUBCOMMAND LIMIT BEYOND RAISED
  name=$1
  case $name in
    extract) made_options="--track 1" ;;
    finish) made_options="--on-change split" ;;
    *) made_options= ;;
  esac
  cat "$2.mkv" two.mkv >joined.mkv
  rm -f made*
  run "$name" joined.mkv -o made-%i.mkv $3 $made_options
  ok "$name: max-$2: status 1" exited 1
  ok "$name: max-$2: the option is told" told "--max-$2"
  ok "$name: max-$2: the rest is made" rest_is_made
  rm -f made*
  run "$name" joined.mkv -o made-%i.mkv $4 $made_options
  ok "$name: max-$2 raised: it is not told" not_told
  ok "$name: max-$2 raised: the rest is made" rest_is_made
}
not_told() {
  ! grep -q 'raises it' err
}
for writer in merge ${HAVE_FFMPEG:+extract} ${have_matroska:+finish}; do
  made_with "$writer" depth "" "--max-depth 40"
  made_with "$writer" tracks "" "--max-tracks 65"
  made_with "$writer" tags "" "--max-tags 257"
  made_with "$writer" value "" "--max-value 2M"
  made_with "$writer" frame "--max-frame 150k" "--max-frame 200000"
done
rm -f made*

# The default for frames: more than 64M, through a pipe.
block $((64 * 1048576 + 1)) | "$KVSPARSE" info - >out 2>err
ok "the default of --max-frame is 64M" one_complaint '--max-frame raises it'
block $((64 * 1048576)) | "$KVSPARSE" info - >out 2>err
ok "which is not beyond it" quiet

# Every subcommand has them, with a text and a check.
for name in $subcommands; do
  limits="depth value memory frame tracks tags"
  [ "$name" = elements ] && limits="depth value memory"
  [ "$name" = dump ] && limits="$limits width height"
  run "$name" --help
  cp out help
  for limit in $limits; do
    ok "$name --help tells of --max-$limit" grep -q -e "--max-$limit" help
    run "$name" --max-$limit 0 two.mkv
    ok "$name --max-$limit 0" failed_with 2 "$name: --max-$limit: '0'"
  done
done

# Pictures.
if [ -n "$HAVE_FFMPEG" ]; then
  pictures() { # N
    [ "$(find pictures -name 'f*' | wc -l)" -eq "$1" ]
  }
  "$KVSPARSE" generate --codec mjpeg --size 320x240 --seconds 1 --rate 10 \
    -o large.mkv </dev/null || exit 99
  cat large.mkv video.mkv >joined.mkv
  for option in "--max-width 319" "--max-height 239"; do
    run_limited dump joined.mkv $option
    ok "dump $option: status 1" exited 1
    ok "dump $option: told" one_complaint \
      '10 frames .*--max-width and --max-height raise it'
    ok "dump $option: the smaller ones are there" pictures 10
  done
  run_limited dump joined.mkv --max-width 320 --max-height 240
  ok "dump: as large as it may be: status 0" exited 0
  ok "dump: as large as it may be: all are there" pictures 20
  # However many threads: each refused frame is counted, the last ones too.
  for threads in 1 2 3 4; do
    run_limited dump video.mkv --max-width 100 --threads $threads
    ok "dump --max-width 100 --threads $threads: all are counted" \
      one_complaint '10 frames could not'
  done
  # Headers that say more than the default, and what nobody has memory for.
  hostile_size() { # NAME WIDTHxHEIGHT, in hexadecimal
    python3 - "$1" "$2" <<'END' || return
import sys
data = open("large.mkv", "rb").read()
width, height = sys.argv[2].split("x")
old = bytes.fromhex("ffc000110800f00140")
assert data.count(old) == 10
new = bytes.fromhex("ffc0001108" + height + width)
open(sys.argv[1] + ".mkv", "wb").write(data.replace(old, new))
END
    cat "$1.mkv" video.mkv >joined.mkv
    run_limited dump joined.mkv
    ok "dump: $1: status 1" exited 1
    ok "dump: $1: one line" one_complaint '10 frames could not be decoded: '
    ok "dump: $1: the others are there" pictures 10
  }
  if command -v python3 >/dev/null; then
    hostile_size wide 4010x0008
    ok "dump: wide: the option is told" grep -q -e \
      '--max-width and --max-height raise it' err
    hostile_size huge 4e20x4e20
    hostile_size hugest ffffxffff
  else
    skip "dump: hostile sizes" "no python3"
  fi
  for format in jpg png; do
    run dump -q -o pictures large.mkv --size 30000x20 --format $format
    ok "dump --size 30000x20: $format" failed_with 2 'size: larger than'
  done
  # Keeping the aspect makes it 20000 wide.
  rm -rf pictures
  run dump -q -o pictures large.mkv --size 0x15000 --format jpg
  ok "dump --size 0x15000: status 1" exited 1
  ok "dump --size 0x15000: told" one_complaint '10 pictures left out: .*max-wid'
  run generate --size 8194x8192 -o huger.mkv
  ok "generate --size 8194x8192" failed_with 2 'at most 8192x8192'
fi
finish
