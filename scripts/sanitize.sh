#!/usr/bin/env bash
# Builds everything that needs no LibTorch with sanitizers and runs its tests: scripts/sanitize.sh [asan|tsan ..], both
# unless told. asan is the address and undefined-behaviour sanitizers, tsan the thread sanitizer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=("$@")
((${#presets[@]})) || presets=(asan tsan)
for preset in "${presets[@]}"; do
  cmake --preset "$preset"
  cmake --build --preset "$preset" --parallel "$(nproc)"
  ctest --preset "$preset" --no-tests=error --parallel "$(nproc)"
done
