#!/bin/sh
# Starts one of the cluster's programs. Passwords come from files, for Patroni takes them by its environment only.
set -eu

from_file() { # variable, file
  value=$(cat "$2") || { echo "the secret $2 cannot be read by $(id -un) ($(id -u))" >&2; exit 1; }
  export "$1=$value"
}

case "$1" in
  patroni)
    from_file PATRONI_SUPERUSER_PASSWORD /run/secrets/superuser_password
    from_file PATRONI_REPLICATION_PASSWORD /run/secrets/replication_password
    exec patroni /etc/biaoshi/patroni.yml
    ;;
  haproxy) exec haproxy -W -db -f /etc/biaoshi/haproxy.cfg ;;
  etcd) exec etcd ;;
  *) exec "$@" ;;
esac
