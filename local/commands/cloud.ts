// SPDX-License-Identifier: Apache-2.0
// `npm run cloud` without a command: up, the first machine, what to do next.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { DEFAULT_CLOUD, type CloudShape } from '../cloud/definition.ts'
import { applyManifests, type Manifest } from '../control-plane/manifests.ts'
import { findProgram } from '../host/prerequisites.ts'
import { waitUntil } from '../host/wait.ts'
import type { Progress } from '../host/progress.ts'
import type { Cloud } from '../cloud/cloud.ts'
import { up } from '../cloud/up.ts'
import { renderExample } from './example.ts'
import { consoleTail, instanceLines, listInstances, type InstanceView } from './instances.ts'

const EXAMPLE = 'first-machine'
const EXAMPLE_NAMESPACE = 'first-machine'

export async function runCloud(
  cloudOptions: CloudShape & { name: string },
  progress: Progress,
  print: (line: string) => void,
): Promise<void> {
  const { name } = cloudOptions
  const result = await up({ ...cloudOptions, progress })
  const { cloud } = result
  const operatorLog = cloud.layout.log('operator')
  const folder = await renderExample({ cloud, sha256: result.guestImage.sha256.qcow2 }, EXAMPLE)
  await progress.step(`the objects in ${folder}`, () => applyFolder(cloud, folder))
  await progress.step('machines ACTIVE', () => waitForMachines(cloud, isActive), operatorLog)
  await progress.step('machines booted to their login', () => waitForMachines(cloud, hasLogin), operatorLog)
  const instances = await listInstances(cloud, EXAMPLE_NAMESPACE)
  print('')
  for (const line of instanceLines(instances)) print(line)
  for (const instance of instances) {
    print(`\nconsole of ${instance.metadata.name}:`)
    const marks = consoleTail(cloud, instance, 200)?.filter((line) => line.startsWith('MARK'))
    for (const line of marks ?? []) print(`  ${line.slice(0, 160)}`)
  }
  const first = instances[0]?.metadata.name ?? 'NAME'
  const outside = await findOutsideAddress(cloud)
  const own = name === DEFAULT_CLOUD ? '' : `--name ${name} `
  const { exports, kubectl } = kubectlWords(cloud.kubeconfigPath, findProgram('kubectl') !== undefined, own)
  print(`
The cloud is up after ${progress.elapsed().toFixed(0)} s. Try next:
${exports.map((line) => `  ${line}\n`).join('')}  ${kubectl} get nephele -A
  ${kubectl} describe ninst -n ${EXAMPLE_NAMESPACE} ${first}
  curl http://${outside}/                       the first machine, by its floating IP
  npm run cloud -- ${own}console ${first}            the machine's console; Ctrl-] leaves it
  npm run cloud -- ${own}ssh ${first}                a shell in it, from a port on its network
  ${kubectl} delete -f ${folder}
  npm run cloud -- ${own}status | nodes | logs | down`)
}

async function findOutsideAddress(cloud: Cloud): Promise<string> {
  const path = '-o=jsonpath={.items[0].status.ipAddress}'
  return (await cloud.kubectl(['get', 'floatingips.nephele.dev', '-n', EXAMPLE_NAMESPACE, path])).trim() || 'ADDRESS'
}

/** Pure: how the lines to try next begin. A host without kubectl has it through this command, which builds it when it is first asked for. */
export function kubectlWords(kubeconfig: string, hasKubectl: boolean, own: string) {
  if (hasKubectl) return { exports: [`export KUBECONFIG=${kubeconfig}`], kubectl: 'kubectl' }
  return { exports: [], kubectl: `npm run -s cloud -- ${own}kubectl` }
}

/** Pure: as `kubectl apply` would have made it, so that applying a changed file later takes out what the file no longer has. */
export function asApplied(manifest: Manifest): Manifest {
  const { metadata } = manifest
  const last = `${JSON.stringify(manifest)}\n`
  const annotations = { ...metadata.annotations, 'kubectl.kubernetes.io/last-applied-configuration': last }
  return { ...manifest, metadata: { ...metadata, annotations } }
}

async function applyFolder(cloud: Cloud, folder: string): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  const manifests = texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Manifest))
  await cloud.withApi((api) => applyManifests(api, manifests.map(asApplied), 'default'))
}

async function waitForMachines(cloud: Cloud, is: (cloud: Cloud, i: InstanceView) => boolean): Promise<void> {
  let last: InstanceView[] = []
  const check = async () => {
    last = await listInstances(cloud, EXAMPLE_NAMESPACE)
    return last.length > 0 && last.every((i) => is(cloud, i))
  }
  await waitUntil('the machines of the example', check, { timeoutMs: 180_000, everyMs: 250 }).catch(
    (error: unknown) => {
      throw new Error(`they are not there yet:\n${instanceLines(last).join('\n')}`, { cause: error })
    },
  )
}

function isActive(_: Cloud, instance: InstanceView): boolean {
  return instance.status?.state === 'ACTIVE'
}

function hasLogin(cloud: Cloud, instance: InstanceView): boolean {
  return consoleTail(cloud, instance, 200)?.some((line) => line.startsWith('MARK login')) ?? false
}
