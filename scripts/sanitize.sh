#!/usr/bin/env bash
# Builds everything that needs no LibTorch with the address, undefined-behaviour and thread sanitizers, and runs its tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for preset in asan tsan; do
  cmake --preset "$preset"
  cmake --build --preset "$preset" --parallel "$(nproc)"
  ctest --preset "$preset" --no-tests=error
done
