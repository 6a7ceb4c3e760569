#!/usr/bin/env bash
# Installs what Tessera is built from, with apt (and npm) on Debian 12 or 13. Needs root or sudo for apt; asks nothing;
# installs only what is missing, so a second run does nothing.
#
#   scripts/install_dependencies.sh          what building and running the program needs
#   scripts/install_dependencies.sh --all    also what the tests, the interactive report and the emoji need
set -euo pipefail

# What building and running the program needs: Debian's package | the library or tool and the least version, for other systems.
program=(
  "build-essential    | a C++20 compiler: GCC 12"
  "cmake              | CMake 3.25"
  "ninja-build        | Ninja"
  "git                | git"
  "pkg-config         | pkg-config"
  "libtorch-dev       | LibTorch 1.13 (that of a PyTorch wheel will do: scripts/build.sh --torch-prefix)"
  # LibTorch only recommends a BLAS, and the reference one is ten times slower.
  "libopenblas0-pthread | OpenBLAS, with pthreads, if LibTorch has no BLAS of its own"
  "libdnnl-dev        | oneDNN 2.6, with OpenMP (left out by TESSERA_ENGINE=OFF)"
  "libcli11-dev       | CLI11 2.1"
  "libtoml11-dev      | toml11 3.7"
  "nlohmann-json3-dev | nlohmann/json 3.11"
  "libarchive-dev     | libarchive 3.6"
  "libhwy-dev         | Highway 1.0"
  "libjpeg-dev        | libjpeg-turbo 2.1"
  "libpng-dev         | libpng 1.6"
  "libwebp-dev        | libwebp 1.2"
  "libgif-dev         | giflib 5.2"
  "libexif-dev        | libexif 0.6"
  "libssl-dev         | OpenSSL 3.0"
  "zlib1g-dev         | zlib 1.2"
  "libsqlite3-dev     | SQLite 3.40"
  "dataset-fashion-mnist | the IDX files of Fashion-MNIST, which the demo trains on"
)

tests=(
  # to build again faster
  ccache mold
  # to test and to check
  libgtest-dev libgmock-dev clang-format
  # the reference that imported checkpoints are compared with (a test that reads with it skips without it)
  python3-torch
  # AVIF images, which are left out where it is missing
  libavif-dev
  # the data set `emoji`
  libfreetype-dev libharfbuzz-dev fonts-noto-color-emoji unicode-data
)
# Where node or the browser come from elsewhere, Debian's packages of them would conflict.
command -v npm > /dev/null || tests+=(npm)            # fetches the plotting library of the report
command -v chromium > /dev/null || tests+=(chromium)  # opens the report (its test skips without it)

all=false
case "${1-}" in
  "") ;;
  --all) all=true ;;
  *) echo "install_dependencies.sh: unknown argument '$1', expected --all or nothing" >&2; exit 2 ;;
esac

if ! command -v apt-get > /dev/null; then
  echo "There is no apt here, which this script installs with. Tessera needs:" >&2
  printf '%s\n' "${program[@]}" | sed 's/^[^|]*| /  /' >&2
  echo "CMake finds what lies below CMAKE_PREFIX_PATH; after that scripts/build.sh builds the program." >&2
  exit 1
fi

packages=()
for entry in "${program[@]}"; do packages+=("${entry%% *}"); done
$all && packages+=("${tests[@]}")
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
$all || exit 0

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
