import hashlib
import json
import os
import tempfile

with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "data.json")
    with open(path, "w") as file:
        json.dump({"digest": hashlib.sha256(b"hot").hexdigest()}, file)
    print(open(path).read())
try:
    open("/etc/shadow").read()
except OSError as error:
    print("refused, but not by the filter:", error)
try:
    os.kill(1, 9)
except OSError as error:
    print("refused, but not by the filter:", error)
