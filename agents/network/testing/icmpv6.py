# SPDX-License-Identifier: Apache-2.0
# Sends one ICMPv6 message as only routers should, with a hop limit of 255 (Node has no raw sockets; the nodes' Open vSwitch brings
# Python). Arguments: device, destination, type, and the message behind its checksum in hexadecimal.
import socket
import sys

device, to, kind, rest = sys.argv[1:]
out = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
for option in (socket.IPV6_UNICAST_HOPS, socket.IPV6_MULTICAST_HOPS):
    out.setsockopt(socket.IPPROTO_IPV6, option, 255)
out.sendto(bytes([int(kind), 0, 0, 0]) + bytes.fromhex(rest), (to, 0, 0, socket.if_nametoindex(device)))
