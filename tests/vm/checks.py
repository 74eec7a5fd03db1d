"""Checks of hotcell in the virtual machine: checks.py ENGINE SCOPE.

ENGINE is `docker`, `podman`, `rootless` (Podman of an ordinary user), `embedded` (of root) or
`embedded-user`.

Each line of output is one check, `ok ...` or `FAILED ...`; the exit status says whether all
held. SCOPE is `full`, or `short` for an engine whose like was tried in full elsewhere.
What a specimen prints and the options that hold it are told in fixtures/.
"""

import concurrent.futures
import contextlib
import glob
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time

ENGINE, SCOPE = sys.argv[1:]
RELEASE = platform.freedesktop_os_release()["VERSION_CODENAME"]
ROOTLESS = ENGINE in ("rootless", "embedded-user")
EMBEDDED = ENGINE.startswith("embedded")
CLIENT = "docker" if ENGINE == "docker" else "podman"
RUN_DIR = f"{os.environ['XDG_RUNTIME_DIR']}/hotcell" if ROOTLESS else "/run/hotcell"
failures = 0


def check(what, held, shown=""):
    global failures
    failures += not held
    print(f"{'ok' if held else 'FAILED'} {RELEASE} {ENGINE}: {what}", *[f"[{shown}]"] * bool(shown), flush=True)


def hotcell(specimen, *options, under=()):
    """Runs a fixture, or a source text, and gives what hotcell told of it; `under` goes before its command."""
    is_file = specimen.endswith(".py")
    command = [*under, "hotcell", "run", "--format", "json", *options]
    command.append(f"fixtures/{specimen}" if is_file else "-")
    if "--timeout" not in options:
        command[-1:-1] = ["--timeout", "60s"]  # emulated machines are slow
    source = None if is_file else specimen
    done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=150)
    try:
        run = json.loads(done.stdout)
    except ValueError:
        run = {}
    if run.get("error") or not run:
        print(f"  {' '.join(command)}: {run.get('error') or done.stderr}", flush=True)
    run["status"] = done.returncode
    run.setdefault("stdout", "")
    run["layers"] = {layer["name"]: layer for layer in run.get("layers", [])}
    run["met"] = [limit["what"] for limit in run.get("limits", [])]
    return run


def reached(run):
    return "REACHED" in run["stdout"]


def force(run, layer):
    return run["layers"].get(layer, {}).get("in_force")


def last_line(run):
    return (run["stdout"].splitlines() or [run.get("error") or run.get("outcome") or "no output"])[-1]


def detail(run, layer):
    return run["layers"].get(layer, {}).get("detail", "not told")


def hardened():
    """The default policy: every layer that the engine can give is read back, every refusal is seen."""
    run = hotcell("exfiltrate.py")
    check("hardened holds the whole story", run["status"] == 1 and not reached(run), last_line(run))
    wanted = [
        "network", "rootfs", "tmpfs", "memory", "cpu", "pids", "caps", "no-new-privs", "seccomp",
        "ulimits", "user", "ipc", "env", "proc-masks", "timeout", "output",
    ]
    for layer in wanted if ROOTLESS else [*wanted, "apparmor"]:
        check(f"{layer} is in force", force(run, layer) is True, detail(run, layer))
    connect = [denial["args"] for denial in run.get("denials", []) if denial["syscall"] == "connect"]
    check("a denial is told with its arguments", any("AF_INET" in str(args) for args in connect), connect)
    for figure in ("memory_peak_bytes", "cpu_ms", "pids_peak"):
        # Linux 6.1 has no pids.peak; then the greatest of the samples is told.
        check(f"{figure} is measured", (run.get(figure) or 0) > 0, run.get(figure))
    check("nothing to warn of", run.get("warnings") == [], run.get("warnings"))


