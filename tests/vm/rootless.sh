#!/usr/bin/env bash
# rootless.sh: the checks on Podman without root, in the user's login session.
set -euo pipefail
systemctl --user start podman.socket
HOTCELL_ENGINE=unix://$XDG_RUNTIME_DIR/podman/podman.sock exec python3 tests/vm/checks.py rootless short
