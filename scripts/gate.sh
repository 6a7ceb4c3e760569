#!/usr/bin/env bash
# The full gate, before a release: everything that .ci/run does, on a fresh clone of what is committed, then what a
# release promises.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { echo "Gate: $1" >&2; exit 1; }

[[ -z $(git status --porcelain) ]] || fail "the tree holds changes that are not committed (git status)"

# Always in the same place, so that ccache knows the files again.
clone=build/gate
rm -rf "$clone"
git clone -q . "$clone"
cd "$clone"
bash .ci/run
scripts/sanitize.sh tsan
[[ -z $(git status --porcelain) ]] || fail "building and testing left files behind that .gitignore does not name"

scripts/test_install.sh build/release
if ((EUID == 0)) && command -v debootstrap > /dev/null; then
  scripts/test_package.sh
  scripts/test_debian.sh bookworm --demo-only
  scripts/test_debian.sh trixie
else
  echo "Gate: without root and debootstrap nothing is tried on a clean system."
fi
if command -v clang++ > /dev/null; then
  scripts/fuzz.sh 600
else
  scripts/fuzz.sh 60 command-lines
  echo "Gate: without clang no model folders are fuzzed."
fi

version=$(sed -n 's/^project(tessera VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
said=$(build/release/tessera --version)
[[ $said == "tessera $version ("* && $said != *dirty* ]] || fail "--version says '$said', expected $version and a clean commit"
grep -q "^## \[\?$version" CHANGELOG.md || fail "CHANGELOG.md has no section for version $version"
grep -q 'Apache License' LICENSE || fail "LICENSE is not the Apache license"
echo "Gate: passed for $said."
