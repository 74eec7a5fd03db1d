#!/usr/bin/env bash
# demo.sh: builds hotcell and runs a hostile specimen in front of the reader: on the engine
# that answers, whose sandbox image is made where it is missing, else on the embedded one.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh demo
cargo build --release
hotcell=target/release/hotcell

# The embedded engine's own image is `host`, and always there.
"$hotcell" image list | grep -Eq '^(code-sandbox|host)' || "$hotcell" image build

printf '\n$ hotcell run fixtures/exfiltrate.py\n'
status=0
"$hotcell" run fixtures/exfiltrate.py || status=$?
case $status in
  1) ;; # the specimen's own: every step was refused
  0) echo "demo: the specimen reached something: that is a defect of hotcell" >&2; exit 1 ;;
  *) exit "$status" ;;
esac
