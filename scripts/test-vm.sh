#!/usr/bin/env bash
# test-vm.sh VMHOST: runs tests/vm/run.sh in a virtual machine that VMHOST (vmhost.sh)
# boots, building the machine's disk the first time. There /host is this folder.
set -euo pipefail
cd "$(dirname "$0")/.."
vmhost=${1:?"test-vm.sh: no vmhost.sh: set HOTCELL_VMHOST to its path"}
export VMHOST_CACHE=${VMHOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmhost}
export VMHOST_SHARE=$PWD

[[ -f $VMHOST_CACHE/vm/root.img ]] || "$vmhost" build
"$vmhost" run tests/vm/run.sh
