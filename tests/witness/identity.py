import os

for call, arguments in (
    (os.setuid, (0,)),
    (os.setgid, (0,)),
    (os.setresuid, (0, 0, 0)),
    (os.setreuid, (65534, 0)),
    (os.setgroups, ([0, 4, 27],)),
):
    try:
        call(*arguments)  # denied: setuid setgid setresuid setreuid setgroups
    except OSError:
        pass
