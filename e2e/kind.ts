// SPDX-License-Identifier: Apache-2.0
// With kind and Docker or podman: a cluster (kind.yaml) whose nodes can run machines, this checkout's images in it, and the chart.
// `node scripts/run.mjs e2e/kind.ts`; the cluster stays, and a second call makes what is missing. What of it was run where is in
// docs/testing.md.
import { installIntoCluster } from '../local/commands/install.ts'
import { createProgress } from '../local/host/progress.ts'
import { chooseHere } from '../local/kind/choice.ts'
import { ensureKindCluster } from '../local/kind/cluster.ts'

const CLUSTER = 'nephele'

const progress = createProgress()
const choice = await chooseHere('kind')
if (choice.on !== 'kind') throw new Error(choice.why)
const { kubeconfig, values, client } = await ensureKindCluster({ name: CLUSTER, runtime: choice.runtime, progress })
await client.close()
await installIntoCluster({ kubeconfig, values: [values] }, progress, (line) => console.log(line))
