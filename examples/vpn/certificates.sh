#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The two sites of 10-sites.yaml by certificates instead of the key: an authority, a certificate for each address, and Secrets as cert-manager makes them.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
key() { openssl ecparam -genkey -name prime256v1 -noout -out "$dir/$1.key"; }
key ca
openssl req -x509 -key "$dir/ca.key" -subj '/CN=example' -days 365 -out "$dir/ca.crt"
for site in main branch; do
  address=$(kubectl get -n first-machine nvpn $site -o jsonpath='{.status.externalIP}')
  key $site
  openssl req -new -key "$dir/$site.key" -subj "/CN=$site" -out "$dir/$site.csr"
  echo "subjectAltName = IP:$address" >"$dir/names"
  openssl x509 -req -in "$dir/$site.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 90 \
    -extfile "$dir/names" -out "$dir/$site.crt"
  kubectl create secret generic -n first-machine "vpn-$site" --type=kubernetes.io/tls \
    --from-file=tls.crt="$dir/$site.crt" --from-file=tls.key="$dir/$site.key" --from-file=ca.crt="$dir/ca.crt"
  kubectl label secret -n first-machine "vpn-$site" nephele.dev/vpn-key=true
  kubectl patch nvpnc -n first-machine $site --type=merge \
    -p "{\"spec\": {\"preSharedKeySecretRef\": null, \"certificateSecretRef\": {\"name\": \"vpn-$site\"}}}"
done
