// SPDX-License-Identifier: Apache-2.0
import { stringify } from 'yaml'
import { CUSTOM_KINDS, EVENT, GROUP, POD } from '../../lib/api/kinds.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { pagesOf } from '../../lib/kube/pages.ts'
import { someAtOnce } from '../../lib/some-at-once.ts'
import type { Context } from '../command-line/command.ts'
import type { BundleFolder } from './bundle-folder.ts'
import { eventLines, isOurs, type Event } from './event-lines.ts'
import { CLUSTER_KINDS, CUSTOM_RESOURCE_DEFINITION, INSTALLED_KINDS } from './kubernetes-kinds.ts'
import { CHECK, NODE_COMMANDS, onNode, OVN_COMMANDS } from './node-commands.ts'
import type { PodAccess } from './pod-access.ts'
import { componentOf, INSTALLED, listLogs, type Pod } from './pods.ts'
import { withoutLogin, withoutSecrets } from './redact.ts'

const NOT_RUN =
  'ovn/ and nodes/: nothing may be run in pods from here; kubectl nephele support-bundle NODE, by who may, has both'
/** kubectl is a process each. */
const AT_ONCE = 6

type Asked = Pick<Context, 'client' | 'signal' | 'progress'> & { pods: PodAccess }

/** Reads all that a bundle has into the folder. What cannot be read is noted there. @param nodes whose own programs are asked, too */
export async function collect(context: Asked, folder: BundleFolder, nodes: readonly string[]): Promise<void> {
  const { progress } = context
  progress('objects of Nephele')
  for (const kind of CUSTOM_KINDS) await folder.add(`objects/${kind.plural}.yaml`, () => readAll(context, kind))
  await folder.add('events.txt', async () => {
    const events = await context.client.list<Event>(EVENT, { signal: context.signal })
    return withoutLogin(eventLines(events.filter(isOurs)))
  })
  progress('the cluster')
  for (const kind of CLUSTER_KINDS) await folder.add(`cluster/${kind.plural}.yaml`, () => readAll(context, kind))
  await folder.add('cluster/definitions.yaml', () => readDefinitions(context))
  await folder.add('cluster/version.yaml', () => context.pods.version())
  const pods = await findPods(context, folder)
  for (const namespace of new Set(pods.map(({ metadata }) => metadata.namespace ?? '')))
    for (const kind of INSTALLED_KINDS)
      await folder.add(`installation/${namespace}/${kind.plural}.yaml`, () => readAll(context, kind, namespace))
  await someAtOnce(listLogs(pods, nodes), AT_ONCE, async ({ pod, container, previous }) => {
    const { namespace = '', name } = pod.metadata
    progress(`log of ${name}`)
    await folder.add(`logs/${namespace}/${name}/${container}${previous ? '.previous' : ''}.log`, async () =>
      withoutLogin(await context.pods.log({ pod, container, previous })),
    )
  })
  const { run } = context.pods
  if (!run) {
    folder.missing.push(NOT_RUN)
    return
  }
  await someAtOnce(listQuestions(pods, nodes), AT_ONCE, async ({ pod, container, path, argv }) => {
    progress(path)
    await folder.add(path, async () => withoutLogin(await run(pod, container, argv)))
  })
  for (const node of nodes.filter((one) => !pods.some((pod) => isAgentOf(pod, one))))
    folder.missing.push(`nodes/${node}: no pod of the agent is on this node, through which its programs are asked`)
}

interface Question {
  pod: Pod
  container: string
  path: string
  argv: readonly string[]
}
/** Pure. */
function listQuestions(pods: readonly Pod[], nodes: readonly string[]): Question[] {
  const ofNodes = nodes.flatMap((node) =>
    pods
      .filter((pod) => isAgentOf(pod, node))
      .flatMap((pod) => [
        { pod, container: 'agent', path: `nodes/${node}/check.txt`, argv: CHECK },
        ...Object.entries(NODE_COMMANDS).map(([file, argv]) => ({
          ...{ pod, container: 'agent', path: `nodes/${node}/${file}.txt`, argv: onNode(argv) },
        })),
      ]),
  )
  const ofOVN = pods
    .filter((pod) => componentOf(pod) === 'ovn')
    .flatMap((pod) =>
      Object.entries(OVN_COMMANDS).map(([file, argv]) => ({
        ...{ pod, container: 'northd', path: `ovn/${pod.metadata.name}/${file}.txt`, argv },
      })),
    )
  return [...ofNodes, ...ofOVN]
}

function isAgentOf(pod: Pod, node: string): boolean {
  return componentOf(pod) === 'agent' && pod.spec.nodeName === node
}

/** As `kubectl get --output=yaml` has them, but for what is left out; a page at a time is in memory. */
async function* readAll(
  { client, signal }: Asked,
  kind: ResourceKind,
  namespace?: string,
): AsyncGenerator<string, void> {
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
  const where = namespace === undefined ? {} : { namespace }
  for await (const page of pagesOf<KubeObject>(client, kind, { signal, ...where }))
    for (const one of page.items) yield `---\n${stringify({ apiVersion, kind: kind.kind, ...withoutSecrets(one) })}`
}

/** Without their schemas, which are those of the version. */
async function readDefinitions({ client, signal }: Asked): Promise<string> {
  const all = await client.list<KubeObject<{ group?: string }>>(CUSTOM_RESOURCE_DEFINITION, { signal })
  return stringify(
    all.flatMap(({ metadata: { name, labels }, spec, status }) =>
      spec?.group === GROUP ? [{ name, labels, status }] : [],
    ),
  )
}

async function findPods({ client, signal }: Asked, folder: BundleFolder): Promise<Pod[]> {
  const pods: Pod[] = []
  await folder.add('installation', async () => {
    pods.push(...(await client.list<Pod>(POD, { labelSelector: INSTALLED, signal })))
    if (pods.length === 0)
      throw new Error(`no pod has the label ${INSTALLED}: nothing is known of how Nephele runs here`)
    return undefined
  })
  return pods
}
