#!/usr/bin/env bash
# Installs what Tessera is built from, with apt and npm, on Debian 12. Needs root or sudo for apt; asks nothing; installs
# only what is missing, so a second run does nothing.
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

# Where node or the browser come from elsewhere, Debian's packages of them would conflict.
command -v npm > /dev/null || packages+=(npm)            # fetches the plotting library of the report
command -v chromium > /dev/null || packages+=(chromium)  # opens the report (its test skips without it)

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
else
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
fi

# The plotting library: the version and the hash that package-lock.json pins, from the registry that npm is set to.
plotting=$(cd "$(dirname "${BASH_SOURCE[0]}")/../src/plotting" && pwd)
if cmp -s "$plotting/package-lock.json" "$plotting/node_modules/installed-lock.json"; then
  echo "Dependencies: the plotting library is installed."
  exit 0
fi
echo "Dependencies: installing the plotting library with npm"
if ! (cd "$plotting" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
  echo "npm could not install the plotting library into $plotting/node_modules (its message is above). This needs the" \
    "network once; or copy that folder from a machine where it is installed." >&2
  exit 1
fi
cp "$plotting/package-lock.json" "$plotting/node_modules/installed-lock.json"
