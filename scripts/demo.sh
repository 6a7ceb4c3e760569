#!/usr/bin/env bash
# From nothing to generated images: installs, builds and runs `tessera demo`. Arguments go to it:
#
#   scripts/demo.sh                     15 minutes on two cores; results in ./demo, report in ./demo/report.html
#   scripts/demo.sh --quick             the whole path in 90 seconds
#   scripts/demo.sh --out /tmp/first    results elsewhere
#
# Stopped and started again, it goes on where it was.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/install_dependencies.sh"
"$root/scripts/build.sh"
exec "$root/build/release/tessera" demo "$@"
