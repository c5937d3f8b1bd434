// SPDX-License-Identifier: Apache-2.0
// `node network.ts apply NAMESPACE KEY.pub`: a network, its subnet and a key; a second time it changes nothing.
// `node network.ts delete NAMESPACE`: the same away, in any order.
import { readFile } from 'node:fs/promises'
import { K8s } from 'kubernetes-fluent-client'
import { KeyPair, Network, Subnet } from '@nephele/client'
import { waitForReady } from './ready.ts'

const NAME = 'web'
const [, , verb, namespace = '', keyFile = ''] = process.argv

if (verb === 'apply') {
  const at = { name: NAME, namespace }
  await K8s(Network).Apply({ metadata: at, spec: { mtu: 1400 } })
  await K8s(Subnet).Apply({ metadata: at, spec: { networkRef: { name: NAME }, cidr: '10.40.0.0/24' } })
  await K8s(KeyPair).Apply({ metadata: at, spec: { publicKey: (await readFile(keyFile, 'utf8')).trim() } })

  const network = await waitForReady(Network, at)
  const subnet = await waitForReady(Subnet, at)
  const { status: key } = await waitForReady(KeyPair, at)
  console.log(`${subnet.spec.cidr} by way of ${subnet.status?.gatewayIP}, ${network.status?.mtu} bytes a packet`)
  console.log(`${key?.keyType} ${key?.fingerprint}`)
} else if (verb === 'delete') {
  for (const kind of [KeyPair, Subnet, Network]) await K8s(kind).InNamespace(namespace).Delete(NAME)
} else {
  console.error('usage: network.ts apply NAMESPACE KEY.pub | network.ts delete NAMESPACE')
  process.exitCode = 1
}
