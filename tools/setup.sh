#!/bin/sh
# Makes a machine able to run, test and demonstrate Lifebuoy. Declared in debian-packages.txt and
# requirements.lock; run again it does nothing and takes about a second.
set -eu
cd "$(dirname "$0")/.."

# What for: the demo, the tests (all but what only benchmarks need, which is large), or the benchmarks.
purpose=${1:-tests}
case $purpose in
    demo) left_out='^# (tests|measuring)' ;;
    tests) left_out='^# measuring' ;;
    bench) left_out='^$' ;;
    *) echo "usage: tools/setup.sh [demo | tests | bench]" >&2; exit 2 ;;
esac
packages=$(awk -v left_out="$left_out" '
    /^#/ { skip = ($0 ~ left_out) ; next }
    NF && !skip { print $1 }' debian-packages.txt)

missing=
for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    case $status in ii*) ;; *) missing="$missing $package" ;; esac
done
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || { echo "as root: apt-get install$missing" >&2; exit 1; }
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o Acquire::Retries=3 update
    # shellcheck disable=SC2086
    apt-get -q -y -o Acquire::Retries=3 install --no-install-recommends $missing
fi

stamp=.venv/lifebuoy-setup
key=$(cat requirements.lock tools/uv.txt pyproject.toml | sha256sum)
if [ "$(cat $stamp 2>/dev/null)" != "$key" ]; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed" >&2
        exit 1
    }
    echo "setting up .venv"
    [ -x .venv/bin/python ] || python3 -m venv .venv
    pip() { .venv/bin/python -m pip install -q --disable-pip-version-check "$@"; }
    uv() { .venv/bin/uv pip install -q --python .venv/bin/python "$@"; }
    pip --require-hashes -r tools/uv.txt
    # where only pip is told of an index or an authority, it does the same in a minute
    uv --require-hashes -r requirements.lock || pip --require-hashes -r requirements.lock
    pip --no-deps --no-build-isolation -e .
    printf '%s\n' "$key" >$stamp
fi

# The web console's catalogues and parts, beside the sources, where an editable install looks for them.
.venv/bin/python hatch_build.py
