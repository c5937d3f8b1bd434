#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What udhcpc calls in a test's workload namespace: sets what the lease says, classless routes before the router (RFC 3442).
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
ip link set "$interface" mtu "${mtu:-1500}"
set -- $staticroutes
while [ $# -gt 1 ]; do
  if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"; else ip route replace "$1" via "$2"; fi
  shift 2
done
echo "lease ip=$ip mtu=$mtu dns=$dns hostname=$hostname server=$serverid"
