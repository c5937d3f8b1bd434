// SPDX-License-Identifier: Apache-2.0
// kube-scheduler as a peer, built from the modules that the apiserver is built from. Pods need no kubelet to be bound.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { programPath } from '../../local/build/programs.ts'
import type { Api } from '../../local/control-plane/api.ts'
import { writeSecret } from '../../local/control-plane/files.ts'
import { kubeconfig } from '../../local/control-plane/kubeconfig.ts'
import type { ControlPlane } from '../../local/control-plane/start.ts'
import { freePorts } from '../../local/host/free-port.ts'
import { startProcess, type StartedProcess } from '../../local/host/process.ts'

/** https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/ ; what is not named is the default. */
const CONFIGURATION = {
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  clientConnection: { kubeconfig: 'scheduler.kubeconfig', qps: 5000, burst: 5000 },
  leaderElection: { leaderElect: false },
}

/** Ends with this process; prints its configuration. */
export async function startKubeScheduler({
  dir,
  authority,
  server,
  certificateAuthority,
}: ControlPlane): Promise<StartedProcess> {
  const user = await authority.issue({ commonName: 'system:kube-scheduler' })
  await writeSecret(join(dir, 'scheduler.kubeconfig'), kubeconfig({ server, certificateAuthority, user }))
  const file = join(dir, 'scheduler.yaml')
  await writeFile(file, stringify(CONFIGURATION))
  console.log(stringify(CONFIGURATION))
  const [port] = await freePorts(1)
  const flags = [`--config=${file}`, '--bind-address=127.0.0.1', `--secure-port=${port}`]
  const started = await startProcess({
    name: 'kube-scheduler',
    argv: [await programPath('kube-scheduler'), ...flags, `--cert-dir=${join(dir, 'scheduler')}`],
    cwd: dir,
    logFile: join(dir, 'log', 'kube-scheduler.log'),
    endsWithUs: true,
  })
  return started
}

/** Of the same size as the machines; the first of a namespace makes its account, too. */
export async function makePodNamespace(api: Api, namespace: string): Promise<void> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }
  await api.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, account)
}

export function podOf(name: string): object {
  const requests = { cpu: '1', memory: '1Gi' }
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: 'images.test/guest', resources: { requests } }],
    },
  }
}
