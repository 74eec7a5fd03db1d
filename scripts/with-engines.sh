#!/usr/bin/env bash
# with-engines.sh COMMAND...: runs a command with the private test engines up, their
# addresses in the environment and the test images in them; stops them however it ends.
# Engines that were up already (scripts/engines.sh up) stay up.
set -euo pipefail
cd "$(dirname "$0")/.."

((EUID == 0)) || { echo "with-engines: the tests start engines and read other processes' memory: run as root" >&2; exit 1; }
[[ -e /run/hotcell-test/env ]] || trap 'scripts/engines.sh down' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

set -a
eval "$(scripts/engines.sh up)"
set +a
cargo build --quiet
tests/images/build.sh target/debug/hotcell
"$@"
