#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PID 1 of a small node for tests: an overlay on the nodes' root file system with its own namespaces, virtlogd and libvirtd.
# node-init.sh ROOTFS WORK   WORK is seen in the node under the same path; sockets in WORK/run; ready when WORK/ready exists.
set -euo pipefail
ROOTFS=$1 WORK=$2 R=$2/root
read -r HOSTPID _ < /proc/self/stat
ip link set lo up
mount -t tmpfs tmpfs "$WORK/overlay"
mkdir -p "$WORK"/overlay/{upper,work} "$R" "$WORK/run" "$WORK/log"
mount -t overlay overlay -o "lowerdir=$ROOTFS,upperdir=$WORK/overlay/upper,workdir=$WORK/overlay/work" "$R"
mkdir -p "$R$WORK"
mount --bind "$WORK" "$R$WORK"
cd "$R"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
mkdir -p dev/{pts,shm,net}
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
for n in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 kvm:10:232 net/tun:10:200; do
  IFS=: read -r f a b <<<"$n"
  mknod -m 666 "dev/$f" c "$a" "$b"
done
mkdir -p .old
pivot_root . .old
umount -l /.old
cd /
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mkdir -p /run/lock /run/libvirt
cat > /etc/libvirt/libvirtd.conf <<CONF
auth_unix_rw = "none"
unix_sock_dir = "$WORK/run"
CONF
cat > /etc/libvirt/qemu.conf <<'CONF'
namespaces = []
cgroup_controllers = []
CONF
# The limits are small so that a test can reach them.
printf 'max_size = 65536\nmax_backups = 2\n' > /etc/libvirt/virtlogd.conf
start_libvirtd() {
  libvirtd -p "$WORK/run/libvirtd.pid" >> "$WORK/log/libvirtd.log" 2>&1 &
  echo $! > "$WORK/libvirtd.pid"
}
trap 'start_libvirtd' USR1 # how a test that killed it gets it back
trap '' HUP TERM
virtlogd -d
start_libvirtd
until [ -S "$WORK/run/libvirt-sock" ]; do sleep 0.02; done
echo "$HOSTPID" > "$WORK/ready.new"
mv "$WORK/ready.new" "$WORK/ready"
while :; do sleep infinity & wait $! || :; done # PID 1 must reap
