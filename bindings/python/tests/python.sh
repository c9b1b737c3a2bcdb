#!/bin/sh
# Runs pytest over the Python package and the libraries that were just built.
# Each case is a line of TAP in python.tap beside this script's log.  The
# endpoint's tests are endpoint.sh's, which is this script with another suite.
: "${suite:=python}"
: "${top_srcdir:=.}" "${top_builddir:=.}"
tests=$top_srcdir/bindings/python/tests
tap=bindings/python/tests/$suite.tap
rm -f "$tap"

skip() {
  echo "skipped: $1"
  exit 77
}

# The first Python that has pytest.
for python in "${PYTHON:-/usr/bin/python3}" python3; do
  "$python" -c 'import sys, pytest; sys.exit(sys.version_info < (3, 10))' \
    2>/dev/null && break
  python=
done
[ -n "$python" ] ||
  skip 'no Python 3.10 with pytest (apt-get install python3-pytest python3-numpy)'

core=$top_builddir/lib/core/.libs
[ -f "$core/libkvsparse.so" ] || [ -f "$core/libkvsparse.dylib" ] ||
  skip 'this build has no shared libraries (--enable-shared)'

# Nothing is written into the sources' folder.
mkdir -p bindings/python/tests || exit 1
PYTHONDONTWRITEBYTECODE=1
PYTHONPATH=$top_srcdir/bindings/python
KVSPARSE_LIBRARY_PATH=$core:$top_builddir/lib/av/.libs:$top_builddir/lib/matroska/.libs
KVSPARSE_TAP=$(pwd)/$tap
export PYTHONDONTWRITEBYTECODE PYTHONPATH KVSPARSE_LIBRARY_PATH KVSPARSE_TAP
export top_srcdir top_builddir
case $suite in
  endpoint) set -- "$tests"/test_endpoint_*.py ;;
  *) set -- "$tests" --ignore-glob='*/test_endpoint_*.py' ;;
esac
"$python" -m pytest -q -rs -p no:cacheprovider --rootdir "$tests" \
  --basetemp "bindings/python/tests/tmp_$suite" "$@"
status=$?
rm -rf "bindings/python/tests/tmp_$suite"
exit $status
