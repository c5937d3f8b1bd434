// SPDX-License-Identifier: Apache-2.0
// The cloud that the tests run against: `npm run test:e2e` starts it; a test file opens it with `openTestCloud()`.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { openCloud, type Cloud } from '../../local/cloud/cloud.ts'
import { addressesOf, defineNodes } from '../../local/cloud/definition.ts'
import { IMAGE_PORT } from '../../local/cloud/layout.ts'
import type { ImageSource } from './objects.ts'

const E2E_CLOUD = process.env['NEPHELE_E2E_CLOUD'] ?? 'e2e'

export interface TestCloud {
  cloud: Cloud
  /** As the administrator. */
  client: KubeClient
  guestImage: ImageSource
  /** Base of the image server's addresses, and its folder on the host: a test may serve a file of its own. */
  images: { url: string; dir: string }
  computeNodes: readonly string[]
  /** Those of them whose switch runs on DPDK. */
  dpdkNodes: readonly string[]
  networkNode: string
}

export function openTestCloud(name = E2E_CLOUD): TestCloud {
  const cloud = openCloud(name)
  const url = `http://${addressesOf(cloud.state.subnet).host}:${IMAGE_PORT}`
  const guest = readFileSync(join(cloud.layout.images, 'guest.qcow2'))
  return {
    cloud,
    client: new HttpKubeClient(loadKubeConfig(cloud.kubeconfigPath)),
    guestImage: { url: `${url}/guest.qcow2`, sha256: createHash('sha256').update(guest).digest('hex') },
    images: { url, dir: cloud.layout.images },
    computeNodes: Object.keys(cloud.state.nodes).filter((name) => name.startsWith('compute-')),
    dpdkNodes: defineNodes(cloud.state).flatMap((node) => (node.dpdk ? node.name : [])),
    networkNode: 'network-1',
  }
}
