#!/bin/sh
# A live stream by its name, from the local endpoint: get, kvs:// in other
# subcommands, checkpoints, what is said when it cannot be, and the example.
. "${top_srcdir:=.}/tests/net/common.sh"
need_endpoint
. "$top_srcdir/tests/tools/common.sh"
trap 'endpoint_stop; rm -rf "$scratch"' EXIT

endpoint --stream counter=counter:fragments=40,frames=3,size=300 \
  --stream "two=counter:fragments=3,frames=2" --pace 0 --idle 0.2 \
  --no-quotas --log endpoint.log

fragments() { # COUNT FILE
  "$KVSPARSE" info "$2" >info.out || return 1
  grep -q "Fragments  *$1 ($1 complete" info.out || { cat info.out; return 1; }
}
fully_quiet() { exited 0 && quiet; }

run get counter --start earliest --no-wait -o all.mkv
ok 'get writes all there is' fully_quiet
ok 'get: all fragments' fragments 40 all.mkv
run get counter --start earliest --no-wait
cp out stdout.mkv
ok 'get: the same to standard output' cmp all.mkv stdout.mkv
run get counter --start earliest --no-wait -o all.mkv
ok 'get does not overwrite' failed_with 1 'there already'
run get counter --start earliest --no-wait -f -o all.mkv
ok 'get --force does' fragments 40 all.mkv

