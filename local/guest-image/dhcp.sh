#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Called by busybox udhcpc in the guest with the lease in its environment: https://udhcp.busybox.net/README.udhcpc
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr replace "$ip/$mask" dev "$interface"
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
if [ -n "$staticroutes" ]; then
  # RFC 3442: where classless routes came, the router option does not count.
  set -- $staticroutes
  while [ $# -gt 1 ]; do
    if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"; else ip route replace "$1" via "$2"; fi
    shift 2
  done
elif [ -n "$router" ]; then
  ip route replace default via "${router%% *}"
fi
[ -z "$hostname" ] || hostname "$hostname"
: > /etc/resolv.conf
for server in $dns; do echo "nameserver $server" >> /etc/resolv.conf; done
