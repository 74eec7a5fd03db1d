import subprocess
import sys

# That program is Python too, and its lines are not the specimen's.
# denied elsewhere: acct
code = "import ctypes; ctypes.CDLL(None).acct(b'/tmp/%d')"
for number in range(2):
    subprocess.run([sys.executable, "-c", code % number], check=False)
subprocess.run(["/bin/sh", "-c", "exec 2>/dev/null; exit 3"], check=False)
