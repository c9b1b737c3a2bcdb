#!/bin/sh
# Regenerates the element table and the ID constants from the installed
# libmatroska and compares them with the files in the tree.
#
#   check_schema.sh [GENERATOR]
#
# GENERATOR: the built generate_schema; else $GENERATE_SCHEMA, else
# tests/schema/generate_schema below the current folder.  srcdir: the top of
# the source tree; else found from where this script lies.
# Exit: 0 the same, 1 they differ, 77 cannot be checked here.
set -eu

generator=${1:-${GENERATE_SCHEMA:-tests/schema/generate_schema}}
top=${srcdir:-$(dirname "$0")/../..}
table=$top/lib/core/schema_table.inc
ids=$top/include/kvsparse/element_ids.h

skip() {
  echo "check_schema: skipped: $*"
  exit 77
}

[ -x "$generator" ] ||
  skip "$generator was not built (it needs libmatroska's headers)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

"$generator" --table >"$work/schema_table.inc"
"$generator" --ids >"$work/element_ids.h"

# Another release of libmatroska may know more elements: no fault of the tree.
made_from() { sed -n '1s/.*\(libmatroska [0-9.]*\).*/\1/p' "$1"; }
installed=$(made_from "$work/schema_table.inc")
checked_in=$(made_from "$table")
[ "$installed" = "$checked_in" ] ||
  skip "the tree's table is from $checked_in, here is $installed"

status=0
diff -u "$table" "$work/schema_table.inc" || status=1
diff -u "$ids" "$work/element_ids.h" || status=1
if [ "$status" -ne 0 ]; then
  echo "check_schema: regenerate with: generate_schema --table" \
    "> lib/core/schema_table.inc, --ids > include/kvsparse/element_ids.h"
fi
exit "$status"
