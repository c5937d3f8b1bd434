// SPDX-License-Identifier: Apache-2.0
// Each value of the chart changes what Helm makes of it, and what can never work is refused.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { listValues, type ValueSchema } from '../scripts/chart-values.ts'
import { renderChart, type Manifest } from './suite/render.ts'

const CHART = join(import.meta.dirname, 'nephele')
const read = (file: string) => readFileSync(join(CHART, file), 'utf8')
const PATHS = listValues(read('values.yaml'), JSON.parse(read('values.schema.json')) as ValueSchema).map(({ path }) => path)

const CONSOLE = ['console.enabled=true', 'console.url=https://console.example.com']
const OTHER_OVN = ['ovn.enabled=false', 'ovn.northbound=ssl:10.0.0.1:6641', 'ovn.southbound=ssl:10.0.0.1:6642']
const TOLERATIONS = (part: string) => [`${part}.tolerations[0].key=dedicated`, `${part}.tolerations[0].operator=Exists`]
const NEAR = 'podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]'
const AFFINITY = (part: string) => `${part}.affinity.${NEAR}.weight=1,${part}.affinity.${NEAR}.podAffinityTerm.topologyKey=zone`
const PLACES = Object.fromEntries(
  ['bootstrap', 'operator', 'agent', 'console', 'nats', 'ovn'].flatMap((part) => [
    [`${part}.nodeSelector`, [`${part}.nodeSelector.rack=r1`]],
    [`${part}.tolerations`, TOLERATIONS(part)],
    [`${part}.priorityClassName`, [`${part}.priorityClassName=mine`]],
    [`${part}.affinity`, [AFFINITY(part)]],
    [`${part}.podAnnotations`, [`${part}.podAnnotations.seen=yes`]],
    [`${part}.resources`, [`${part}.resources.limits.memory=3Gi`]],
  ]),
)

