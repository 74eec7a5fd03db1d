import multiprocessing
import os


def work(number):
    try:
        os.chroot(f"/tmp/{number}")  # denied: chroot
    except OSError as error:
        return error.errno


with multiprocessing.get_context("fork").Pool(2) as pool:  # denied: clone3
    print(pool.map(work, range(6)))
