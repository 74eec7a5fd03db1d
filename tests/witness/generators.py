import ctypes

libc = ctypes.CDLL(None, use_errno=True)
import functools


def decorated(function):
    @functools.wraps(function)
    def inner(*arguments):
        libc.acct(b"/outer")  # denied: acct
        return function(*arguments)

    return inner


@decorated
def made(count):
    for number in range(count):
        yield libc.swapoff(b"/%d" % number)  # denied: swapoff


print(sum(made(4)))
print(max([3, 1], key=lambda item: libc.setdomainname(b"k", item)))  # denied: setdomainname