@contextlib.contextmanager
def listener():
    """A listener on this machine's loopback, and network.py with its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def greet():
            with contextlib.suppress(OSError):
                while True:
                    link, _ = server.accept()
                    with link:
                        link.sendall(b"hello")

        threading.Thread(target=greet, daemon=True).start()
        with open("fixtures/network.py") as file:
            lines = file.read().splitlines()
        port = f"PORT = {server.getsockname()[1]}"
        yield "\n".join(port if line.startswith("PORT = ") else line for line in lines)


def pair(layer, specimen, *common, met=None):
    """A specimen that the layer alone stops, and that gets through without it."""
    with concurrent.futures.ThreadPoolExecutor() as at_once:
        on = at_once.submit(hotcell, specimen, *common)
        off = at_once.submit(hotcell, specimen, *common, "--without", layer).result()
        on = on.result()
    held = not reached(on) and force(on, layer) is True
    check(f"{layer} on: the specimen is stopped", held, last_line(on))
    if met:
        check(f"{layer} on: the event is told", met in on["met"], on["met"])
    check(f"{layer} off: it gets through", reached(off), f"{last_line(off)}; {detail(off, layer)}")


def pairs():
    pair("memory", "memory.py", met="OOM kill")
    pair("pids", "pids.py", "--without", "ulimits", "--without", "memory", met="fork refused")
    if ENGINE == "embedded-user":
        pair("cpu", "cpu-burn.py", "--layer", "cpu=0.3", "--timeout", "60s", met="CPU throttled")
        pair("rootfs", "write-etc.py", "--without", "user")
        pair("caps", "caps-chown.py", "--without", "user")
    if not ROOTLESS:
        pair("io", "disk-read.py", "--layer", "io=1m", "--timeout", "60s", met="disk rate reached")
    if SCOPE == "short":
        return
    # An emulated CPU's clocks drift apart: well below the specimen's mark, not just below.
    pair("cpu", "cpu-burn.py", "--layer", "cpu=0.3", "--timeout", "60s", met="CPU throttled")
    pair("rootfs", "write-etc.py", "--without", "user")
    pair("caps", "caps-chown.py", "--without", "user")
    pair("user", "user.py")
    with listener() as specimen:
        pair("network", specimen, "--without", "seccomp", "--language", "python")


OPENER = """
import os, stat
for name, minor in ("null", 3), ("kmsg", 11):
    path = f"/dev/hotcell-{name}"
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, minor))
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        print(name, "opened")
    except OSError as error:
        print(name, error.strerror)
