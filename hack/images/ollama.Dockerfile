# Ollama, closed to the outside and without root.
#
# The context is made by catalogue.ts. Its rootfs/ is empty over the official image; over plain Debian it holds the
# program that ollama-source.ts built from the Go module.
#
# A Pod mounts: an emptyDir at /home/ollama (Ollama writes a key there and does not start otherwise), and a volume that
# group 10003 can write (fsGroup) at /models. With these the root file system can be read-only.
ARG BASE_IMAGE=ollama/ollama:0.17.4
FROM ${BASE_IMAGE}
COPY rootfs/ /
RUN (getent group 10003 > /dev/null || groupadd --gid 10003 ollama-guild) \
 && (getent passwd 10003 > /dev/null \
     || useradd --uid 10003 --gid 10003 --home-dir /home/ollama --create-home --no-log-init ollama-guild) \
 && mkdir -p /models && chown 10003:10003 /models \
 && HOME=/tmp ollama --version
ENV HOME=/home/ollama \
    OLLAMA_HOST=0.0.0.0:11434 \
    OLLAMA_MODELS=/models \
    OLLAMA_NO_CLOUD=1
USER 10003:10003
EXPOSE 11434
ENTRYPOINT ["/usr/bin/ollama"]
CMD ["serve"]
