#!/bin/sh
# What a stream says reaches no file name and no terminal: numbers, times, tags
# and names of strangers, and links that wait in the output folder.
. "${abs_top_srcdir:-.}/tests/tools/common.sh"

readers="info elements"
[ -n "$HAVE_JANSSON" ] && readers="$readers events"
mkdir streams world

# Printable, but for the newlines: no C0, no DEL, no C1 (two bytes in UTF-8),
# nothing that turns the direction of text.
harmless() { # FILE
  if [ "$(tr -d '\n -~\200-\377' <"$1" | wc -c)" -ne 0 ]; then
    echo "$1 has control characters"
    return 1
  fi
  if od -An -v -tx1 "$1" | tr -d '\n' | grep -q ' c2 [89][0-9a-f]'; then
    echo "$1 has C1 control characters"
    return 1
  fi
  if od -An -v -tx1 "$1" | tr -d '\n' | grep -q -E \
    ' d8 9c| e2 80 (8e|8f|a[a-e])| e2 81 a[6-9]'; then
    echo "$1 turns the direction of text"
    return 1
  fi
}
shown() { # the output and the complaints
  harmless out && harmless err
}

# --- terminals --------------------------------------------------------------

# ESC ] 0 ; x BEL, ESC [ 2 J, CSI as U+009B and as a byte, DEL, a newline;
# U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
turning=D89CE2808EE2808FE280AAE280ABE280ACE280ADE280AE
turning=${turning}E281A6E281A7E281A8E281A9
evil=1B5D303B78071B5B324AC29B324A9B7F0A45$turning
evil_tag() { # NAME_HEX
  element 67C8 "$(element 45A3 "$1")$(element 4487 $evil)"
}
aws() { # NAME: of the service's tags
  text_hex "AWS_KINESISVIDEO_$1"
}
bytes "$(ebml_header)18538067FF$(element 1654AE6B "$(element \
  AE "$(element D7 01)$(element 83 01)$(element 86 $evil)$(element \
    536E $evil)$(element 22B59C $evil)")")" \
  "$(element 1254C367 "$(element 7373 "$(evil_tag $evil)$(evil_tag \
    "$(aws FRAGMENT_NUMBER)")$(evil_tag \
    "$(aws CONTINUATION_TOKEN)")$(evil_tag \
    "$(text_hex MimeType)")")")" \
  "$(element 1F43B675 "$(element E7 00)$(simple_block 0 80 AA)")" \
  "$(ebml_header)18538067FF$(element 1254C367 "$(element 7373 "$(evil_tag \
    "$(aws ERROR_CODE)")$(evil_tag "$(aws ERROR_MESSAGE)")$(element \
    67C8 "$(string_element 45A3 AWS_KINESISVIDEO_ERROR_ID)$(string_element \
      4487 4501)")")")" \
  000102030405 >streams/evil.mkv
for name in $readers; do
  run "$name" streams/evil.mkv
  ok "$name: what it shows is harmless" shown
  ok "$name: it shows something" test -s out
  ok "$name: the rest of the text is there" has 'x.*2J'
done
run info --fragments streams/evil.mkv
ok "info --fragments: harmless" shown
[ -n "$HAVE_JANSSON" ] && run info --json --fragments streams/evil.mkv
ok "info --json: harmless" shown
# Its neighbours are letters like others: U+200D, U+2027, U+202F, U+061B.
bytes "$(ebml_header)18538067FF$(tags "$(simple_tag NEAR "$(printf \
  '\342\200\215\342\200\247\342\200\257\330\233')")")" >streams/near.mkv
for name in $readers; do
  run "$name" streams/near.mkv
  ok "$name: what is not of them stays" has \
    "$(printf '\342\200\215\342\200\247\342\200\257\330\233')"
done
# A file has a name, too.
name_of_file=$(printf 'streams/\033[2J\302\233x\nE\342\200\256\330\234.mkv')
cp streams/evil.mkv "$name_of_file"
for name in $readers; do
  run "$name" "$name_of_file"
  ok "$name: the name of a file: harmless" shown
  run "$name" "$name_of_file.not"
  ok "$name: of a missing one: harmless" shown
  ok "$name: of a missing one: one line" one_complaint 'No such file'
  run "$name" "--$(printf 'x\033[2J')" x
  ok "$name: an option: one line" one_complaint 'x'
done

if [ -z "$HAVE_FFMPEG" ]; then
  skip "file names" "this build has no FFmpeg"
  finish
fi

# --- file names -------------------------------------------------------------

