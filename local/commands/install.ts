// SPDX-License-Identifier: Apache-2.0
// `npm run cloud -- --kubeconfig FILE`: the chart into a cluster that exists already.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { missingPrograms, programPath } from '../build/programs.ts'
import { CHART } from '../cloud/install.ts'
import { assertGo } from '../host/prerequisites.ts'
import type { Progress } from '../host/progress.ts'
import { buildPrograms } from '../cloud/prepare.ts'
import { NAMESPACE } from '../services/tokens.ts'

/** In the order in which each needs the one before. */
const WORKLOADS = [
  'statefulset/nephele-nats',
  'statefulset/nephele-ovn',
  'deployment/nephele-operator',
  'daemonset/nephele-agent',
  'daemonset/nephele-resolver',
] as const
const ROLLOUT_SECONDS = 300

/** Those of the release: parts can be switched off. */
async function listWorkloads(kubectl: readonly string[]): Promise<string[]> {
  const [program = '', ...args] = kubectl
  const argv = [program, ...args, 'get', 'statefulsets,deployments,daemonsets', '-o', 'name'] as const
  const names = (await exec(argv, { timeoutMs: 30_000 })).stdout.trim().split('\n')
  const there = new Set(names.map((name) => name.replace('.apps/', '/')))
  return WORKLOADS.filter((workload) => there.has(workload))
}

export interface InstallOptions {
  kubeconfig: string
  /** Files for `helm --values`. */
  values?: readonly string[]
}

export async function installIntoCluster(
  { kubeconfig, values = [] }: InstallOptions,
  progress: Progress,
  print: (line: string) => void,
): Promise<void> {
  const file = resolve(kubeconfig)
  for (const needed of [file, ...values]) if (!existsSync(needed)) throw new Error(`there is no file ${needed}`)
  if ((await missingPrograms(['helm', 'kubectl'])).length > 0) await assertGo()
  await buildPrograms(['helm', 'kubectl'], progress)
  const [helm, kubectl] = [await programPath('helm'), await programPath('kubectl')]
  const nodes = await progress.step('asking the cluster', async () => {
    const argv = [kubectl, '--kubeconfig', file, 'get', 'nodes', '-o', 'name'] as const
    return (await exec(argv, { timeoutMs: 30_000 })).stdout.trim().split('\n')
  })
  await progress.step(`helm upgrade --install nephele (${nodes.length} nodes)`, () =>
    exec(
      [
        helm,
        'upgrade',
        '--install',
        'nephele',
        CHART,
        '--kubeconfig',
        file,
        '--namespace',
        NAMESPACE,
        '--create-namespace',
        ...values.flatMap((name) => ['--values', resolve(name)]),
      ],
      { timeoutMs: 10 * 60_000 },
    ),
  )
  const kubectlIn = [kubectl, '--kubeconfig', file, '--namespace', NAMESPACE] as const
  for (const workload of await listWorkloads(kubectlIn)) {
    await progress.step(`${workload} ready`, async () => {
      const status = ['rollout', 'status', workload, `--timeout=${ROLLOUT_SECONDS}s`] as const
      try {
        await exec([...kubectlIn, ...status], { timeoutMs: (ROLLOUT_SECONDS + 10) * 1000 })
      } catch (error) {
        const next = `kubectl --kubeconfig ${file} -n ${NAMESPACE} describe pods`
        throw new Error(`${workload} is not ready after ${ROLLOUT_SECONDS} s; ${next} says why`, { cause: error })
      }
    })
  }
  print(`
Installed. Nodes take part once they are labelled, for example:
  kubectl --kubeconfig ${file} label node NODE nephele.dev/compute=libvirt nephele.dev/image=true
  kubectl --kubeconfig ${file} label node NODE nephele.dev/network=gateway nephele.dev/storage=true
  kubectl --kubeconfig ${file} get computenodes
What a node must have installed is listed in docs/install.md.`)
}