"$KVSPARSE" info --json --fragments all.mkv >info.json
number=$("$python" -c 'import json
print(json.load(open("info.json"))["fragment_list"][29]["number"])')
run get counter --after "$number" --no-wait -o after.mkv
ok 'get --after' fragments 10 after.mkv
tail -c "$(wc -c <after.mkv)" all.mkv >tail.mkv
ok 'get --after: the same bytes' cmp tail.mkv after.mkv
first=$("$python" -c 'import json
print(json.load(open("info.json"))["fragment_list"][5]["server_time"])')
last=$("$python" -c 'import json
print(json.load(open("info.json"))["fragment_list"][9]["server_time"])')
run get counter --from "$first" --to "$last" --no-wait -o part.mkv
ok 'get --from --to' fragments 5 part.mkv
run get counter --start earliest --duration 4 -o duration.mkv
ok 'get --duration' fragments 4 duration.mkv

# --- checkpoints -----------------------------------------------------------

run get counter --start earliest --duration 7 --checkpoint place -o grow.mkv
ok 'get --checkpoint: a part' fragments 7 grow.mkv
ok 'get --checkpoint: the file tells the stream' grep -q '^stream counter$' place
printf 'what a killed one left' >>grow.mkv
run get counter --start earliest --no-wait --checkpoint place -o grow.mkv
ok 'get --checkpoint goes on, over what was left' cmp all.mkv grow.mkv
run get two --start earliest --no-wait --checkpoint place -o other.mkv
ok 'a checkpoint of another stream' failed_with 1 'of another stream'
: >empty
run get counter --start earliest --no-wait --checkpoint empty -o x.mkv
ok 'no checkpoint' failed_with 1 'is no checkpoint'
rm -f grow.mkv
run get counter --no-wait --checkpoint place -o grow.mkv
ok 'the file of a checkpoint is gone' failed_with 1 'grow.mkv is not there'
ok 'and none is made' test ! -e grow.mkv

# --- ls --------------------------------------------------------------------

run ls counter --json --from "$first" --to "$last" --page-size 2
cp out ls.json
ok 'ls --from --to, in pages' fully_quiet
ok 'ls: in order, and as in the stream' "$python" -c 'import json
kept = [json.loads(line) for line in open("ls.json")]
sent = json.load(open("info.json"))["fragment_list"][5:10]
assert [f["number"] for f in kept] == [f["number"] for f in sent], kept
for a, b in zip(kept, sent):
    assert a["server_time"] == b["server_time"], (a, b)
    assert a["producer_time"] == b["producer_time"], (a, b)
    assert a["size"] > 500'
run ls counter --from "$first"
ok 'ls: a table' has '^Number  *Server time'
run ls counter --from "$last" --to "$first"
ok 'ls: from behind to' failed_with 2 'behind'
run ls absent
ok 'ls: no such stream' failed_with 1 'ResourceNotFoundException (HTTP 404)'

# --- kvs:// ----------------------------------------------------------------

run info 'kvs://counter?start=earliest&wait=no'
cp out live.out
run info all.mkv
sed 1d out >file.out
sed 1d live.out >live.rest
ok 'info kvs://: as of the file' diff file.out live.rest
run info --live 'kvs://counter?start=earliest&wait=no'
ok 'info --live tells of sessions' has 'Sessions  *2 (1 reconnect'
ok 'info --live tells when fragments come' has 'Arrival - server'
ok 'info --live: below a heading' has '^Live$'
run info --live all.mkv
ok 'info --live of a file' failed_with 2 'kvs://STREAM'
run merge -o live.mkv 'kvs://counter?start=earliest&wait=no'
run merge -o file.mkv all.mkv
ok 'merge kvs://: as of the file' cmp file.mkv live.mkv
rm -f place
run merge -o a.mkv 'kvs://two?start=earliest&wait=no&checkpoint=place'
ok 'kvs:// with a checkpoint' grep -q '^fragment [0-9]*2$' place
run info 'kvs://two?start=earliest&wait=no&checkpoint=place'
ok 'kvs:// goes on behind it' has 'Fragments  *0$'
for url in 'kvs://' 'kvs://a?x=1' 'kvs://a?start' 'kvs://a?start=%4' \
  'kvs://a?start=noon' 'kvs://a%20b' 'kvs://a?wait=maybe' \
  'kvs://a?region=a/b' 'kvs://a?endpoint-url=http://example.com'; do
  run info "$url"
  ok "$url" failed_with 2 ''
done

# --- what cannot be --------------------------------------------------------

run get absent -o absent.mkv
ok 'no such stream' failed_with 1 \
  'absent: GetDataEndpoint: ResourceNotFoundException (HTTP 404): .*(request '
AWS_SECRET_ACCESS_KEY=wrong run get counter -o absent.mkv
ok 'a wrong key' one_complaint 'HTTP 403'
ok 'a wrong key is never shown' sh -c '! grep -q wrong err'
ok 'a wrong key leaves no fragment' test ! -s absent.mkv
run get counter --region eu-west-1 -o absent.mkv
ok 'another region is another signature' one_complaint 'HTTP 403'
run get counter --region 'us west' -o absent.mkv
ok 'no region' failed_with 2 "'us west' is no region"
run get counter --endpoint-url http://example.com -o absent.mkv
ok 'http to a stranger' failed_with 2 'no endpoint that may be spoken to'
AWS_USE_FIPS_ENDPOINT=true run get counter -o absent.mkv
ok 'FIPS and an endpoint' failed_with 2 'with an endpoint of its own'
unset AWS_USE_FIPS_ENDPOINT
for command in get ls; do
  run $command kvs://counter
  ok "$command kvs://" failed_with 2 'only the name is wanted'
done
run get counter --start earliest --after 1 -o absent.mkv
ok 'two starts' failed_with 2 'one of --start'
run get -o absent.mkv
ok 'no stream' failed_with 2 'which stream'
run get a b
ok 'two streams' failed_with 2 'one too many'
if [ -w /dev/full ]; then
  "$KVSPARSE" get counter --start earliest --no-wait >/dev/full 2>err
  status=$?
  ok 'a full disk' exited 1
else
  skip 'a full disk' 'no /dev/full'
fi

# --- keys that the endpoint hands out --------------------------------------

# keys VARIABLE=VALUE...: a get with keys from there only
keys() {
  status=0
  env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY HOME=/nonexistent \
    AWS_CONFIG_FILE=/nonexistent "$@" "$KVSPARSE" get two --start earliest \
    --no-wait -f -o keys.mkv >out 2>err || status=$?
}
keys
ok 'no keys' one_complaint 'no credentials: none in the environment'
ok 'no keys: status 1' exited 1
keys AWS_EC2_METADATA_DISABLED=false \
  AWS_EC2_METADATA_SERVICE_ENDPOINT="$AWS_ENDPOINT_URL"
ok 'an instance' fully_quiet
keys AWS_CONTAINER_CREDENTIALS_FULL_URI="$AWS_ENDPOINT_URL/container/credentials"
ok 'a container' fully_quiet
echo token >token
keys AWS_WEB_IDENTITY_TOKEN_FILE="$PWD/token" AWS_ROLE_ARN=arn:aws:iam::1:role/r
ok 'a web identity' fully_quiet
"$python" -c 'import json, sys
print(json.dumps([{"call": "GetMedia", "times": 1,
                   "fault": {"do": "error", "type": "ExpiredTokenException"}}]))' \
  >rules
"$python" -c 'import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/_endpoint/rules",
    data=open("rules", "rb").read(), method="PUT"))' "$AWS_ENDPOINT_URL"
keys AWS_CONTAINER_CREDENTIALS_FULL_URI="$AWS_ENDPOINT_URL/container/credentials"
ok 'keys that expired are asked for anew' fully_quiet
ok 'and the stream is whole' fragments 3 keys.mkv

# --- Ctrl-C ----------------------------------------------------------------

endpoint_stop
endpoint --stream live=counter:frames=3,size=300,fragment_ms=200 --no-quotas
with_signals "$KVSPARSE" get live -o live2.mkv 2>err &
pid=$!
grown() { [ -s live2.mkv ] && [ "$(wc -c <live2.mkv)" -gt 6000 ]; }
ok 'a live stream comes' wait_until grown
kill -INT $pid
wait $pid
status=$?
ok 'Ctrl-C ends it by the signal' exited 130
"$KVSPARSE" info --json live2.mkv >info.json
ok 'Ctrl-C leaves whole fragments' "$python" -c 'import json
info = json.load(open("info.json"))
assert info["fragments"] == info["complete"] > 3, info'

# --- the example -----------------------------------------------------------

# Without blank lines and the comment at its top.
short() {
  sed '1,/\*\//d' "$top_srcdir/examples/live_pictures.c" | grep . >code
  wc -l code
  [ "$(wc -l <code)" -le 20 ]
}
ok 'the example has at most 20 lines' short
if [ "${HAVE_FFMPEG:-}" = yes ]; then
  endpoint_stop
  endpoint --stream 'door=generate:--seconds 4' --no-quotas
  libs=$top_builddir/lib
  ok 'the example compiles' sh -c "${CC:-cc} -std=c99 -Wall -Wextra -Werror \
    -I'$top_srcdir/include' '$top_srcdir/examples/live_pictures.c' -o example \
    -L'$libs/net/.libs' -L'$libs/av/.libs' -L'$libs/core/.libs' \
    -lkvsparse-net -lkvsparse-av -lkvsparse"
  example() {
    LD_LIBRARY_PATH=$libs/net/.libs:$libs/av/.libs:$libs/core/.libs \
      exec ./example "$@"
  }
  example door >pictures.out 2>err &
  pid=$!
  many() { [ "$(wc -c <pictures.out)" -gt 1000 ]; }
  ok 'the example gets live pictures' wait_until many
  kill $pid
  wait $pid
  ok 'it tells of each' sh -c "sed '\$d' pictures.out | \
    awk '!/^[0-9]+\.[0-9][0-9][0-9] s: [0-9]+ x [0-9]+\$/ { exit 1 }'"
  complained() { exited 1 && [ ! -s out ] && grep "^live_pictures: .*$1" err; }
  (example absent) >out 2>err
  status=$?
  ok 'it tells why it ends' complained 'not found'
  (example) >out 2>err
  status=$?
  ok 'it wants the name of a stream' complained 'argument'
  mkdir pictures
  with_signals "$KVSPARSE" dump kvs://door --interval 1 -o pictures 2>err &
  pid=$!
  some() { ls pictures/*.png >/dev/null 2>&1; }
  ok 'dump kvs:// writes pictures while it plays' wait_until some
  kill -INT $pid
  wait $pid
else
  skip 'the example' 'this build has no FFmpeg'
fi
finish
