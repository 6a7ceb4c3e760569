#!/usr/bin/env bash
# Installs a build to a folder that goes away again, moves it, and builds programs of users against it, with CMake and
# with pkg-config: scripts/test_install.sh [BUILD], build/engine unless told.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/engine}
fail() { echo "Install: $1" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/first" > "$folder/log" || { cat "$folder/log" >&2; exit 1; }
mv "$folder/first" "$folder/prefix"  # nothing installed may know where it was installed
prefix=$folder/prefix
libraries=$(dirname "$(find "$prefix" -name libtessera.so)")
export LD_LIBRARY_PATH=$libraries

# As its users run it: what it cannot open is told and is exit code 2.
refuses() {
  local status=0
  "$@" > "$folder/out" 2> "$folder/err" || status=$?
  ((status == 2)) || fail "$1 gave exit code $status for a model that is not there, expected 2"
  grep -q /no/such/model "$folder/err" || fail "$1 does not name the model that is not there"
}

# The programs of the guide, as they stand there.
block() { awk -v kind="\`\`\`$1" '/^```/ {on = $0 == kind; next} on' docs/guides/engine.md; }
mkdir "$folder/project"
block cpp > "$folder/project/draw_classes.cpp"
block c > "$folder/project/draw.c"
block cmake > "$folder/project/CMakeLists.txt"
cmake -S "$folder/project" -B "$folder/build" -DCMAKE_PREFIX_PATH="$prefix" > "$folder/log" &&
  cmake --build "$folder/build" >> "$folder/log" || { cat "$folder/log" >&2; exit 1; }
refuses "$folder/build/draw_classes" /no/such/model ''
refuses "$folder/build/draw" /no/such/model ''

export PKG_CONFIG_PATH=$libraries/pkgconfig
[[ $(pkg-config --modversion tessera) == "$(sed -n 's/^project(tessera VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)" ]] ||
  fail "pkg-config tells another version"
read -ra flags <<< "$(pkg-config --cflags --libs tessera)"
c++ -std=c++20 "$folder/project/draw_classes.cpp" -o "$folder/draw_classes" "${flags[@]}"
cc -std=c99 "$folder/project/draw.c" -o "$folder/draw" "${flags[@]}"
refuses "$folder/draw_classes" /no/such/model ''
refuses "$folder/draw" /no/such/model ''

refuses "$prefix/bin/tessera-lite" info /no/such/model
man --warnings -E UTF-8 -l "$prefix/share/man/man1/tessera-lite.1" > "$folder/page" 2> "$folder/err" &&
  grep -q SAMPLE "$folder/page" ||
  fail "the manual page has no section on sample"
[[ ! -s $folder/err ]] || fail "man complains of the manual page: $(head -n 1 "$folder/err")"

# What completion offers, as bash asks for it.
offered() {
  PATH=$prefix/bin:$PATH bash -c '
    source "$1"; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _tessera; echo "${COMPREPLY[*]}"
  ' bash "$prefix/share/bash-completion/completions/tessera-lite" "$@"
}
[[ $(offered tessera-lite sam) == sample ]] || fail "completion of 'sam' is '$(offered tessera-lite sam)'"
[[ " $(offered tessera-lite sample --) " == *" --generator "*" --weights "* ]] || fail "completion lists no options"
[[ -z $(offered tessera-lite sample --generator ru) ]] || fail "completion offers commands for a folder"
echo "Install: programs build and run against it, moved to another folder."
