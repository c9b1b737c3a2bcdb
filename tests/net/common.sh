# shellcheck shell=sh
# common.sh - what the scripts share that need the local endpoint: a Python
# that has it, a server with streams, and keys that it takes.  To be sourced.
: "${top_srcdir:=.}" "${top_builddir:=.}"

leave() {
  echo "1..0 # SKIP $1"
  echo "skipped: $1"
  exit 77
}

# need_endpoint: sets $python and what it takes to run the endpoint.
need_endpoint() {
  grep -q '^#define HAVE_CURL 1' "$top_builddir/config.h" ||
    leave 'this build has no libcurl'
  core=$top_builddir/lib/core/.libs
  [ -f "$core/libkvsparse.so" ] ||
    leave 'this build has no shared libraries (--enable-shared)'
  PYTHONDONTWRITEBYTECODE=1
  PYTHONPATH=$top_srcdir/bindings/python
  KVSPARSE_LIBRARY_PATH=$core
  export PYTHONDONTWRITEBYTECODE PYTHONPATH KVSPARSE_LIBRARY_PATH
  for python in "${PYTHON:-/usr/bin/python3}" python3; do
    "$python" -c 'import botocore, kvsparse.endpoint' 2>/dev/null && return
  done
  leave 'no Python with botocore (apt-get install python3-botocore)'
}

# endpoint ARGUMENT...: starts it; $endpoint_pid, and the variables of AWS.
endpoint() {
  : >endpoint.port
  "$python" -m kvsparse.endpoint "$@" >endpoint.port 2>endpoint.err &
  endpoint_pid=$!
  wait_until grep -q . endpoint.port || leave 'the endpoint did not start'
  AWS_REGION=us-west-2
  AWS_ACCESS_KEY_ID=AKIDEXAMPLE
  AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
  AWS_EC2_METADATA_DISABLED=true
  AWS_ENDPOINT_URL=http://127.0.0.1:$(cat endpoint.port)
  export AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL \
    AWS_EC2_METADATA_DISABLED
}

endpoint_stop() {
  kill "$endpoint_pid" 2>/dev/null
  wait "$endpoint_pid" 2>/dev/null
}
