#!/usr/bin/env bash
# Installs the package in a fresh Debian 12 folder and runs the program there: scripts/test_package.sh [PACKAGE.deb].
# Needs root and debootstrap; packages come from the mirror that apt uses here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "Package: $1" >&2; exit 1; }

source scripts/debian_root.sh

package=${1:-$(scripts/package.sh)}
root=$(mktemp -d)
trap 'remove_debian_root "$root"' EXIT
make_debian_root bookworm "$root"
cp "$package" "$root/tessera-lite.deb"
inside() { in_debian_root "$root" "$@"; }
inside apt-get install -q -y --no-install-recommends /tessera-lite.deb > /dev/null
inside tessera-lite --version
inside tessera-lite --help > /dev/null
inside tessera-lite sample --help > /dev/null
status=0
inside tessera-lite info /no/such/model 2> /dev/null || status=$?
((status == 2)) || fail "a model that is not there gave exit code $status, expected 2"
inside dpkg --verify tessera-lite
inside apt-get purge -q -y tessera-lite > /dev/null
[[ ! -e $root/usr/bin/tessera-lite ]] || fail "the program is still there after its package was removed"
echo "Package: installs, runs and goes on a clean Debian 12."
