#!/usr/bin/env bash
# picture.sh: draws docs/workbench.svg and docs/workbench-80x24.svg, each from the screen
# of a workbench in which a hostile specimen has just run.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "picture: $*" >&2; exit 1; }

if [[ -z ${HOTCELL_TEST_DOCKER:-} ]]; then
  scripts/setup.sh test
  exec scripts/with-engines.sh scripts/picture.sh
fi

cargo build --release
hotcell=target/release/hotcell specimen=fixtures/exfiltrate.py
list() { "$hotcell" image list --engine "$HOTCELL_TEST_DOCKER"; }
[[ $(list) == *code-sandbox* ]] || "$hotcell" image build --engine "$HOTCELL_TEST_DOCKER"

# Short: the path of a cell's socket has to fit into an address.
home=$(mktemp -d /var/tmp/picture.XXXXXX)
workbench=

private_tmux() { TMUX_TMPDIR=$home tmux -u -L hotcell-picture -f /dev/null "$@"; }

# until_true SECONDS COMMAND...: whether it succeeds before the time is over.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep .1
  done
}

# tmux 3.3 at times leaves its dead children unburied.
gone() { [[ $(ps -o stat= -p "$workbench") == @(|Z*) ]]; }

clean_up() {
  private_tmux kill-server 2>/dev/null || :
  # It removes its cells before it ends.
  [[ -z $workbench ]] || until_true 15 gone || echo "picture: the workbench, process $workbench, does not end" >&2
  rm -rf -- "$home"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

screen() { private_tmux capture-pane -p "$@"; }
shows() { [[ $(screen) == *"$1"* ]]; }
shows_or_gone() { shows "$1" || gone; }

wait_for() {
  until_true 60 shows_or_gone "$1" || :
  shows "$1" || { screen >&2; die "the screen, above, did not come to show $1 (time limit: 60 s)"; }
}

press() {
  private_tmux send-keys "$@"
  sleep .5
}

# open_workbench COLUMNS ROWS: in an environment of its own, that the picture shows nobody's settings.
open_workbench() {
  private_tmux start-server \; set -g status off \; set -g remain-on-exit on \; \
    set -g default-terminal tmux-256color \; set -as terminal-features ',*:RGB' \; \
    new-session -d -x "$1" -y "$2" \
    env -i PATH="$PATH" LANG=C.UTF-8 HOME="$home" XDG_RUNTIME_DIR="$home" TERM=tmux-256color COLORTERM=truecolor \
    "$hotcell" --engine "$HOTCELL_TEST_DOCKER" "$specimen"
  workbench=$(private_tmux display -p '#{pane_pid}')
}

close_workbench() {
  press q
  until_true 15 gone || die "the workbench did not leave within 15 s of q"
  private_tmux kill-server
  workbench=
}

# picture COLUMNS ROWS FILE
picture() {
  open_workbench "$1" "$2"
  wait_for READY
  press r
  wait_for ENDED
  # A narrow screen has no room for it.
  (($1 < 120)) || wait_for 'next cell ready'
  press 3
  press g
  screen -e -N | python3 scripts/ansi-to-svg.py "hotcell $specimen" >"$home/picture.svg"
  close_workbench
  cp -- "$home/picture.svg" "$3"
  echo "picture: $3"
}

picture 160 45 docs/workbench.svg
picture 80 24 docs/workbench-80x24.svg
