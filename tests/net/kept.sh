#!/bin/sh
# get --from --to: what is kept of a stream, from the local endpoint with its
# documented budgets: all of it, in order, at the pace that is allowed; what
# the service does not give, told one by one; what was cut, asked for again.
. "${top_srcdir:=.}/tests/net/common.sh"
need_endpoint
. "$top_srcdir/tests/tools/common.sh"
trap 'endpoint_stop; rm -rf "$scratch"' EXIT

endpoint --stream counter=counter:fragments=700,frames=3,size=300,fragment_ms=50 \
  --pace 0 --idle 0.2 --log endpoint.log
fully_quiet() { exited 0 && quiet; }

# rules JSON: what goes wrong from now on
rules() {
  printf '%s' "$1" >rules.json
  "$python" -c 'import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/_endpoint/rules",
    data=open("rules.json", "rb").read(), method="PUT"))' "$AWS_ENDPOINT_URL"
}
# calls NAME STATUS: how many of them there were
calls() {
  grep -c "\"call\": *\"$1\".*\"status\": *$2" endpoint.log
}
# numbers FILE: of its fragments, a line each
numbers() {
  "$KVSPARSE" info --json --fragments "$1" | "$python" -c 'import json, sys
for f in json.load(sys.stdin)["fragment_list"]: print(f["number"])'
}
one() { # LINE: of listed numbers
  sed -n "$1p" listed
}

run ls counter --json --from 0
"$python" -c 'import json
for line in open("out"):
    print(json.loads(line)["number"])' >listed
cp out listed.json
ok 'there are 700' test "$(wc -l <listed)" -eq 700
sleep 1 # so that the last one is over by whole seconds, too
to=$(date +%s)

# --- all of it -------------------------------------------------------------

begun=$(date +%s%N)
run get counter --from 0 --to "$to" -o all.mkv
took=$((($(date +%s%N) - begun) / 1000000))
ok 'get --from --to: well' fully_quiet
numbers all.mkv >got
ok 'all that is listed, in order' cmp listed got
run info all.mkv
ok 'info: they have no tail tags, which is no fault' has \
  '^  Fragments  *700 (0 complete, 700 without tail tags, 0 damaged)$'
ok 'no call was refused' test "$(calls GetMediaForFragmentList 400)" -eq 0
ok 'seven calls of 100' test "$(calls GetMediaForFragmentList 200)" -eq 7
ok "no faster than allowed ($took ms)" test "$took" -ge 1150
ok 'GetMedia was not called' test "$(calls GetMedia 200)" -eq 0
ok 'every frame, once' "$python" -c 'import sys
import kvsparse
seen = [int.from_bytes(bytes(f.data)[:8], "big")
        for f in kvsparse.frames("all.mkv")]
assert seen == list(range(2100)), (len(seen), seen[:9])'
run get counter --from 0 --to "$to"
ok 'the same to standard output' cmp all.mkv out
run get counter --from 0 --to "$to" --clock producer -f -o all2.mkv
ok '--clock producer' cmp all.mkv all2.mkv
time_of() { # LINE WHOSE: of listed fragments
  sed -n "$1s/.*\"$2_time\":\"\([0-9.]*\)\".*/\1/p" listed.json
}
run get counter --from "$(time_of 101 producer)" --to "$(time_of 108 producer)" \
  --clock producer -o some.mkv
numbers some.mkv >got
sed -n 101,108p listed >expected
ok '--clock producer: by its times' cmp expected got
run get counter --from "$(time_of 101 server)" --to "$(time_of 108 server)" \
  --clock server -f -o some.mkv
numbers some.mkv >got
ok '--clock server: by its times' cmp expected got
run get counter --from 1 --to 2 -o none.mkv
ok 'nothing is kept from that time' fully_quiet
ok 'and nothing written' test ! -s none.mkv

# --- what goes wrong -------------------------------------------------------

rules '[{"call": "GetMediaForFragmentList", "fault":
  {"do": "missing", "number": "'"$(one 5)"'", "code": 4000,
   "message": "gone"}}]'
run get counter --from 0 --to "$to" -o lacking.mkv
ok 'one is missing: status 1' exited 1
ok 'one is missing: it is told' one_complaint \
  "counter: fragment $(one 5): 4000: gone"
numbers lacking.mkv >got
sed 5d listed >expected
ok 'one is missing: the others came' cmp expected got

rules '[{"call": "GetMediaForFragmentList", "fault":
  {"do": "missing", "every": 40}}]'
run get counter --from 0 --to "$to" -o lacking2.mkv
ok 'some are missing: a line each' test "$(grep -c ': 4000' err)" -eq 14
numbers lacking2.mkv >got
ok 'some are missing: the others came' \
  test "$(($(wc -l <got) + $(wc -l <err)))" -eq 700

rules '[{"call": "GetMediaForFragmentList", "times": 1, "fault":
  {"do": "cut", "bytes": 30001}},
 {"call": "GetMediaForFragmentList", "times": 1, "fault":
  {"do": "reset", "bytes": 60002}}]'
run get counter --from 0 --to "$to" -o cut.mkv
ok 'cut connections: well' fully_quiet
ok 'cut connections: the same bytes' cmp all.mkv cut.mkv

rules '[{"call": "GetMediaForFragmentList", "times": 2, "fault":
  {"do": "error", "type": "ClientLimitExceededException"}}]'
run get counter --from 0 --to "$to" -o throttled.mkv
ok 'throttled: well' fully_quiet
ok 'throttled: the same bytes' cmp all.mkv throttled.mkv

rules '[{"call": "GetMediaForFragmentList", "fault":
  {"do": "error", "type": "AccessDeniedException", "status": 403}}]'
run get counter --from 0 --to "$to" -o denied.mkv
ok 'denied: status 1' exited 1
ok 'denied: told' one_complaint \
  'counter: GetMediaForFragmentList: AccessDeniedException (HTTP 403)'
ok 'denied: nothing written' test ! -s denied.mkv
rules '[]'

# --- arguments -------------------------------------------------------------

run get absent --from 0 --to 1 -o absent.mkv
ok 'no such stream' failed_with 1 'ResourceNotFoundException'
ok 'no such stream: no file' test ! -e absent.mkv
run get counter --from 0 --to 1 --clock wall -o x.mkv
ok 'no such clock' failed_with 2 'server or producer'
run get counter --clock server --from 0 -o x.mkv
ok '--clock without --to' failed_with 2 'wants --from and --to'
run get counter --clock server --from 0 --to 1 --checkpoint place -o x.mkv
ok '--clock with --checkpoint' failed_with 2 'no --duration'
run get counter --from 2 --to 1 -o x.mkv
ok '--from behind --to' failed_with 2 'behind'
run get counter --from 0 --to "$to" -o all.mkv
ok 'it does not overwrite' failed_with 1 'there already'
finish
