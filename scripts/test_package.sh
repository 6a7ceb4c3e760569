#!/usr/bin/env bash
# Installs the package in a fresh Debian 12 folder and runs the program there: scripts/test_package.sh [PACKAGE.deb].
# Needs root and debootstrap; packages come from the mirror that apt uses here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "Package: $1" >&2; exit 1; }

((EUID == 0)) || fail "run this as root, as chroot needs"
command -v debootstrap > /dev/null || fail "debootstrap is not installed"
package=${1:-$(scripts/package.sh)}
# The first source of Debian's own packages, without what apt has said about it.
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | awk '$2 == "bookworm" {print $1; exit}')
[[ -n $mirror ]] || fail "apt has no source of bookworm"

root=$(mktemp -d)
clean_up() {
  umount "$root/proc" 2> /dev/null || true
  rm -rf --one-file-system "$root"
}
trap clean_up EXIT
debootstrap --variant=minbase bookworm "$root" "$mirror" > "$root.log" || { tail "$root.log" >&2; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
cp "$package" "$root/tessera-lite.deb"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
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
