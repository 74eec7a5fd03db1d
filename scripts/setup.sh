#!/usr/bin/env bash
# setup.sh demo|test: installs, by Debian's apt, what is missing.
#
#   demo   to build hotcell and run a specimen: a compiler, libseccomp, Python
#   test   demo, every engine and tool that the tests use, and an ordinary user for them
#
# Says loudly what cannot be had and why; does nothing, quickly, where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PATH:/usr/sbin:/sbin:${CARGO_HOME:-$HOME/.cargo}/bin

say() { echo "setup: $*" >&2; }
loud() { printf 'setup: ==> %s\n' "$*" >&2; }

# PACKAGE PROBE...: a package is missing where its probe (a command name, or a path or
# pattern) finds nothing. Debian's name stands first; a program may come from elsewhere.
demo_packages=(
  'gcc gcc' 'libc6-dev /usr/lib/*/libc.a' 'make make' 'pkg-config pkg-config'
  'libseccomp-dev /usr/include/seccomp.h' 'mmdebstrap mmdebstrap' 'ca-certificates /etc/ssl/certs/ca-certificates.crt'
  'python3 /usr/bin/python3'
)
test_packages=(
  'docker.io dockerd' 'docker-cli docker' 'podman podman' 'runc runc' 'crun crun' 'uidmap newuidmap'
  'busybox-static busybox' 'strace strace' 'tmux tmux' 'bubblewrap bwrap' 'hyperfine hyperfine'
  'shellcheck shellcheck' 'iproute2 ip' 'util-linux setsid' 'procps ps' 'e2fsprogs mke2fs'
)
# gVisor is not packaged for every architecture; its tests say so when they cannot run.
# crun is a runtime of the embedded engine too, but refuses hosts with hybrid control groups.
optional_packages=('runsc runsc')

present() {
  local probe=$1
  case $probe in
    /*) compgen -G "$probe" >/dev/null ;;
    *) command -v "$probe" >/dev/null ;;
  esac
}

# missing 'PACKAGE PROBE'...: prints the packages whose probe finds nothing.
missing() {
  local row
  for row; do present "${row#* }" || echo "${row%% *}"; done
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    loud "root is needed to install packages, and sudo is not here: run this as root"
    exit 1
  fi
}

# Installs what is named and can be had; the rest is left to the check that follows.
install() {
  local package wanted=()
  say "installing $*"
  as_root apt-get update -qq
  for package; do
    [[ -z $(apt-cache madison "$package" 2>/dev/null) ]] || wanted+=("$package")
  done
  ((${#wanted[@]} == 0)) ||
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"
}

rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

rust_ready() {
  local have
  have=$(cargo --version 2>/dev/null | cut -d' ' -f2) || return 1
  [[ -n $have && $(printf '%s\n' "$rust_needed" "$have" | sort -V | head -n 1) == "$rust_needed" ]]
}

check_rust() {
  rust_ready || {
    loud "Rust $rust_needed or newer is needed, found: $(cargo --version 2>/dev/null || echo none)"
    loud "Debian's cargo is too old; get rustup: curl --proto '=https' -sSf https://sh.rustup.rs | sh"
    loud "(or, where rustup is there already: rustup update stable)"
    return 1
  }
  [[ $1 == test ]] || return 0
  { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 || {
    loud "rustfmt and clippy are needed for the tests: rustup component add rustfmt clippy"
    return 1
  }
}

# tests/rootless.rs runs hotcell as an ordinary user to whom ids are set aside, above those of all others.
readonly test_user=hotcell-test test_ids=2000000000-2000065535

test_user_ready() {
  id "$test_user" && grep -q "^$test_user:" /etc/subuid && grep -q "^$test_user:" /etc/subgid
} >/dev/null 2>&1

make_test_user() {
  say "making the user $test_user, with ids $test_ids"
  id "$test_user" >/dev/null 2>&1 || as_root useradd --system --no-create-home --shell /usr/sbin/nologin "$test_user"
  test_user_ready || as_root usermod --add-subuids "$test_ids" --add-subgids "$test_ids" "$test_user"
}

mode=${1:-}
case $mode in
  demo)
    needed=("${demo_packages[@]}") optional=()
    ;;
  test) needed=("${demo_packages[@]}" "${test_packages[@]}") optional=("${optional_packages[@]}") ;;
  *)
    sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac

mapfile -t lacking < <(missing "${needed[@]}" ${optional[@]+"${optional[@]}"})
if ((${#lacking[@]} > 0)); then
  command -v apt-get >/dev/null || {
    loud "this is not a Debian machine; install what these Debian packages hold: ${lacking[*]}"
    check_rust "$mode" || :
    exit 1
  }
  install "${lacking[@]}" || loud "apt-get failed; its message is above"
fi

failed=0
for package in $(missing "${needed[@]}"); do
  loud "cannot have $package: apt has no such package here, or could not install it; hotcell needs it"
  failed=1
done
for package in $(missing ${optional[@]+"${optional[@]}"}); do
  loud "cannot have $package: apt has no such package here; the tests that need it will say that they did not run"
done
[[ $mode != test ]] || test_user_ready || make_test_user || {
  loud "the user $test_user, as whom the tests run hotcell without root, could not be made; see above"
  failed=1
}
check_rust "$mode" || failed=1
exit "$failed"
