#!/usr/bin/env bash
# prepare.sh: makes the image `code-sandbox` of the virtual machine's own Python, without a
# network, and gives it to each of its engines. Run with VMHOST_PERSIST=1, once a machine.
set -euo pipefail

root=$(mktemp -d)
trap 'rm -rf -- "$root"' EXIT
python=$(realpath "$(command -v python3)")
stdlib=/usr/lib/${python##*/}

# A small one: importing an image is slow in an emulated machine.
mkdir -p "$root"/{etc,proc,sys,dev,run,tmp,sandbox,var/tmp,usr/bin,usr/lib,usr/lib64}
chmod 1777 "$root"/tmp "$root"/var/tmp
for name in bin lib lib64; do ln -s "usr/$name" "$root/$name"; done
cp "$python" "$root/usr/bin/"
ln -s "${python##*/}" "$root/usr/bin/python3"
tar -C / -c --exclude={test,idlelib,lib2to3,tkinter,ensurepip,pydoc_data,dist-packages} --exclude='config-*' \
  "${stdlib#/}" | tar -C "$root" -x
find "$root$stdlib" -name '*.so' -exec ldd "$python" {} + |
  awk '$2 == "=>" { print $3 } $1 ~ "^/lib64/" { print $1 }' | sort -u |
  while read -r library; do
    mkdir -p "$root/usr${library%/*}"
    cp -L "$library" "$root/usr$library"
  done
printf 'root:x:0:0::/:/none\nnobody:x:65534:65534::/:/none\n' >"$root/etc/passwd"
install -m 640 /dev/null "$root/etc/shadow"
chmod 755 "$root"

archive=/var/tmp/code-sandbox.tar
tar -C "$root" --numeric-owner --owner=0 --group=0 -cf "$archive" .
set -x
docker import -c 'USER 65534:65534' "$archive" code-sandbox
podman import --quiet -c 'USER 65534:65534' "$archive" code-sandbox
loginctl enable-linger user
as-user podman import --quiet -c 'USER 65534:65534' "$archive" code-sandbox
systemctl stop docker.service docker.socket containerd.service
rm "$archive"
