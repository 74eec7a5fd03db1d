#!/usr/bin/env bash
# build.sh [HOTCELL]: the images the tests use, in the engines that scripts/engines.sh
# has started; HOTCELL is the program (default target/debug/hotcell).
#
#   code-sandbox    what `hotcell image build` makes
#   hotcell-probe   code-sandbox with busybox (as sh too) and a setuid-root program
#   hotcell-empty   /sandbox and /tmp, no libc, no program
#
# An engine that has all three is left alone; HOTCELL_TEST_REBUILD=1 makes them again.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# Before the change of folder: it may be named from the caller's.
hotcell=$(realpath "${1:-$here/../../target/debug/hotcell}")
cd "$here"
images=(code-sandbox hotcell-probe hotcell-empty)

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

docker_engine() { DOCKER_CONTEXT='' docker -H "$HOTCELL_TEST_DOCKER" "$@"; }
podman_engine() { podman --url "$HOTCELL_TEST_PODMAN" "$@"; }

complete() {
  local image
  [[ ${HOTCELL_TEST_REBUILD:-} != 1 ]] || return 1
  for image in "${images[@]}"; do "$1" image inspect "$image" >/dev/null 2>&1 || return 1; done
}

build_all() {
  mkdir -p "$work/probe" "$work/empty/sandbox" "$work/empty/tmp"
  "$hotcell" image build --engine "$HOTCELL_TEST_DOCKER"
  gcc -static -Os -o "$work/probe/setuid-probe" setuid-probe.c
  cp "$(command -v busybox)" probe.Dockerfile "$work/probe/"
  DOCKER_BUILDKIT=0 docker_engine build --quiet --tag hotcell-probe --file "$work/probe/probe.Dockerfile" "$work/probe"
  chmod 1777 "$work/empty/tmp"
  tar -C "$work/empty" --owner=0 --group=0 -c sandbox tmp |
    docker_engine import -c 'USER 65534:65534' -c 'WORKDIR /sandbox' - hotcell-empty
}

[[ -n ${HOTCELL_TEST_DOCKER:-} ]] || { echo "build.sh: HOTCELL_TEST_DOCKER is not set: run scripts/engines.sh up" >&2; exit 1; }
complete docker_engine || build_all
if [[ -n ${HOTCELL_TEST_PODMAN:-} ]] && ! complete podman_engine; then
  docker_engine save --output "$work/images.tar" "${images[@]}"
  podman_engine load --quiet --input "$work/images.tar"
fi
