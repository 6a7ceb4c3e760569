#!/usr/bin/env bash
# Builds the tests of kernels/ for 64-bit ARM and runs them under qemu, with NEON and with scalar code. Installs what that
# takes with apt, if it is missing. Arguments go to the tests: scripts/test_neon.sh --gtest_filter='*Matmul*'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(g++-aarch64-linux-gnu qemu-user libgtest-dev libhwy-dev cmake ninja-build)
if ! dpkg-query -W "${packages[@]}" > /dev/null 2>&1; then
  as_root=()
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
fi

cmake -S scripts/neon -B build/neon -G Ninja
cmake --build build/neon --parallel "$(nproc)"
QEMU_LD_PREFIX=/usr/aarch64-linux-gnu qemu-aarch64 build/neon/kernels_test "$@"
