// SPDX-License-Identifier: Apache-2.0
// The chart's `helm test`: waits until the Cloud and its nodes are ready, or says which is not, and why. Reads and nothing else.
import { setTimeout } from 'node:timers/promises'
import { CLOUD, COMPUTE_NODE } from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode } from '../../lib/api/types.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { describeInstallation } from './installation.ts'

const PATIENCE_MS = 120_000
const PAUSE_MS = 3_000

const client = new HttpKubeClient(loadKubeConfig())
const look = async () => {
  const [[cloud], nodes] = await Promise.all([client.list<Cloud>(CLOUD), client.list<ComputeNode>(COMPUTE_NODE)])
  return describeInstallation(cloud, nodes)
}
const end = Date.now() + PATIENCE_MS
let found = await look()
while (!found.isReady && Date.now() < end) {
  await setTimeout(PAUSE_MS)
  found = await look()
}
process.stdout.write(`${found.lines.join('\n')}\n`)
process.exitCode = found.isReady ? 0 : 1
await client.close()