/** Another value of each, with what else it needs to have a meaning. */
const OTHERS: Record<string, readonly string[]> = {
  ...PLACES,
  'ovn.resources': ['ovn.resources.southbound.limits.memory=3Gi'],
  'resolver.resources': ['resolver.resources.limits.memory=3Gi'],
  'crds.install': ['crds.install=true'],
  'policies.install': ['policies.install=false'],
  'images.registry': ['images.registry=registry.example.com:5000/cloud'],
  'images.tag': ['images.tag=1.2.3-rc.1'],
  'images.pullPolicy': ['images.pullPolicy=Always'],
  'images.pullSecrets': ['images.pullSecrets[0]=pull'],
  'log.level': ['log.level=debug'],
  'log.format': ['log.format=text'],
  'spread.topologyKey': ['spread.topologyKey=topology.kubernetes.io/zone'],
  'spread.whenUnsatisfiable': ['spread.whenUnsatisfiable=DoNotSchedule'],
  'bootstrap.enabled': ['bootstrap.enabled=false'],
  'bootstrap.renewalSchedule': ['bootstrap.renewalSchedule=@weekly'],
  'isolation.awayFromNodes': ['isolation.awayFromNodes=false'],
  'isolation.networkPolicies': ['isolation.networkPolicies=false'],
  'isolation.nodeNetworks': ['isolation.nodeNetworks={10.0.0.0/16,fd00::/64}'],
  'isolation.metricsNamespaces': ['isolation.metricsNamespaces={monitoring}'],
  'operator.enabled': ['operator.enabled=false'],
  'operator.replicas': ['operator.replicas=3'],
  'operator.traceMemoryMiB': ['operator.traceMemoryMiB=1024'],
  'agent.enabled': ['agent.enabled=false'],
  'agent.tunnelNetwork': ['agent.tunnelNetwork=10.99.0.0/24'],
  'agent.hostPaths': ['agent.hostPaths={/srv/..pool/a.b}'],
  'drainHolds.enabled': ['drainHolds.enabled=false'],
  'drainHolds.image': ['drainHolds.image=registry.example.com/busybox:1'],
  'console.enabled': [...CONSOLE],
  'console.url': ['console.url=https://console.example.com'],
  'console.replicas': [...CONSOLE, 'console.replicas=3'],
  'console.tlsSecretName': [...CONSOLE, 'console.tlsSecretName=mine'],
  'console.serviceType': [...CONSOLE, 'console.serviceType=LoadBalancer'],
  'console.serviceAnnotations': [...CONSOLE, 'console.serviceAnnotations.pool=public'],
  'monitoring.agents.enabled': ['monitoring.agents.enabled=true'],
  'monitoring.agents.resources': ['monitoring.agents.enabled=true', 'monitoring.agents.resources.limits.memory=3Gi'],
  'monitoring.podMonitors.enabled': ['monitoring.podMonitors.enabled=true'],
  'monitoring.podMonitors.labels': ['monitoring.podMonitors.enabled=true', 'monitoring.podMonitors.labels.release=prometheus'],
  'monitoring.podMonitors.interval': ['monitoring.podMonitors.enabled=true', 'monitoring.podMonitors.interval=1m'],
  'monitoring.rules.enabled': ['monitoring.rules.enabled=true'],
  'monitoring.rules.labels': ['monitoring.rules.enabled=true', 'monitoring.rules.labels.release=prometheus'],
  'monitoring.rules.runbookURL': ['monitoring.rules.enabled=true', 'monitoring.rules.runbookURL=https://wiki.example.com'],
  'monitoring.dashboard.enabled': ['monitoring.dashboard.enabled=true'],
  'monitoring.dashboard.labels': ['monitoring.dashboard.enabled=true', 'monitoring.dashboard.labels.more=yes'],
  'monitoring.dashboard.annotations': ['monitoring.dashboard.enabled=true', 'monitoring.dashboard.annotations.folder=cloud'],
  'nats.enabled': ['nats.enabled=false', 'nats.address=nats.example.com:4222'],
  'nats.address': ['nats.enabled=false', 'nats.address=a.example.com:4222\\,b.example.com:4222'],
  'nats.image': ['nats.image=registry.example.com/nats:2.15@sha256:' + 'a'.repeat(64)],
  'nats.replicas': ['nats.replicas=5'],
  'nats.storage.sizeGiB': ['nats.storage.sizeGiB=8'],
  'nats.storage.className': ['nats.storage.className=fast'],
  'ovn.enabled': [...OTHER_OVN],
  'ovn.northbound': ['ovn.enabled=false', 'ovn.northbound=ssl:10.0.0.9:6641', 'ovn.southbound=ssl:10.0.0.1:6642'],
  'ovn.southbound': ['ovn.enabled=false', 'ovn.northbound=ssl:10.0.0.1:6641', 'ovn.southbound=ssl:10.0.0.9:6642'],
  'ovn.southboundReader': [...OTHER_OVN, 'ovn.southboundReader=ssl:10.0.0.1:6643'],
  'ovn.northdThreads': ['ovn.northdThreads=4'],
  'ovn.storage.sizeGiB': ['ovn.storage.sizeGiB=8'],
  'ovn.storage.className': ['ovn.storage.className=fast'],
}
/** What the others are compared with, where that is not the chart as it comes. */
const BASES: Record<string, readonly string[]> = {
  ...Object.fromEntries(
    ['agents.resources', 'podMonitors.labels', 'podMonitors.interval', 'rules.labels', 'rules.runbookURL', 'dashboard.labels', 'dashboard.annotations'].map(
      (path) => [`monitoring.${path}`, [`monitoring.${path.split('.')[0] ?? ''}.enabled=true`]],
    ),
  ),
  'nats.address': ['nats.enabled=false', 'nats.address=nats.example.com:4222'],
  'ovn.northbound': OTHER_OVN,
  'ovn.southbound': OTHER_OVN,
  'ovn.southboundReader': OTHER_OVN,
}

const rendered = new Map<string, Promise<Manifest[]>>()
function renderOnce(settings: readonly string[]): Promise<Manifest[]> {
  const key = settings.join(' ')
  // Without the definitions, which are most of the text and are the same for all others.
  const known = rendered.get(key) ?? renderChart('crds.install=false', ...settings)
  rendered.set(key, known)
  return known
}

test('of each value there is another one here', () => {
  expect(Object.keys(OTHERS).filter((path) => !PATHS.includes(path))).toEqual([
    ...['bootstrap.podAnnotations', 'bootstrap.resources', 'agent.affinity'],
  ])
  expect(PATHS.filter((path) => !(path in OTHERS))).toEqual([])
})

test.each(PATHS)(
  '%s has an effect',
  async (path) => {
    const other = OTHERS[path] ?? []
    const isOfConsole = path.startsWith('console.') && !['console.enabled', 'console.url'].includes(path)
    const base = BASES[path] ?? (isOfConsole ? CONSOLE : [])
    const settings = isOfConsole ? [...new Set([...CONSOLE, ...other])] : other
    expect(await renderOnce(settings)).not.toEqual(await renderOnce(base))
  },
  60_000,
)

test.each(['log', 'spread', 'drainHolds', 'monitoring'])('values of an earlier version, without %s, say how to upgrade', async (key) => {
  await expect(renderChart(`${key}=null`)).rejects.toThrow('--reset-then-reuse-values')
}, 60_000)

