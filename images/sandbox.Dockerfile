# The sandbox image from a registry's Python. What runs untrusted code is assembled
# in a stage of its own and copied onto nothing: no shell, no curl, no wget, no
# package manager is left that could be removed badly.
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir --root-user-action=ignore requests numpy pandas
COPY trim.sh /trim.sh
RUN mkdir /image && cp -a /bin /etc /lib* /sbin /usr /image/ && sh /trim.sh /image

FROM scratch
COPY --from=build /image/ /
ENV PATH=/usr/local/bin:/usr/bin
WORKDIR /sandbox
# nobody: an escaped process owns nothing on the host either.
USER 65534:65534
CMD ["python3"]
