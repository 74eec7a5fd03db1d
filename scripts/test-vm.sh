#!/usr/bin/env bash
# test-vm.sh VMHOST [SUITE]...: runs tests/vm in virtual machines of Debian releases
# (default: bookworm and trixie) that VMHOST (vmhost.sh) boots, for what this machine's
# kernel and engines may lack. A machine's disk is built the first time and kept in
# VMHOST_CACHE (default ~/.cache/hotcell/vm), a folder a release.
set -euo pipefail
cd "$(dirname "$0")/.."
vmhost=${1:?"test-vm.sh: no vmhost.sh: set HOTCELL_VMHOST to its path"}
shift
(($# > 0)) || set -- bookworm trixie
cache=${VMHOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hotcell/vm}

# The guest sees a copy: nothing that happens there touches this folder.
share=$(mktemp -d)
trap 'rm -rf -- "$share"' EXIT
cargo build --release
mkdir "$share/tests"
cp "${CARGO_TARGET_DIR:-target}/release/hotcell" profiles/apparmor/hotcell-python "$share/"
cp -r fixtures "$share/"
cp -r tests/vm "$share/tests/"
chmod -R go+rX "$share"
export VMHOST_SHARE=$share

# The disk of SUITE, with the image in its engines. It is made anew when its recipe changes.
prepare() {
  local recipe
  recipe=$(cat "$vmhost" tests/vm/prepare.sh | sha256sum)
  [[ $(cat "$VMHOST_CACHE/recipe" 2>/dev/null) != "$recipe" ]] || return 0
  rm -f "$VMHOST_CACHE/recipe"
  VMHOST_SUITE=$1 "$vmhost" build
  VMHOST_PERSIST=1 "$vmhost" run tests/vm/prepare.sh
  echo "$recipe" >"$VMHOST_CACHE/recipe"
}

failed=0
# Every check where the engines are old, the short round where they are new.
declare -A scope=([bookworm]=full [trixie]=short)
for suite; do
  export VMHOST_CACHE=$cache/$suite
  prepare "$suite"
  echo "# $suite"
  "$vmhost" run tests/vm/run.sh "${scope[$suite]:-full}" || failed=1
done
exit "$failed"
