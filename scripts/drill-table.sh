#!/usr/bin/env bash
# drill-table.sh [HOTCELL]: writes the README's table of which layer held each probe, by a drill of this machine on
# each engine. Run it by scripts/with-engines.sh; HOTCELL is the program (default target/debug/hotcell).
set -euo pipefail
cd "$(dirname "$0")/.."
hotcell=$(realpath "${1:-target/debug/hotcell}")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

[[ -n ${HOTCELL_TEST_DOCKER:-} ]] || { echo "drill-table: HOTCELL_TEST_DOCKER is not set: run scripts/with-engines.sh $0" >&2; exit 1; }

# drill NAME OPTION...: a probe that is not contained is told by the table.
drill() {
  local name=$1 status=0
  shift
  "$hotcell" drill --format json "$@" >"$work/$name.json" || status=$?
  ((status <= 1)) || { echo "drill-table: the drill of $name ended with $status" >&2; exit 1; }
}

drill docker-runc --engine "$HOTCELL_TEST_DOCKER" --image hotcell-probe
drill docker-runsc --engine "$HOTCELL_TEST_DOCKER" --image hotcell-probe --layer runtime=runsc
drill podman --engine "$HOTCELL_TEST_PODMAN" --image hotcell-probe
drill embedded --engine embedded

python3 - "$work" README.md <<'PYTHON'
import json
import sys

work, readme = sys.argv[1:]
reports = {name: json.load(open(f"{work}/{name}.json")) for name in ("docker-runc", "docker-runsc", "podman", "embedded")}
columns = [{probe["name"]: probe for probe in report["probes"]} for report in reports.values()]
reasons = []


def cell(probe):
    if probe["verdict"] == "contained":
        held = {"seen": "{}", "header": "({})", "unknown": "held by ?"}.get(probe["rests_on"], "–")
        return held.format(probe["layer"])
    if probe["verdict"] == "not contained":
        return "**NOT CONTAINED**"
    if probe["reason"] not in reasons:
        reasons.append(probe["reason"])
    return f"not tested [{reasons.index(probe['reason']) + 1}]"


def place(report):
    return f"{report['engine']['kind']} {report['engine']['version']}, {report['runtime']}"


def row(cells):
    return "| " + " | ".join(cells) + " |"


lines = [row(["probe"] + [place(report) for report in reports.values()]), row(["---"] * 5)]
lines += [row([f"`{name}`"] + [cell(column[name]) for column in columns]) for name in columns[0]]
total = lambda key: [f"**{report[key]}**" for report in reports.values()]
lines += [row(["contained"] + total("contained")), row(["with evidence of hotcell's own"] + total("contained_seen"))]
lines += [row(["not contained"] + total("not_contained")), row(["not tested"] + total("not_tested")), ""]
lines += [f"[{number}] {reason}  " for number, reason in enumerate(reasons, 1)]

begin, end = "<!-- scripts/drill-table.sh -->", "<!-- end -->"
text = open(readme).read()
before, rest = text.split(begin)
after = rest.split(end)[1]
open(readme, "w").write(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}")
PYTHON
