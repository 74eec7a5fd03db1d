#!/usr/bin/env bash
# demo.sh: builds hotcell, the sandbox image where it is missing, and runs a hostile
# specimen in front of the reader.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh demo
cargo build --release
hotcell=target/release/hotcell

# A machine whose engine is installed but not running gets one for as long as this lasts.
if ! "$hotcell" doctor >/dev/null 2>&1; then
  as_root=()
  ((EUID == 0)) || as_root=(sudo)
  trap '${as_root[@]+"${as_root[@]}"} scripts/engines.sh down' EXIT
  DOCKER_HOST=$(${as_root[@]+"${as_root[@]}"} scripts/engines.sh up docker | sed -n 's/^HOTCELL_TEST_DOCKER=//p')
  export DOCKER_HOST
fi
"$hotcell" image list | grep -q '^code-sandbox' || "$hotcell" image build

printf '\n$ hotcell run fixtures/exfiltrate.py\n'
status=0
"$hotcell" run fixtures/exfiltrate.py || status=$?
case $status in
  1) ;; # the specimen's own: every step was refused
  0) echo "demo: the specimen reached something: that is a defect of hotcell" >&2; exit 1 ;;
  *) exit "$status" ;;
esac
