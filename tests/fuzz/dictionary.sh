#!/bin/sh
# Writes kvsparse.dict, the words of streams for the fuzzers: all element IDs
# of include/kvsparse/element_ids.h, sizes, and the names that KVS and its
# producers use.  From the top of the sources:
#   tests/fuzz/dictionary.sh >tests/fuzz/kvsparse.dict
set -eu
: "${top_srcdir:=.}"

echo "# Written by tests/fuzz/dictionary.sh; do not edit."
echo
echo "# Element IDs."
sed -n 's/^#define KVSP_ID_\([A-Z0-9_]*\) 0x\([0-9A-F]*\)$/\1 \2/p' \
  "$top_srcdir/include/kvsparse/element_ids.h" |
  while read -r name digits; do
    printf '%s="%s"\n' "$name" "$(printf '%s' "$digits" |
      sed 's/../\\x&/g')"
  done
cat <<'END'

# Sizes: unknown ones, and small ones told in more bytes than they need.
unknown_1="\xFF"
unknown_8="\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
zero="\x80"
one_in_2="\x40\x01"
one_in_4="\x10\x00\x00\x01"
one_in_8="\x01\x00\x00\x00\x00\x00\x00\x01"
beyond_all="\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFE"

# A Block: its track, its time, its lacing.
block="\x81\x00\x00\x80"
block_xiph="\x81\x00\x00\x82\x01"
block_fixed="\x81\x00\x00\x84\x01"
block_ebml="\x81\x00\x00\x86\x01"
track_16384="\x20\x40\x00"

# Whole elements.
doc_type="\x42\x82\x88matroska"
timestamp="\xE7\x81\x00"
timestamp_scale="\x2A\xD7\xB1\x83\x0F\x42\x40"
track_number="\xD7\x81\x01"
track_video="\x83\x81\x01"
track_audio="\x83\x81\x02"
segment_unknown="\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
cluster_unknown="\x1F\x43\xB6\x75\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
max_id_8="\x42\xF2\x81\x08"
max_size_16="\x42\xF3\x81\x10"
stripped_header="\x50\x34\x80\x42\x54\x81\x03"
zlib="\x42\x54\x81\x00"
zlib_data="\x78\x9C"

# Tags of the service and of producers.
END
for name in FRAGMENT_NUMBER SERVER_TIMESTAMP PRODUCER_TIMESTAMP \
  SERVER_SIDE_TIMESTAMP PRODUCER_SIDE_TIMESTAMP MILLIS_BEHIND_NOW \
  CONTINUATION_TOKEN ERROR_ID ERROR_CODE EXCEPTION_ERROR_CODE EXCEPTION_MESSAGE \
  END_OF_FRAGMENT; do
  echo "\"AWS_KINESISVIDEO_$name\""
done
for word in ContactId MimeType 'audio/L16;rate=8000;channels=1;' 4501 \
  1511852108.513 91343852333181432392682062607743920146264006185; do
  echo "\"$word\""
done
echo
echo "# Codecs."
for word in V_MPEG4/ISO/AVC V_MPEGH/ISO/HEVC V_MJPEG V_MS/VFW/FOURCC A_AAC \
  A_PCM/INT/LIT A_MS/ACM; do
  echo "\"$word\""
done
