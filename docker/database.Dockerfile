# syntax=docker/dockerfile:1
# What a cluster is made of besides the node, all of it Debian 12's own packages and the same that
# `make cluster-exercise` runs: PostgreSQL 15, Patroni, etcd, HAProxy. Which of them runs is the first argument.
#   docker build -f docker/database.Dockerfile -t biaoshi-database .
# Name the base by its digest as in docker/Dockerfile.
ARG BASE=debian:12-slim

FROM ${BASE}
# Versions are Debian's of the day, with its security updates; the digest of the image that was built pins them.
# hadolint ignore=DL3008
RUN groupadd --system --gid 10002 postgres \
    && useradd --system --uid 10002 --gid postgres --home-dir /var/lib/postgresql postgres \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
       curl etcd-client etcd-server haproxy patroni postgresql-15 postgresql-client-15 python3-etcd \
    && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/15 /etc/postgresql \
    && install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data /var/lib/etcd
COPY --chmod=0755 docker/database.sh /usr/local/bin/database
COPY docker/patroni.yml /etc/biaoshi/patroni.yml
COPY docker/haproxy.cfg /etc/biaoshi/haproxy.cfg
ENV PATH=/usr/lib/postgresql/15/bin:$PATH \
    LC_ALL=C.UTF-8
VOLUME ["/var/lib/postgresql/data", "/var/lib/etcd"]
USER 10002
# Which question is the right one depends on the program; docker/compose.cluster.yaml asks each its own.
HEALTHCHECK NONE
ENTRYPOINT ["database"]
CMD ["patroni"]
