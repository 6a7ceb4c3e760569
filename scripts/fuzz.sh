#!/usr/bin/env bash
# Opens model folders that libFuzzer makes up, for so many seconds: scripts/fuzz.sh [SECONDS], 600 unless told. Needs
# clang with its OpenMP (Debian: clang libomp-dev). What it finds is left in build/fuzz/findings, and the exit code is
# not 0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-600}

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
