#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Joins the two sites of 10-sites.yaml: each names the other's address, which it has got by now, and the Secret `vpn`.
set -eu
address() { kubectl get -n first-machine nvpn "$1" -o jsonpath='{.status.externalIP}'; }
connection() { # name, peer's address, peer's range
  cat <<YAML
apiVersion: nephele.dev/v1alpha1
kind: VPNConnection
metadata: { name: $1, namespace: first-machine }
spec:
  vpnServiceRef: { name: $1 }
  peerAddress: $2
  peerCIDRs: [$3]
  preSharedKeySecretRef: { name: vpn }
---
YAML
}
{
  connection main "$(address branch)" 192.168.120.0/24
  connection branch "$(address main)" 192.168.100.0/24
} | kubectl apply -f -