"""


def devices():
    """Root with every capability makes a node of any device, and opens none but those that every container has."""
    off = ("rootfs", "caps", "no-new-privs", "seccomp", "apparmor", "user")
    without = [word for layer in off for word in ("--without", layer)]
    run = hotcell(OPENER, "--language", "python", *without)
    told = run["stdout"].splitlines()
    check("with every capability: null is opened, the kernel's log is not",
          told == ["null opened", "kmsg Operation not permitted"], told or run.get("stderr"))


def deadline():
    run = hotcell("deadline.py", "--timeout", "3s")
    check("the deadline ends it", run["status"] == 124 and run.get("timed_out"), run.get("outcome"))
    check("timeout: the event is told", "deadline" in run["met"], run["met"])


def kernel_log():
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout.splitlines()


def denied_by_apparmor(before, *words):
    """The first line that the kernel logged since, with all the words."""
    wanted = ['apparmor="DENIED"', 'profile="hotcell-python"', *words]
    # A full log forgets its oldest lines; each has its time.
    known = set(before)
    new = (line for line in kernel_log() if line not in known)
    return next((line for line in new if all(word in line for word in wanted)), None)


def own_denials(run):
    return [denial for denial in run.get("denials", []) if denial["layer"] == "apparmor"]


def own_denial(run, syscall, *words):
    """The denial by AppArmor of this call whose evidence has all the words."""
    by_it = [denial for denial in own_denials(run) if denial["syscall"] == syscall]
    return next((denial for denial in by_it if all(word in denial["evidence"] for word in words)), None)


def all_told(run):
    denials = [f"{denial['syscall']} by {denial['layer']}: {denial['evidence']}" for denial in run.get("denials", [])]
    return denials + run.get("failures", [])


def drill():
    """The corpus knows of the layer by hotcell's own evidence, not by the specimen's word."""
    command = ["hotcell", "drill", "--only", "apparmor.py", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    probe = json.loads(done.stdout)["probes"][0] if done.stdout else {}
    by_it = [part for part in probe.get("evidence", []) if part["kind"] == "denial" and part["layer"] == "apparmor"]
    held = probe.get("verdict") == "contained" and probe.get("layer") == "apparmor" and bool(by_it)
    check("the drill: contained by apparmor, which was seen", held, by_it or probe or done.stderr)


def apparmor():
    ours = ("--layer", "apparmor=hotcell-python")
    before = kernel_log()
    on = hotcell("apparmor.py", *ours)
    check("apparmor on: the specimen is stopped", on["status"] == 1, last_line(on))
    check("apparmor on: in force", force(on, "apparmor") is True, detail(on, "apparmor"))
    line = denied_by_apparmor(before, 'name="/etc/passwd"', 'comm="python3"')
    check("apparmor on: the kernel logs the denial", line is not None, line or kernel_log()[-3:])
    denial = own_denial(on, "openat", "AppArmor's record: profile hotcell-python, open, name /etc/passwd, denied r")
    check("apparmor on: the refused open is told as its own", denial is not None, denial or all_told(on))
    off = hotcell("apparmor.py", "--without", "apparmor")
    check("apparmor off: it gets through", reached(off) and not force(off, "apparmor"), last_line(off))
    check("apparmor off: nothing is told as its own", not own_denials(off), all_told(off))
    drill()
    if SCOPE == "short":
        return
    before = kernel_log()
    with listener() as specimen:
        open_network = ("--without", "network", "--without", "seccomp", "--language", "python")
        run = hotcell(specimen, *open_network, *ours)
    check("apparmor alone refuses the network", not reached(run), last_line(run))
    line = denied_by_apparmor(before, 'family="inet"')
    check("apparmor: the kernel logs the refused socket", line is not None, line or kernel_log()[-3:])
    denial = own_denial(run, "socket", "AppArmor's record: profile hotcell-python, create, family inet")
    check("apparmor: the refused socket is told as its own", denial is not None, denial or all_told(run))
    deaf = hotcell("apparmor.py", *ours, under=("setpriv", "--bounding-set=-audit_read"))
    known = [failure["known"] for failure in deaf.get("failures", [])]
    why = any("perhaps AppArmor" in text and "CAP_AUDIT_READ" in text for text in known)
    check("apparmor without CAP_AUDIT_READ: not known, and why", why and not own_denials(deaf), all_told(deaf))
    run = hotcell(FLOOD, "--language", "python", *ours)
    by_it = sum(denial["count"] for denial in own_denials(run))
    unknown = sum(failure["count"] for failure in run.get("failures", []) if "perhaps AppArmor" in failure["known"])
    counted = by_it > 0 and by_it + unknown >= 500
    check("apparmor: each call of a flood is its own, or not known", counted, f"{by_it} and {unknown}")


FLOOD = """
for _ in range(500):
    try:
        open("/etc/passwd")
    except PermissionError:
        pass
"""

KILL_EVERYTHING = """
import os, signal, time
child = os.fork() or time.sleep(60)
os.kill(1, signal.SIGKILL)
os.kill(-1, signal.SIGKILL)
os.waitpid(child, 0)
print("REACHED: killed every process but the first")
"""


def signals():
    """The shim is process 1 of the specimen's own user; profiles have rules for signals too."""
    for profile in ((), ("--layer", "apparmor=hotcell-python")):
        run = hotcell(KILL_EVERYTHING, "--language", "python", *profile)
        told = f"{detail(run, 'apparmor')}: {last_line(run)}"
        check("the shim outlives its specimen's signals", run["status"] == 0 and reached(run), told)


