# An ordinary script, and one call that is not.
mkdir /tmp/a && echo one > /tmp/a/b && cat /tmp/a/b
cd /tmp && ls -l > listing
chroot /tmp /bin/true
mount -t tmpfs none /tmp
hostname other
exit 0
