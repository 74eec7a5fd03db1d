# The sandbox image with what a hardened one must not have: a shell, and a way to be root.
FROM code-sandbox:latest
USER 0:0
COPY busybox /bin/busybox
COPY busybox /bin/sh
COPY setuid-probe /usr/local/bin/setuid-probe
RUN ["/bin/busybox", "chmod", "4755", "/usr/local/bin/setuid-probe"]
USER 65534:65534