"$KVSPARSE" generate --size 160x120 --seconds 2 --fragment 1 --rate 5 \
  -o video.mkv </dev/null || exit 99
cat >hostile.py <<'END'
import struct, sys
def element(id, payload):
    return bytes.fromhex(id) + struct.pack(">I", 0x10000000 + len(payload)) + \
        payload
name = sys.argv[1].encode()
value = bytes.fromhex(sys.argv[2])
data = open("video.mkv", "rb").read()
cluster = bytes.fromhex("1f43b675ff")
assert data.count(cluster) == 2 and data.count(name) == 2
data = data.replace(name, b"X" * len(name))
tag = element("67C8", element("45A3", name) + element("4487", value))
tags = element("1254C367", element("7373", tag))
open("streams/hostile.mkv", "wb").write(data.replace(cluster, tags + cluster))
END
only_pictures() { # N: of the usual names, and nothing else in this world
  find world >found
  [ "$(grep -c '^world/in/side/f0000[01]-n000[0-4][-0-9TZ.]*[.]png$' found)" \
    -eq "$1" ] || { cat found; return 1; }
  [ "$(wc -l <found)" -eq $(($1 + 3)) ] || { cat found; return 1; }
}
other_pictures() { # N: of the pattern below
  find world >found
  [ "$(grep -c '^world/in/side/0000[01]-1-[-0-9TZ.none]*[.]png$' found)" \
    -eq "$1" ] || { cat found; return 1; }
}
four_kilobytes=$(head -c 4096 /dev/zero | tr '\0' A | od -An -v -tx1 |
  tr -d ' \n')
hostile() { # WHAT HEX
  for tag in FRAGMENT_NUMBER PRODUCER_TIMESTAMP SERVER_TIMESTAMP; do
    rm -rf world/in
    mkdir -p world/in/side
    python3 hostile.py "AWS_KINESISVIDEO_$tag" "$2"
    run dump -q -o world/in/side streams/hostile.mkv
    ok "dump: $tag: $1: the usual names" only_pictures 10
    ok "dump: $tag: $1: harmless" shown
    rm -rf world/in
    mkdir -p world/in/side
    run dump -q -o world/in/side/%f-%k-%t-%n.png streams/hostile.mkv
    ok "dump: $tag: $1: a pattern" other_pictures 10
    run info --fragments streams/hostile.mkv
    ok "info: $tag: $1: harmless" shown
  done
}
if command -v python3 >/dev/null; then
  hostile "a path" "$(text_hex ../../../../../../tmp/kvsparse-evil)"
  hostile "a root" "$(text_hex /etc/x)"
  hostile "empty" ""
  hostile "a NUL" "2E2E2F00782F"
  hostile "control characters" $evil
  hostile "four kilobytes" "$four_kilobytes"
  hostile "a number beyond all" "$(text_hex 99999999999999999999999.999)"
  hostile "a negative number" "$(text_hex -9223372036.854775)"
  ok "nothing in the folder for temporary files" test ! -e /tmp/kvsparse-evil
else
  skip "hostile file names" "no python3"
fi

# --- links ------------------------------------------------------------------

rm -rf world/in
mkdir -p world/in
first=f00000-n0000-20260101T000000.000Z.png
echo precious >victim
for target in victim nowhere; do
  ln -sf "$PWD/$target" world/in/$first
  run dump -o world/in video.mkv
  ok "dump: a link to $target is there" failed_with 1 'is there already'
  ok "dump: it stays" test -L world/in/$first
  run dump -q --force -o world/in video.mkv
  ok "dump --force: ends well" exited 0
  ok "dump --force: the link to $target is replaced" test ! -L world/in/$first
  ok "dump --force: by a picture" test -s world/in/$first
  ok "dump --force: the others are there" \
    test "$(find world/in -type f | wc -l)" -eq 10
  rm -rf world/in/*
done
ok "what the link led to is as it was" grep -qx precious victim
ok "and what it led to in vain is not made" test ! -e nowhere
ln -s in world/link
run dump -q -o world/link video.mkv
ok "dump: the folder itself may be a link" \
  test "$(find world/in -type f | wc -l)" -eq 10
# generate: the user's own link is followed, but nothing is half-written.
ln -s victim own_link
run generate --size 160x120 --seconds 1 -o own_link
ok "generate: a link to a file is there" failed_with 1 'is there already'
ok "generate: and stays as it was" grep -qx precious victim
run generate --size 160x120 --seconds 1 --force -o own_link
ok "generate --force: the link stays" test -L own_link
run info victim
ok "generate --force: what it leads to is the stream" exited 0
finish
