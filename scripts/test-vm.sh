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
# Every check on the older engines, a short round on the newer.
declare -A scope=([bookworm]=full [trixie]=short)

share=$(mktemp -d)
machines=()
finish() {
  ((${#machines[@]} == 0)) || kill "${machines[@]}" 2>/dev/null || :
  wait
  rm -rf -- "$share"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The guests see a copy: nothing that happens there touches this folder.
cargo build --release
mkdir "$share/tests"
cp "${CARGO_TARGET_DIR:-target}/release/hotcell" profiles/apparmor/hotcell-python "$share/"
cp -r fixtures "$share/"
cp -r tests/vm "$share/tests/"
chmod -R go+rX "$share"
# Two machines emulated beside each other took 600 s, the default limit.
export VMHOST_SHARE=$share VMHOST_MEM=2048 VMHOST_TIMEOUT=1800

# The disk of SUITE, with an image in its engines. It is made anew when its recipe changes.
prepare() {
  local recipe
  recipe=$(cat "$vmhost" tests/vm/prepare.sh | sha256sum)
  export VMHOST_SUITE=$1 VMHOST_CACHE=$cache/$1
  [[ $(cat "$VMHOST_CACHE/recipe" 2>/dev/null) != "$recipe" ]] || return 0
  rm -f "$VMHOST_CACHE/recipe"
  "$vmhost" build
  VMHOST_PERSIST=1 "$vmhost" run tests/vm/prepare.sh
  echo "$recipe" >"$VMHOST_CACHE/recipe"
}

for suite; do prepare "$suite"; done
for suite; do
  VMHOST_CACHE=$cache/$suite "$vmhost" run tests/vm/run.sh "${scope[$suite]:-full}" &
  machines+=($!)
done
failed=0
for machine in "${machines[@]}"; do wait "$machine" || failed=1; done
machines=()
((failed == 0)) || { echo "test-vm: a check FAILED, see above" >&2; exit 1; }
