# Another language's interpreter, where the root has one.
command -v perl >/dev/null || exit 0
perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); connect(S, pack_sockaddr_in(25, inet_aton("192.0.2.25"))); chroot "/tmp"; $> = 0;'
exit 0
