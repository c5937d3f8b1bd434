// SPDX-License-Identifier: Apache-2.0
// `node scripts/run.mjs local/cluster/main.ts`: a cluster of kubelets for trying the chart by hand, until this is interrupted.
import { createProgress } from '../host/progress.ts'
import { prepareCluster } from './prepare.ts'
import { startCluster } from './cluster.ts'

const progress = createProgress()
const prepared = await prepareCluster(progress)
const cluster = await startCluster({ ...prepared, progress })
const image = prepared.guestImage.dir
console.log(`
A Kubernetes cluster is up: export KUBECONFIG=${cluster.plane.kubeconfigPath}
Its state and logs: ${cluster.dir}; a guest image: ${image}/guest.qcow2
The chart: npm run cloud -- --kubeconfig $KUBECONFIG --values e2e/cluster/values.yaml
Ctrl-C ends everything.`)
const keepAlive = setInterval(() => undefined, 60_000)
await new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
})
clearInterval(keepAlive)
await progress.step('stopping', () => cluster.stop())
