for n in 1 2 3 4; do (swapoff /tmp/$n; true) & done
wait
ln -s /etc/passwd /tmp/link
setpriv --reuid 0 true
dmesg | head -n 1
