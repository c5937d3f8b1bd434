#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Called by busybox udhcpc6 in the guest with what a DHCPv6 server told it, of a network that has IPv6 alone.
[ -n "$dns" ] || exit 0
: > /etc/resolv.conf
for server in $dns; do
  # A link-local address is one of a link (RFC 4007).
  case $server in fe80:*) server=$server%$interface ;; esac
  echo "nameserver $server" >> /etc/resolv.conf
done
