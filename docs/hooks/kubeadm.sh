#!/bin/sh
# Machines that joined by kubeadm, by ssh to the name of the node. The kubelet is
# stopped for good and what kubeadm made is reset before the Node object goes: a kubelet
# that runs registers its node again.
# Needs jq, and ssh as HOOK_SSH_USER (root without it) who may run sudo.
set -eu

question=$(cat)
node=$(printf '%s' "$question" | jq -r '.node // ""')
again=75
there() { ssh -o BatchMode=yes -o ConnectTimeout=10 "${HOOK_SSH_USER:-root}@$node" "$@"; }

case $1 in
status)
  # 255 is ssh's own: a host that cannot be reached may still run.
  code=0
  there test ! -e /etc/kubernetes/kubelet.conf || code=$?
  case $code in
  0) exit 0 ;;
  1) exit $again ;;
  esac
  echo "$node cannot be asked"
  exit 1
  ;;
remove)
  there sudo systemctl disable --now kubelet
  there sudo kubeadm reset --force
  ;;
*)
  echo "this cannot $1"
  exit 1
  ;;
esac
