for n in 1 2 3; do
  echo "$n" | sed s/^/n/ | sort -r | tail -n 1
done
unshare -r true
nice -n 5 true
mknod /tmp/null c 1 3
mkfifo /tmp/fifo