test.each(['a.example.com:4222', 'nats://a.example.com:4222\\,tls://b:4222', '[fd00::1]:4222'])('nats.address may be %s', async (address) => {
  expect(await renderOnce(['nats.enabled=false', `nats.address=${address}`])).not.toEqual([])
}, 60_000)

test('where pods run and how they are pulled is said of each workload', async () => {
  const parts = ['bootstrap', 'operator', 'agent', 'console', 'nats', 'ovn']
  const of = await renderOnce([...CONSOLE, 'images.pullSecrets={one,two}', ...parts.map((part) => `${part}.nodeSelector.of=${part}`)])
  const found = of.flatMap(({ kind, metadata, spec }) => {
    type Template = { template?: { spec?: Record<string, unknown> } } | undefined
    const { jobTemplate } = (spec ?? {}) as { jobTemplate?: { spec: Template } }
    const template = kind === 'Pod' ? { spec } : ((jobTemplate?.spec ?? spec) as Template)?.template
    const pod = template?.spec as { nodeSelector?: { of: string }; imagePullSecrets?: { name: string }[] } | undefined
    return pod ? [[metadata.name, pod.nodeSelector?.of, pod.imagePullSecrets?.map(({ name }) => name).join()]] : []
  })
  expect(found.sort()).toEqual([
    ['nephele-agent', 'agent', 'one,two'],
    ['nephele-bootstrap', 'bootstrap', 'one,two'],
    ['nephele-certificates', 'bootstrap', 'one,two'],
    ['nephele-console', 'console', 'one,two'],
    ['nephele-install-check', 'operator', 'one,two'],
    ['nephele-nats', 'nats', 'one,two'],
    ['nephele-operator', 'operator', 'one,two'],
    ['nephele-ovn', 'ovn', 'one,two'],
    ['nephele-resolver', 'agent', 'one,two'],
    ['nephele-support-bundle', 'operator', 'one,two'],
  ])
}, 60_000)

test('wishes about nodes stand beside what keeps the control plane off the cloud’s', async () => {
  const wish = 'nats.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]'
  const settings = [`${wish}.weight=5`, `${wish}.preference.matchExpressions[0].key=ssd`, `${wish}.preference.matchExpressions[0].operator=Exists`]
  const of = async (...more: string[]) => {
    const nats = (await renderOnce([...settings, ...more])).find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'nephele-nats')
    return (nats?.spec as { template: { spec: { affinity: { nodeAffinity: object } } } }).template.spec.affinity.nodeAffinity
  }
  const preferred = [{ weight: 5, preference: { matchExpressions: [{ key: 'ssd', operator: 'Exists' }] } }]
  const here = { preferredDuringSchedulingIgnoredDuringExecution: preferred }
  expect(await of('isolation.awayFromNodes=false')).toEqual(here)
  const keys = ['compute', 'network', 'storage', 'image'].map((role) => ({ key: `nephele.dev/${role}`, operator: 'DoesNotExist' }))
  const away = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: keys }] } }
  expect(await of()).toEqual({ ...here, ...away })
}, 60_000)

test.each([
  'bootstrap.renewalSchedule=daily',
  'agent.tunnelNetwork=10.99.0.0/99',
  'agent.tunnelNetwork=10.99.0.300/24',
  'agent.tunnelNetwork=fd00::/129',
  'isolation.nodeNetworks={10.0.0.0/33}',
  'agent.hostPaths={/srv/../etc}',
  'agent.hostPaths={/srv/..}',
  'agent.hostPaths={/}',
  'agent.hostPaths={srv}',
  'operator.resources.limits.memroy=1Gi',
  'operator.resources.limits.memory=999Zi',
  'operator.resources.limit.memory=1Gi',
  'nats.affinity.podAfinity={}',
  'nats.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=a',
  'nats.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKy=zone',
  'agent.tolerations[0].keyy=a',
  'agent.tolerations[0].effect=NoStart',
  'nats.resources.requests.cpu=fast',
  'images.tag=bad:tag',
  'images.registry=https://registry.example.com',
  'images.registry=Registry.example.com/',
  'nats.image=nats 2',
  'ovn.northbound=ssl:',
  'nats.address=https://nats.example.com',
  'log.level=verbose',
  'log.format=xml',
  'spread.whenUnsatisfiable=Never',
  'console.url=http://console.example.com',
])('%s is refused', async (setting) => {
  const path = setting.split(/[=[{]/)[0] ?? ''
  // The schema names the value: in its dotted form, or as a path of JSON.
  await expect(renderChart(setting)).rejects.toThrow(new RegExp(path.split('.').slice(0, 2).join('[./]')))
}, 60_000)