def rootless():
    run = hotcell("userns.py")
    check("userns is in force", force(run, "userns") is True and not reached(run), last_line(run))
    refused = run["layers"].get("apparmor", {})
    told = refused.get("in_force") is not True and bool(refused.get("unavailable"))
    check("what cannot be had is told with its reason", told, refused.get("unavailable") or refused.get("detail"))
    note = run.get("outcomes_note")
    unseen = run.get("outcomes_observable") is False and "root" in (note or "") and not own_denials(run)
    check("what other layers refuse is not seen by an ordinary user, who is told so", unseen, note or all_told(run))


def limits(pid):
    """What the control group of a process says of its limits."""
    with open(f"/proc/{pid}/cgroup") as file:
        group = file.read().strip().removeprefix("0::")

    def read(name):
        with open(f"/sys/fs/cgroup{group}/{name}") as file:
            return file.read().strip()

    return group, [read(name) for name in ("memory.max", "memory.swap.max", "cpu.max", "pids.max")]


def systemd():
    """systemd, which owns the control groups, leaves a cell's limits as they are."""
    command = ["hotcell", "run", "--format", "jsonl", "--timeout", "20s", "fixtures/deadline.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        specimen = next(event["pid"] for event in map(json.loads, process.stdout) if event["event"] == "started")
        group, before = limits(specimen)
        told = f"{group}: {before}"
        check("the limits are the kernel's", before == ["268435456", "0", "50000 100000", "64"], told)
        reload = ["systemctl", *["--user"] * ROOTLESS, "daemon-reload"]
        subprocess.run(reload, check=True)
        unit = ["systemd-run", *["--user"] * ROOTLESS, "--scope", "--quiet", "-p", "CPUQuota=10%", "true"]
        subprocess.run(unit, check=True)
        check("systemd leaves them as they are", limits(specimen) == (group, before), limits(specimen))
        process.send_signal(signal.SIGINT)
        process.communicate()


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def left():
    """Cells, and directories of cells, that are still there."""
    if EMBEDDED:
        manager = ["systemctl", *["--user"] * ROOTLESS]
        units = [*manager, "list-units", "--all", "--plain", "--no-legend", "hotcell-*"]
        scopes = subprocess.run(units, capture_output=True, text=True, check=True).stdout.splitlines()
        groups = glob.glob("/sys/fs/cgroup/hotcell/hotcell-*")
        return scopes + groups + glob.glob(f"{RUN_DIR}/hotcell-*") + glob.glob(f"{RUN_DIR}/embedded/*")
    listed = subprocess.run([CLIENT, "ps", "-aq", "--filter", "label=hotcell.owner"], capture_output=True, text=True, check=True)
    # The shim that all cells share is no cell's.
    return listed.stdout.split() + [name for name in os.listdir(RUN_DIR) if name != "shim"]


def killed():
    """hotcell dies without a word: nothing of its cell may stay."""
    command = ["hotcell", "run", "--format", "jsonl", "--timeout", "60s", "fixtures/deadline.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        started = next((event for event in map(json.loads, process.stdout) if event["event"] == "started"), None)
        specimen = started and started["pid"]
        held = specimen is not None and alive(specimen)
        process.send_signal(signal.SIGKILL)
    since = time.monotonic()
    while time.monotonic() - since < 60 and (alive(specimen) or left()):
        time.sleep(0.2)
    remains = left()
    if remains and not EMBEDDED:
        subprocess.run([CLIENT, "ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Status}}"], check=False)
    check("kill -9 of hotcell leaves nothing", held and not alive(specimen) and not remains, remains)


if ROOTLESS:
    rootless()
if EMBEDDED:
    systemd()
hardened()
pairs()
if SCOPE == "full":
    deadline()
if not ROOTLESS:
    devices()
    apparmor()
if not ROOTLESS and SCOPE == "full":
    signals()
killed()
check("nothing is left behind", not left(), left())
sys.exit(failures > 0)
