#!/bin/sh
# Agents of k3s, by ssh to the name of the node. The agent is uninstalled before its
# Node object goes: deleting that deletes the node's password, which an agent that
# systemd has started again would make anew, and then nothing else can have the name.
# Needs jq, and ssh as HOOK_SSH_USER (root without it) who may run sudo.
set -eu

question=$(cat)
node=$(printf '%s' "$question" | jq -r '.node // ""')
again=75
uninstall=/usr/local/bin/k3s-agent-uninstall.sh
there() { ssh -o BatchMode=yes -o ConnectTimeout=10 "${HOOK_SSH_USER:-root}@$node" "$@"; }

case $1 in
status)
  # 255 is ssh's own: a host that cannot be reached may still run.
  code=0
  there test ! -e $uninstall || code=$?
  case $code in
  0) exit 0 ;;
  1) exit $again ;;
  esac
  echo "$node cannot be asked"
  exit 1
  ;;
remove)
  there sudo sh -c "'test ! -e $uninstall || $uninstall'"
  ;;
*)
  echo "this cannot $1"
  exit 1
  ;;
esac
