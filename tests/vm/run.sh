#!/usr/bin/env bash
# run.sh SCOPE: in the virtual machine, whose working directory holds `hotcell`, fixtures/,
# hotcell-python (the AppArmor profile) and this folder: starts each engine and runs the
# checks on it. Fails if one does.
set -euo pipefail
scope=$1
failed=0

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

# checks COMMAND...: one engine's.
checks() {
  local since=$SECONDS
  "$@" || failed=1
  echo "# $release: $((SECONDS - since)) s for $*"
}

install -m 755 hotcell /usr/local/bin/
apparmor_parser --replace hotcell-python
mkdir -p /run/podman

echo "# $release: $(docker --version), $(podman --version), Linux $(uname -r)"
# Podman first: it must do without the profile that Docker's start loads.
socket=/run/podman/podman.sock
systemd-run --quiet --unit podman-api podman system service --time 0 "unix://$socket"
until [[ -S $socket ]]; do sleep .2; done
HOTCELL_ENGINE=unix://$socket checks python3 tests/vm/checks.py podman "$scope"
systemctl stop podman-api

checks as-user tests/vm/rootless.sh

systemctl start docker
HOTCELL_ENGINE=unix:///run/docker.sock checks python3 tests/vm/checks.py docker "$scope"

# The engine that hotcell brings along last: it wants the AppArmor profile that Docker loads.
HOTCELL_ENGINE=embedded checks python3 tests/vm/checks.py embedded "$scope"
checks as-user env HOTCELL_ENGINE=embedded python3 tests/vm/checks.py embedded-user short
exit "$failed"
