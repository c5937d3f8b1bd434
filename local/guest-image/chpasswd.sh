#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# chpasswd of the test guest, which busybox lacks: lines of USER:PASSWORD. Its QEMU agent runs it.
while IFS= read -r line; do
  user=${line%%:*}
  grep -q "^$user:" /etc/shadow || { echo "there is no user $user" >&2; exit 1; }
  hash=$(printf '%s\n' "${line#*:}" | mkpasswd -m sha512 -P 0)
  sed -i "s|^$user:[^:]*:|$user:$hash:|" /etc/shadow
done
