#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PID 1 of a node until its root is ready; node.ts starts it in new net, mount, UTS, IPC and PID namespaces. All mounts and links
# are made here, in those namespaces, so that the end of this one process removes them. Data come in by environment, never as text
# of this script: NODE_NAME, NODE_DIR (state on the host), NODE_INDEX, ROOTFS, FABRIC_NET (a namespace's file), MANAGEMENT_CIDR,
# TUNNEL_CIDR, SERVICES (of supervise.sh), with DPDK also DPDK_MEMORY_MIB and DPDK_CPU_MASK; NODE_DIR/binds holds "source<TAB>target"
# lines, mounted read-only, NODE_DIR/volumes the same for folders, writable.
set -euo pipefail
# The host's /proc is still mounted here: field 1 is our pid as the host sees it.
read -r host_pid _ < /proc/self/stat
echo "$host_pid" > "$NODE_DIR/pid.new"
mv "$NODE_DIR/pid.new" "$NODE_DIR/pid"

hostname "$NODE_NAME"
ip link set lo up
link() { # inside, name outside, bridge, MTU
  # The kernel takes an ended node's namespace down in its own time: the name may still be taken by the start before.
  nsenter --net="$FABRIC_NET" ip link delete "$2" 2> /dev/null || :
  ip link add "$1" mtu "$4" type veth peer name "$2" mtu "$4" netns "$FABRIC_NET"
  nsenter --net="$FABRIC_NET" ip link set "$2" master "$3" up
  ip link set "$1" up
}
link eth0 "n$NODE_INDEX-m" mg 1500
link eth1 "n$NODE_INDEX-t" ul 1600
link eth2 "n$NODE_INDEX-x" ext 1500
ip address add "$MANAGEMENT_CIDR" dev eth0

root=$NODE_DIR/root
mount -t overlay overlay -o "lowerdir=$ROOTFS,upperdir=$NODE_DIR/upper,workdir=$NODE_DIR/work" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir -p dev/pts dev/shm dev/net
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "dev/${n#*:}"; done
mount -t tmpfs tmpfs dev/shm
while read -r file major minor; do mknod -m 666 "dev/$file" c "$major" "$minor"; done <<'DEVICES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
kvm 10 232
net/tun 10 200
DEVICES
# A node that starts again has booted: every start brings another id, in a file of its own.
mount --bind "$NODE_DIR/boot_id" proc/sys/kernel/random/boot_id
while IFS=$'\t' read -r source target; do
  if [ -d "$source" ]; then
    mkdir -p "$root$target"
  else
    mkdir -p "$(dirname "$root$target")"
    [ -e "$root$target" ] || : > "$root$target"
  fi
  mount --bind "$source" "$root$target"
  mount -o remount,bind,ro "$root$target"
done < "$NODE_DIR/binds"
# Recursively: one of them may be a tree of mounts, as control groups are.
while IFS=$'\t' read -r source target; do
  mkdir -p "$root$target"
  mount --rbind "$source" "$root$target"
done < "$NODE_DIR/volumes"

mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
# As systemd has it: what a pod mounts for the node is seen by the node.
mount --make-rshared /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 \
  NODE_NAME="$NODE_NAME" MANAGEMENT_ADDRESS="${MANAGEMENT_CIDR%/*}" TUNNEL_CIDR="$TUNNEL_CIDR" SERVICES="$SERVICES" \
  DPDK_MEMORY_MIB="${DPDK_MEMORY_MIB-}" DPDK_CPU_MASK="${DPDK_CPU_MASK-}" \
  /bin/bash /usr/local/lib/nephele-node/supervise.sh
