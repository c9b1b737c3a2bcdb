#!/bin/sh
# Each call that the library makes, as it is sent: the local endpoint verifies
# its signature with botocore's code, which is checked against the vectors by
# test_endpoint_signature.py.  With and without a session token, with names
# that are odd, with an ARN.
. "${top_srcdir:=.}/tests/net/common.sh"
need_endpoint
. "$top_srcdir/tests/tools/common.sh"
trap 'endpoint_stop; rm -rf "$scratch"' EXIT

secret='wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
token='FwoGZXIvYXdzEXAMPLETOKEN//////////wEaDEXAMPLE+/=='
long=$(printf '%0256d' 7)
set --
for name in door .. _a.b-C.9 "$long"; do
  set -- "$@" --stream "$name=counter:fragments=3,frames=1"
done
endpoint "$@" --pace 0 --idle 0.1 --no-quotas --log endpoint.log \
  --credentials "AKIDEXAMPLE:$secret" --credentials "ASIATOKEN:$secret:$token"

# answered CALL: the last one with that name was verified and answered
answered() {
  "$python" -c 'import json, sys
calls = [json.loads(line) for line in open("endpoint.log")]
last = [call for call in calls if call["call"] == sys.argv[1]][-1]
print(last)
assert last["status"] == 200, last' "$1"
}

# all_calls NAME STREAM: GetDataEndpoint and GetMedia, ListFragments, and
# GetMediaForFragmentList
all_calls() {
  run get "$2" --start earliest --no-wait -f -o got.mkv
  ok "$1: GetMedia" answered GetMedia
  ok "$1: all of it" [ -s got.mkv ]
  ok "$1: GetDataEndpoint" answered GetDataEndpoint
  run ls "$2" --from 0
  ok "$1: ListFragments" answered ListFragments
  run get "$2" --from 0 --to "$(date +%s)" \
    -f -o kept.mkv
  ok "$1: GetMediaForFragmentList" answered GetMediaForFragmentList
  ok "$1: all that is kept" [ -s kept.mkv ]
}

arn=$("$python" -c 'import os, botocore.session
print(botocore.session.get_session().create_client(
    "kinesisvideo", region_name="us-west-2",
    endpoint_url=os.environ["AWS_ENDPOINT_URL"]).describe_stream(
        StreamName="door")["StreamInfo"]["StreamARN"])')
all_calls 'a name' door
all_calls 'an ARN' "$arn"
AWS_ACCESS_KEY_ID=ASIATOKEN
AWS_SESSION_TOKEN=$token
export AWS_SESSION_TOKEN
all_calls 'a token' door
all_calls 'a token, dots' ..
all_calls 'a token, all that a name may hold' _a.b-C.9
all_calls 'a token, 256 characters' "$long"
AWS_SESSION_TOKEN=${token%=}
run get door --start earliest --no-wait -f -o got.mkv
ok 'another token' one_complaint 'HTTP 403'
AWS_SESSION_TOKEN=$token
AWS_SECRET_ACCESS_KEY=${secret%Y}Z
run get door --start earliest --no-wait -f -o got.mkv
ok 'another secret' one_complaint 'HTTP 403'
finish
