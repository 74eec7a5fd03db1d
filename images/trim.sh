#!/bin/sh
# trim.sh ROOT: turn an unpacked Debian root with Python into the sandbox image's
# root: Python, the libraries it loads, certificates, time zones. Nothing else to
# execute: no shell, no package manager, no tool.
#
# Runs outside ROOT, as its owner: as mmdebstrap's extract hook (packages were
# only unpacked, so what their scripts would have set up is set up here) and in
# the build stage of sandbox.Dockerfile.
set -eu
root=${1:?usage: trim.sh ROOT}
[ "$root" != / ] || { echo "trim.sh: refuses to trim /" >&2; exit 1; }
cd "$root"

# Removes every entry of a directory whose name matches none of the patterns.
keep_only() {
  dir=$1; shift
  [ -d "$dir" ] && [ ! -L "$dir" ] || return 0
  for pattern; do set -- "$@" ! -name "$pattern"; shift; done
  find "$dir" -mindepth 1 -maxdepth 1 "$@" -exec rm -rf {} +
}

# What the packages' own scripts would have done: BLAS and LAPACK behind their
# common names, one file of all trusted certificates.
for lib in usr/lib/*-linux-gnu*/blas/*.so.* usr/lib/*-linux-gnu*/lapack/*.so.*; do
  [ ! -e "$lib" ] || mv "$lib" "${lib%/*/*}/"
done
bundle=etc/ssl/certs/ca-certificates.crt
if [ ! -s $bundle ] && [ -d usr/share/ca-certificates ]; then
  mkdir -p "${bundle%/*}"
  find usr/share/ca-certificates -name '*.crt' | LC_ALL=C sort | xargs cat >$bundle
fi

# dev, proc and sys are mounted while mmdebstrap runs this.
keep_only . usr bin sbin lib 'lib[0-9x]*' etc dev proc sys
for dir in bin sbin usr/bin usr/sbin usr/local/bin usr/local/sbin; do
  keep_only "$dir" 'python3' 'python3.[0-9]*'
done
find usr/bin usr/local/bin -name '*-config' -exec rm -f {} + 2>/dev/null || :
keep_only etc ssl alternatives ld.so.conf ld.so.conf.d ld.so.cache mime.types
keep_only etc/ssl certs openssl.cnf
keep_only etc/ssl/certs ca-certificates.crt
keep_only usr bin lib 'lib[0-9x]*' local share
keep_only usr/local bin lib
keep_only usr/share zoneinfo
keep_only lib '*-linux-gnu*' 'ld-linux*'
keep_only usr/lib '*-linux-gnu*' 'ld-linux*' 'python3*' ssl
keep_only usr/local/lib 'python3*' 'libpython3*'
rm -rf usr/share/zoneinfo/right usr/share/zoneinfo/posix
for dir in usr/lib/*-linux-gnu* lib/*-linux-gnu*; do
  rm -rf "$dir"/gconv "$dir"/perl* "$dir"/blas "$dir"/lapack "$dir"/audit "$dir"/security \
    "$dir"/libperl.so* "$dir"/libapt-* "$dir"/sasl2 "$dir"/systemd
done

# Debian's numpy ships its core twice; the interpreter's own folder is not the one used.
[ ! -d usr/lib/python3/dist-packages/numpy ] || rm -rf usr/lib/python3.*/dist-packages

# Python: no tests, no installers, no desktop, no headers and static libraries.
for lib in usr/lib/python3* usr/local/lib/python3*; do
  [ -d "$lib" ] || continue
  rm -rf "$lib"/test "$lib"/idlelib "$lib"/turtledemo "$lib"/turtle.py "$lib"/tkinter \
    "$lib"/lib2to3 "$lib"/ensurepip "$lib"/pydoc_data "$lib"/config-3* \
    "$lib"/*-packages/pip "$lib"/*-packages/pip-* "$lib"/*-packages/setuptools* \
    "$lib"/*-packages/numpy/f2py
  find "$lib" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
  find "$lib" -type f \( -name '*.a' -o -name '*.h' -o -name '*.hpp' -o -name '*.pxd' \
    -o -name '*.pyx' -o -name '*.pyi' -o -name '*.c' -o -name '*.f90' \) -exec rm -f {} +
done

mkdir -p -m 755 proc sys dev run etc sandbox
mkdir -p tmp && chmod 1777 tmp
printf 'root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n' >etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >etc/nsswitch.conf
for name in hosts hostname resolv.conf; do : >"etc/$name"; done

python=
for found in usr/bin/python3 usr/local/bin/python3; do
  [ ! -e "$found" ] || { python=/$found; ln -sf python3 "${found%3}"; }
done
[ -n "$python" ] || { echo "trim.sh: no python3 in $root" >&2; exit 1; }

# compileall's workers share a semaphore there; mmdebstrap mounts one.
[ -d dev/shm ] || mkdir -m 1777 dev/shm

# Byte code for everything: a read-only root can never write it. Unchecked, so that
# an import does not look at the source's time either.
chroot . "$python" -m compileall -q -j0 --invalidation-mode unchecked-hash \
  -x 'bad_coding|badsyntax|lib2to3' /usr/lib /usr/local/lib >/dev/null ||
  { echo "trim.sh: byte-compiling failed" >&2; exit 1; }

# The proof: what was asked for works, as the user who will run it.
chroot --userspec=65534:65534 . "$python" -c 'import numpy, pandas, requests, ssl, sqlite3, zoneinfo'
