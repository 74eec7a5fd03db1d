#!/usr/bin/env bash
# engines.sh up [docker|podman]... | down | purge
#
# Starts private engines for the tests and stops exactly those. The machine's own
# engines, their settings, images and containers are not touched: these have sockets,
# stores, a containerd namespace and a bridge of their own.
#
#   up      start what is named (default: both) and not yet running; print, and keep
#           in /run/hotcell-test/env, HOTCELL_TEST_DOCKER=... HOTCELL_TEST_PODMAN=...
#   down    remove their containers and stop them; images stay for the next time
#   purge   down, and remove the stores too
#
# Docker has gVisor registered as runtime `runsc` where it is installed. Podman
# without root is not here but in the virtual machine (make test-vm): it can set no
# limits on hosts without cgroup v2 delegation, and needs a login session.
set -euo pipefail

run=/run/hotcell-test
store=/var/lib/hotcell-test
docker_address=unix://$run/docker.sock
podman_address=unix://$run/podman.sock
bridge=hotcell-test
bridge_address=10.213.71.1/24

say() { echo "engines: $*" >&2; }
die() { say "$*"; exit 1; }

# A process is ours only while its start time is what was written beside its id.
start_time() { [[ -r /proc/$1/stat ]] && sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; }

alive() {
  local pid started
  [[ -f $run/$1.pid ]] || return 1
  read -r pid started <"$run/$1.pid"
  [[ $(start_time "$pid") == "$started" ]]
}

# launch NAME COMMAND...: in the background, in a session of its own.
launch() {
  local name=$1 pid
  shift
  (cd "$run" && exec setsid "$@") >"$run/$name.log" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(start_time "$pid")" >"$run/$name.pid"
}

# await NAME PROBE...: until the engine answers, dies, or 20 s have passed.
await() {
  local name=$1 i
  shift
  for ((i = 0; i < 200; i++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    alive "$name" || break
    sleep .1
  done
  tail -n 15 "$run/$name.log" >&2
  die "$name did not start; its last lines are above"
}

stop() {
  local name=$1 pid i
  if alive "$name"; then
    read -r pid _ <"$run/$name.pid"
    kill "$pid"
    for ((i = 0; i < 150; i++)); do alive "$name" || break; sleep .1; done
    ! alive "$name" || { say "$name ignores SIGTERM; killing it"; kill -9 "$pid"; }
  fi
  rm -f "$run/$name.pid"
}

# ---------------------------------------------------------------- docker ----

private_docker() { DOCKER_CONTEXT='' docker -H "$docker_address" "$@"; }

# A bridge that reaches this machine and nothing beyond: no masquerading, no rules.
make_bridge() {
  [[ ! -e /sys/class/net/$bridge ]] || return 0
  ip link add name "$bridge" type bridge && ip addr add "$bridge_address" dev "$bridge" &&
    ip link set "$bridge" up
}

docker_config() {
  local driver runsc='' network=none
  driver=$(docker -H unix:///var/run/docker.sock info -f '{{.Driver}}' 2>/dev/null || :)
  if command -v runsc >/dev/null; then
    # ptrace works without KVM; network none because this host may refuse gVisor's.
    runsc="\"runsc\": {\"path\": \"$(command -v runsc)\", \"runtimeArgs\": [\"--platform=ptrace\", \"--network=none\", \"--oci-seccomp\"]}"
  else
    say "runsc is not installed: tests of gVisor cannot run"
  fi
  if make_bridge 2>"$run/bridge.log"; then
    network=$bridge
  else
    say "no network bridge: $(tail -n 1 "$run/bridge.log")"
  fi
  cat <<JSON
{
  "hosts": ["$docker_address"], "pidfile": "$run/dockerd-own.pid",
  "data-root": "$store/docker", "exec-root": "$run/docker",
  "bridge": "$network", "iptables": false, "ip6tables": false,
  ${driver:+"\"storage-driver\": \"$driver\","}
  "runtimes": {$runsc}
}
JSON
}

up_docker() {
  if ! alive dockerd; then
    command -v dockerd >/dev/null || die "dockerd is not installed: run scripts/setup.sh test"
    command -v docker >/dev/null || die "the docker client is not installed: run scripts/setup.sh test"
    docker_config >"$run/daemon.json"
    # Namespaces of its own: a containerd of the machine's may be shared.
    launch dockerd dockerd --config-file "$run/daemon.json" \
      --containerd-namespace hotcell-test --containerd-plugins-namespace hotcell-test-plugins
  fi
  await dockerd private_docker info
}

down_docker() {
  local cells=()
  if alive dockerd; then
    mapfile -t cells < <(private_docker ps -aq)
    ((${#cells[@]} == 0)) || private_docker rm -f "${cells[@]}" >/dev/null || say "docker kept a container"
  fi
  stop dockerd
  [[ ! -e /sys/class/net/$bridge ]] || ip link delete "$bridge"
}

# ---------------------------------------------------------------- podman ----

private_podman() { podman --url "$podman_address" "$@"; }

# limit ULIMIT-OPTION MOST: this shell's hard limit, at most MOST.
limit() {
  local hard
  hard=$(ulimit "-H$1")
  if [[ $hard == unlimited ]] || ((hard > $2)); then echo "$2"; else echo "$hard"; fi
}

podman_config() {
  local files processes
  # Podman asks for 1048576 of both unless told, which fails under lower hard limits;
  # its service was seen to lower its own number of processes to 32768.
  files=$(limit n 1048576) processes=$(limit u 32768)
  echo '[containers]'
  echo "default_ulimits = [\"nofile=$files:$files\", \"nproc=$processes:$processes\"]"
  echo '[engine]'
  echo 'cgroup_manager = "cgroupfs"'
  echo 'events_logger = "file"'
  # crun refuses hosts with both control-group versions mounted.
  [[ -e /sys/fs/cgroup/cgroup.controllers ]] || echo 'runtime = "runc"'
}

up_podman() {
  if ! alive podman; then
    command -v podman >/dev/null || die "podman is not installed: run scripts/setup.sh test"
    podman_config >"$run/containers.conf"
    CONTAINERS_CONF=$run/containers.conf launch podman podman \
      --root "$store/podman" --runroot "$run/podman" --tmpdir "$run/podman-tmp" \
      system service --time 0 "$podman_address"
  fi
  await podman private_podman info
}

down_podman() {
  ! alive podman || private_podman rm --all --force --time 0 >/dev/null
  stop podman
  rm -f "$run/podman.sock"
  # Podman binds its store onto itself and leaves that behind.
  ! mountpoint -q "$store/podman/overlay" || umount "$store/podman/overlay"
}

# ------------------------------------------------------------------ main ----

((EUID == 0)) || die "engines are started as root: use sudo"
case ${1:-} in
  up)
    shift
    (($#)) || set -- docker podman
    mkdir -p "$run" "$store"
    for engine; do
      case $engine in
        docker) up_docker ;;
        podman) up_podman ;;
        *) die "no engine $engine: docker or podman" ;;
      esac
    done
    : >"$run/env"
    ! alive dockerd || echo "HOTCELL_TEST_DOCKER=$docker_address" >>"$run/env"
    ! alive podman || echo "HOTCELL_TEST_PODMAN=$podman_address" >>"$run/env"
    cat "$run/env"
    ;;
  down | purge)
    down_podman
    down_docker
    rm -f "$run/env"
    [[ $1 == down ]] || rm -rf "$store" "$run"
    ;;
  *)
    sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
