#!/bin/sh
# Writes requirements/*.lock from *.in: hashed, for all supported Pythons at once, without any registry's address.
# Pins that stand are kept; `make lock UPGRADE=1` takes the newest versions.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

uv=.cache/uv/bin/uv
[ -x "$uv" ] || quietly .venv/bin/python -m pip install --quiet --target .cache/uv uv || die "could not fetch uv, which resolves the lock"
uv=$PWD/$uv

cd requirements
for set in build runtime dev fuzz; do
    quietly "$uv" pip compile --universal --python-version 3.11 --generate-hashes --no-header ${UPGRADE:+--upgrade} \
        --override overrides.txt "$set.in" -o "$set.lock" || die "no set of versions fits requirements/$set.in"
    say "$set" "$(grep -c '^[a-z]' "$set.lock") packages locked"
done
