#!/usr/bin/env bash
# Tries the README's commands on a clean Debian in a folder that goes away again: scripts/demo.sh --quick, then
# scripts/test.sh. Says how many packages and megabytes each installs and how long each part takes. Needs root and
# debootstrap; what is committed is what is tried.
#
#   scripts/test_debian.sh bookworm|trixie [--demo-only]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/debian_root.sh
fail() { echo "Debian $suite: $1" >&2; exit 1; }

suite=${1-}
[[ $suite == bookworm || $suite == trixie ]] || { echo "test_debian.sh: expected bookworm or trixie, found '$suite'" >&2; exit 2; }
[[ -z ${2-} || ${2-} == --demo-only ]] || { echo "test_debian.sh: expected --demo-only, found '$2'" >&2; exit 2; }

# $TMPDIR may be a small memory file system: with all tests this takes 15 GB.
root=$(mktemp -d "${TMPDIR:-/var/tmp}/tessera-$suite.XXXXXX")
trap 'remove_debian_root "$root"' EXIT
chmod 755 "$root"  # apt fetches as another user
make_debian_root "$suite" "$root"
inside() { in_debian_root "$root" "$@"; }
# A user has git and a clone; this is the clone.
git clone -q . "$root/root/tessera"
inside apt-get update -q > /dev/null
inside apt-get install -q -y --no-install-recommends git ca-certificates > /dev/null 2>&1
inside git config --global --add safe.directory /root/tessera

installed() { inside dpkg-query -W | wc -l; }
kilobytes() { inside dpkg-query -W -f='${Installed-Size}\n' | awk '{all += $1} END {print all}'; }
log=$root/root/log
# What the last command installed, beside what there was.
report_packages() {
  echo "Debian $suite: $1 installs $(($(installed) - packages)) packages," \
    "$(sed -n 's/^Need to get \([0-9.,]* [kM]B\).*/\1/p' "$log" | tail -n 1) to fetch," \
    "$((($(kilobytes) - before) / 1024)) MB unpacked."
}

packages=$(installed) before=$(kilobytes)
start=$SECONDS
inside bash -c 'cd /root/tessera && exec scripts/demo.sh --quick' > "$log" 2>&1 &
demo=$!
first=""
while kill -0 "$demo" 2> /dev/null; do
  if [[ -z $first ]] && compgen -G "$root/root/tessera/demo/features/*/metrics.jsonl" > /dev/null; then
    first=$((SECONDS - start))
    echo "Debian $suite: first training step after $first s on $(nproc) cores, from a bare system with git."
  fi
  sleep 1
done
wait "$demo" || { tail -n 40 "$log" >&2; fail "scripts/demo.sh --quick failed"; }
[[ -s $root/root/tessera/demo/report.html ]] || fail "the quick demo wrote no report.html"
report_packages "scripts/demo.sh"
echo "Debian $suite: scripts/demo.sh --quick done after $((SECONDS - start)) s."
[[ ${2-} != --demo-only ]] || exit 0

packages=$(installed) before=$(kilobytes) start=$SECONDS
inside bash -c 'cd /root/tessera && exec scripts/test.sh' > "$log" 2>&1 || { tail -n 200 "$log" >&2; fail "scripts/test.sh failed"; }
report_packages "scripts/test.sh"
grep -E 'tests passed|Total Test time' "$log"
echo "Debian $suite: scripts/test.sh done after $((SECONDS - start)) s."
