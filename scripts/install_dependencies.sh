#!/usr/bin/env bash
# Installs what Tessera is built from, with apt, on Debian 12. Needs root or sudo; asks nothing; installs only what is
# missing, so a second run does nothing.
set -euo pipefail

packages=(
  # to build
  build-essential cmake ninja-build ccache mold git pkg-config
  # LibTorch and the BLAS that makes its float32 fast (it only recommends one, and the reference one is 10x slower)
  libtorch-dev libopenblas0-pthread
  # libraries
  libcli11-dev libtoml11-dev nlohmann-json3-dev libarchive-dev libhwy-dev libdnnl-dev
  libjpeg-dev libpng-dev libexif-dev libssl-dev zlib1g-dev libfreetype-dev libharfbuzz-dev libsqlite3-dev
  # to test and to check
  libgtest-dev libgmock-dev clang-format
  # the reference that imported checkpoints are compared with (a test that reads with it skips without it)
  python3-torch
  # images by name: fashion-mnist, emoji
  dataset-fashion-mnist fonts-noto-color-emoji unicode-data
)

if ! command -v dpkg-query > /dev/null; then
  echo "This script installs Debian packages, but there is no dpkg here. Tessera needs: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "Dependencies: all ${#packages[@]} packages are installed."
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo > /dev/null; then
    echo "Run this as root, or install sudo. Missing packages: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Dependencies: installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
