import ctypes

libc = ctypes.CDLL(None, use_errno=True)
import threading


def work(number):
    libc.sethostname(b"thread", number)  # denied: sethostname


threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()  # denied: clone3
for thread in threads:
    thread.join()
