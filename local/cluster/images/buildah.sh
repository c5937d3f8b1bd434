#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs buildah of a root file system, on no machine's own packages: buildah.sh ARGUMENTS... in new mount and IPC namespaces, with
# ROOTFS (read-only, under an overlay in memory), STATE (kept: storage and archives, at /oci) and CONTEXT (read-only, at /context).
set -euo pipefail
work=$STATE/mount
mkdir -p "$work"
# Two at once would clear away each other's layers.
exec 9> "$STATE/lock"
flock 9
mount -t tmpfs tmpfs "$work"
mkdir "$work"/{upper,work,root}
root=$work/root
mount -t overlay overlay -o "lowerdir=$ROOTFS,upperdir=$work/upper,workdir=$work/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root"/{oci,context,etc/containers}
mount --bind "$STATE" "$root/oci"
mount --bind "$CONTEXT" "$root/context"
mount -o remount,bind,ro "$root/context"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# Nothing is pulled: what is named is in the storage.
echo '{ "default": [{ "type": "insecureAcceptAnything" }] }' > "$root/etc/containers/policy.json"
cd "$root"
exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  BUILDAH_ISOLATION=chroot STORAGE_DRIVER=overlay \
  buildah --root /oci/storage --runroot /run/buildah "$@"
