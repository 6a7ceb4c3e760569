#!/usr/bin/env bash
# Looks for faults that users could meet: scripts/fuzz.sh [SECONDS] [command-lines|models], 600 s of each unless told.
#
# command-lines  runs command lines that a generator makes up, on a file system with faults (tests/command_lines_test.cpp)
#                with the programs of build/release; at most 60 s. TESSERA_FUZZ_SEED=N makes others up.
# models         opens model folders that libFuzzer makes up. Needs clang with its OpenMP (Debian: clang libomp-dev). What
#                it finds is left in build/fuzz/findings.
#
# The exit code is not 0 when anything is found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-600} what=${2:-all}
case $what in
  all | command-lines | models) ;;
  *) echo "fuzz.sh: '$what' is unknown, expected command-lines or models" >&2; exit 2 ;;
esac

if [[ $what != models ]]; then
  cmake --preset release -DTESSERA_TESTS=ON > /dev/null
  cmake --build build/release --target programs command_lines_test
  TESSERA_FUZZ_SECONDS=$((seconds < 60 ? seconds : 60)) build/release/command_lines_test
fi
[[ $what == command-lines ]] && exit

mkdir -p build
cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O1 -DTESSERA_TORCH=OFF -DTESSERA_TESTS=OFF -DTESSERA_FUZZ=ON \
  -DTESSERA_SANITIZE=address,undefined > build/fuzz-configure.log ||
  { cat build/fuzz-configure.log >&2; exit 1; }
cmake --build build/fuzz --target fuzz_open_model write_corpus
corpus=build/fuzz/corpus
build/fuzz/write_corpus "$corpus"
mkdir -p build/fuzz/findings build/fuzz/found
# Inputs that reach something new are kept for the next time.
folder=/tmp
[[ -d /dev/shm ]] && folder=/dev/shm  # a disk would be waited for at every input
TMPDIR=$folder build/fuzz/fuzz_open_model -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=2048 \
  -print_final_stats=1 -artifact_prefix=build/fuzz/findings/ build/fuzz/found "$corpus"
