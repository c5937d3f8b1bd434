// SPDX-License-Identifier: Apache-2.0
// What Helm makes of the chart. That it works in a cluster is e2e/cluster's to show.
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { fieldsOf, readCrds } from '../crds/suite/schema.ts'
import { CUSTOM_KINDS } from '../lib/api/kinds.ts'
import { exec } from '../lib/exec.ts'
import { programPath } from '../local/build/programs.ts'

const CHART = join(dirname(fileURLToPath(import.meta.url)), 'nephele')

interface PodTemplate {
  metadata?: { annotations?: Record<string, string> }
  spec: {
    hostNetwork?: boolean
    securityContext?: { runAsNonRoot?: boolean }
    containers: {
      name: string
      terminationMessagePolicy?: string
      securityContext?: { privileged?: boolean; readOnlyRootFilesystem?: boolean }
      volumeMounts?: { name: string; mountPath: string; readOnly?: boolean; mountPropagation?: string }[]
    }[]
    volumes?: { name: string; hostPath?: { path: string } }[]
  }
}
interface Manifest {
  data?: Record<string, string>
  kind: string
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> }
  rules?: { apiGroups?: string[]; resources?: string[]; verbs?: string[] }[]
  spec?: { template?: PodTemplate; jobTemplate?: { spec: { template: PodTemplate } }; matchConstraints?: { resourceRules: { resources: string[] }[] } }
}

let helmHome: string
let manifests: Manifest[]

beforeAll(async () => {
  helmHome = mkdtempSync(join(tmpdir(), 'nephele-chart-'))
  manifests = await render()
}, 15 * 60_000)
afterAll(() => rmSync(helmHome, { recursive: true, force: true }))

async function render(
  settings: readonly string[] = [],
  namespace = 'nephele-system',
  chart = CHART,
): Promise<Manifest[]> {
  const args = ['template', 'nephele', chart, '--namespace', namespace, ...settings.flatMap((s) => ['--set', s])]
  const env = { ...process.env, HELM_CACHE_HOME: helmHome, HELM_CONFIG_HOME: helmHome }
  const { stdout } = await exec([await programPath('helm'), ...args], { timeoutMs: 60_000, env })
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
}

const workloads = () => manifests.filter((m) => ['Deployment', 'DaemonSet', 'StatefulSet', 'Job', 'CronJob'].includes(m.kind))
const templateOf = ({ spec }: Manifest): PodTemplate | undefined => spec?.template ?? spec?.jobTemplate?.spec.template

test('no role holds a wildcard, and the agent has none at all', () => {
  const roles = manifests.filter((m) => m.kind === 'Role' || m.kind === 'ClusterRole')
  expect(roles.length).toBeGreaterThan(5)
  for (const { metadata, rules = [] } of roles) {
    const words = rules.flatMap((rule) => [...(rule.apiGroups ?? []), ...(rule.resources ?? []), ...(rule.verbs ?? [])])
    expect({ role: metadata.name, wildcards: words.filter((word) => word.includes('*')) }).toEqual({
      role: metadata.name,
      wildcards: [],
    })
  }
  const bindings = manifests.filter((m) => m.kind.endsWith('RoleBinding'))
  expect(JSON.stringify(bindings)).not.toContain('nephele-agent')
})

describe('what is said of a kind in crds/ decides who may do what with it', () => {
  const ofKinds = CUSTOM_KINDS.map(({ plural }) => plural).sort()
  const without = (...plurals: string[]) => ofKinds.filter((plural) => !plurals.includes(plural))
  const ruled = ['quotas']
  const clusterWide = CUSTOM_KINDS.filter(({ namespaced }) => !namespaced).map(({ plural }) => plural)
  const withProtection = readCrds()
    .filter((crd) => fieldsOf(crd).some(({ path }) => path === 'spec.deletionProtection'))
    .map(({ spec }) => spec.names.plural)
    .sort()
  const resourcesOf = (role: string, verb: string) =>
    manifests
      .filter((m) => m.kind === 'ClusterRole' && m.metadata.name === role)
      .flatMap((m) => m.rules ?? [])
      .filter((rule) => rule.apiGroups?.includes('nephele.dev') && rule.verbs?.includes(verb))
      .flatMap((rule) => rule.resources ?? [])
      .sort()

  test.each([
    ['nephele-operator', 'watch', ofKinds],
    ['nephele-operator', 'patch', without('ipclaims')],
    ['nephele-operator', 'update', [...without('ipclaims').map((plural) => `${plural}/status`), 'ipclaims'].sort()],
    ['nephele-view', 'watch', without(...clusterWide)],
    ['nephele-edit', 'create', without('ipclaims', ...ruled, ...clusterWide)],
    ['nephele-admin', 'delete', without('ipclaims', ...ruled, ...clusterWide)],
    ['nephele-cloud-admin', 'create', [...clusterWide, ...ruled].sort()],
    ['nephele-catalog', 'get', ['flavors', 'volumetypes']],
    [
      ...(['nephele-sdn-controller', 'watch'] as const),
      ['addressgroups', 'computenodes', 'networks', 'ports', 'providernetworks', 'securitygroups', 'subnets'],
    ],
    ...(['create', 'patch', 'update', 'delete'].map((verb) => ['nephele-sdn-controller', verb, []]) as [string, string, string[]][]),
  ])('%s: %s', (role, verb, resources) => expect(resourcesOf(role, verb)).toEqual(resources))

  test.each([
    ['finalizers.nephele.dev', without('clouds', 'consoleaccesses', 'instanceactions', 'ipclaims', 'placementpreviews', 'quotas', 'volumetypes')],
    ['held-objects.nephele.dev', without('clouds', 'consoleaccesses', 'instanceactions', 'ipclaims', 'placementpreviews', 'quotas', 'volumetypes')],
    ['deletion-protection.nephele.dev', withProtection],
  ])('%s', (name, resources) => {
    const policy = manifests.find((m) => m.kind === 'ValidatingAdmissionPolicy' && m.metadata.name === name)
    expect(policy?.spec?.matchConstraints?.resourceRules.map((rule) => rule.resources)).toEqual([resources])
  })
})

test('the databases of OVN start anew when their scripts or the role of nodes change, and not for other values', async () => {
  const annotationsOf = (of: Manifest[]) =>
    of.find((m) => m.kind === 'StatefulSet' && m.metadata.name === 'nephele-ovn')?.spec?.template?.metadata?.annotations
  const before = annotationsOf(manifests)
  expect(before).toEqual({ 'checksum/scripts': expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(annotationsOf(await render(['agent.tunnelNetwork=10.99.0.0/24']))).toEqual(before)
  const changed = join(helmHome, 'changed')
  for (const file of ['files/southbound-role.json', 'templates/ovn/statefulset.yaml']) {
    cpSync(CHART, changed, { recursive: true })
    if (file.endsWith('.json')) appendFileSync(join(changed, file), '\n ')
    else replaceIn(join(changed, file), 'sleep 1', 'sleep 2')
    expect(annotationsOf(await render([], 'nephele-system', changed))).not.toEqual(before)
    rmSync(changed, { recursive: true })
  }
}, 60_000)

test('what renews certificates each day knows what bootstrap knows, reaches its Secrets alone, and makes none', async () => {
  const all = await render(['console.enabled=true', 'console.url=https://console.example.com'])
  const find = (kind: string, name: string) => all.find((m) => m.kind === kind && m.metadata.name === name)
  const job = find('Job', 'nephele-bootstrap')
  const cron = find('CronJob', 'nephele-certificates')
  expect(cron?.metadata.annotations).toBeUndefined()
  const [first, daily] = [job, cron].map((m) => (m && templateOf(m)?.spec) as { containers: { env: { name: string }[] }[] } | undefined)
  const isOfRenewal = ({ name }: { name: string }) => name === 'NEPHELE_RENEW_ONLY'
  expect(daily?.containers[0]?.env.filter((variable) => !isOfRenewal(variable))).toEqual(first?.containers[0]?.env)
  expect(daily?.containers[0]?.env.filter(isOfRenewal)).toEqual([{ name: 'NEPHELE_RENEW_ONLY', value: 'true' }])
  const of = (name: string) => find('Role', name)?.rules ?? []
  const more = of('nephele-bootstrap').filter((rule) => !of('nephele-certificates').some((known) => JSON.stringify(known) === JSON.stringify(rule)))
  const keys = ['nephele-nats-keys', 'nephele-nats-config', 'nephele-nats-routes-password']
  expect(more.map((rule) => [rule.verbs, (rule as { resourceNames?: string[] }).resourceNames])).toEqual([
    [['create'], undefined],
    [['get', 'update'], keys],
  ])
  expect(of('nephele-certificates').map(({ verbs }) => verbs)).toEqual([['get', 'update'], ['get', 'update']])
}, 60_000)

test('every container says by its last lines why it ended, in kubectl describe', async () => {
  const all = await render(['console.enabled=true', 'console.url=https://console.example.com', 'monitoring.agents.enabled=true'])
  const pods = all.flatMap((m) => (m.kind === 'Pod' ? (m as unknown as PodTemplate).spec : (templateOf(m)?.spec ?? [])))
  const policies = pods.flatMap((pod) => pod.containers.map((c) => [c.name, c.terminationMessagePolicy]))
  expect(policies.map(([name]) => name)).toEqual(
    expect.arrayContaining(['agent', 'operator', 'nats', 'northd', 'resolver', 'console', 'relay', 'bootstrap', 'install-check', 'support-bundle']),
  )
  expect(policies.filter(([, policy]) => policy !== 'FallbackToLogsOnError')).toEqual([])
}, 60_000)

test('northd computes flows by two threads, or as many as are asked for', async () => {
  const scriptOf = (of: Manifest[]) => of.find((m) => m.kind === 'ConfigMap' && m.metadata.name === 'nephele-ovn-scripts')?.data?.['northd.sh']
  expect(scriptOf(manifests)).toMatch(/exec ovn-northd .* --n-threads=2 /)
  expect(scriptOf(await render(['ovn.northdThreads=8']))).toMatch(/ --n-threads=8 /)
  await expect(render(['ovn.northdThreads=0'])).rejects.toThrow('northdThreads')
}, 60_000)

function replaceIn(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
}

test('the agent sees what the node mounts later, wherever it has a folder of the node', async () => {
  const agent = (await render(['agent.hostPaths={/srv/pool,/mnt/fast}'])).find((m) => m.metadata.name === 'nephele-agent' && m.kind === 'DaemonSet')
  const { containers = [], volumes = [] } = agent?.spec?.template?.spec ?? {}
  const ofNode = new Set(volumes.filter((v) => v.hostPath).map((v) => v.name))
  const mounts = containers.flatMap((c) => c.volumeMounts ?? []).filter((m) => ofNode.has(m.name))
  expect(mounts.map((m) => m.mountPath)).toEqual(expect.arrayContaining(['/var/lib/nephele', '/srv/pool', '/mnt/fast']))
  expect(mounts.filter((m) => m.mountPropagation === undefined)).toEqual([])
})

test('the operator reads its own two Secrets alone, makes such as a policy lets it, and what lets it read a namespace’s nobody binds for it', () => {
  const rulesOf = (kind: string, name: string) =>
    manifests
      .filter((m) => m.kind === kind && m.metadata.name === name)
      .flatMap((m) => m.rules ?? [])
      .filter((rule) => rule.resources?.includes('secrets'))
  expect(rulesOf('ClusterRole', 'nephele-operator')).toEqual([{ apiGroups: [''], resources: ['secrets'], verbs: ['create'] }])
  expect(rulesOf('Role', 'nephele-operator')).toMatchObject([
    { resourceNames: ['nephele-ca', 'nephele-nbd-ca'], verbs: ['get'] },
  ])
  expect(rulesOf('ClusterRole', 'nephele-user-data')).toEqual([
    { apiGroups: [''], resources: ['secrets'], verbs: ['get'] },
  ])
  const bindings = manifests.filter((m) => m.kind.endsWith('RoleBinding'))
  expect(bindings.length).toBeGreaterThan(1)
  expect(JSON.stringify(bindings)).not.toContain('nephele-user-data')
})

test('every process has a read-only root, and all but those of the nodes a user without rights; the agent alone is privileged', () => {
  expect(workloads().map((m) => `${m.kind}/${m.metadata.name}`)).toEqual(
    expect.arrayContaining([
      ...['Deployment/nephele-operator', 'DaemonSet/nephele-agent', 'DaemonSet/nephele-resolver'],
      ...['Job/nephele-bootstrap', 'CronJob/nephele-certificates'],
    ]),
  )
  for (const manifest of workloads()) {
    const { kind, metadata } = manifest
    const pod = templateOf(manifest)?.spec
    expect([metadata.name, (pod?.containers ?? []).length > 0]).toEqual([metadata.name, true])
    const isOfNode = kind === 'DaemonSet'
    const isAgent = metadata.name === 'nephele-agent'
    expect([metadata.name, pod?.securityContext?.runAsNonRoot ?? false]).toEqual([metadata.name, !isOfNode])
    expect([metadata.name, pod?.hostNetwork ?? false]).toEqual([metadata.name, isOfNode])
    for (const { securityContext } of pod?.containers ?? []) {
      expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true })
      expect(securityContext?.privileged ?? false).toBe(isAgent)
    }
  }
})

test('no network reaches what holds kubectl drain', () => {
  const policies = manifests.filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'nephele-drain')
  expect(policies.map(({ spec }) => spec)).toEqual([{ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }])
})

/** What the chart keeps from the control plane; e2e/cluster has no network plug-in that would enforce the policies. */
describe('the control plane is kept apart', () => {
  type Policy = Manifest & { spec: { podSelector: object; policyTypes: string[]; ingress: Rule[] } }
  interface Rule {
    from?: object[]
    ports: { port: number }[]
  }
  const pod = (component: string) => ({
    podSelector: { matchLabels: { 'app.kubernetes.io/name': 'nephele', 'app.kubernetes.io/component': component } },
  })
  /** Not of what holds kubectl drain, whose Pods say and hear nothing. */
  const isPolicyOfOurs = ({ kind, metadata }: Manifest) => kind === 'NetworkPolicy' && metadata.namespace === 'nephele-system'
  const reached = (from: readonly Manifest[]) =>
    from
      .filter(isPolicyOfOurs)
      .flatMap((m) =>
        (m as Policy).spec.ingress.map((rule) => [m.metadata.name, rule.ports.map((p) => p.port), rule.from ?? 'any']),
      )

  test('it runs on no node with a role, unless somebody says so', async () => {
    const terms = (from: readonly Manifest[]) =>
      from
        .filter((m) => m.kind === 'StatefulSet' || m.kind === 'Deployment')
        .map((m) => JSON.stringify((m.spec?.template?.spec as { affinity?: object }).affinity ?? {}))
    const labels = ['compute', 'network', 'storage', 'image'].map((role) => `nephele.dev/${role}`)
    expect(terms(manifests)).toHaveLength(3)
    for (const text of terms(manifests)) {
      for (const key of labels) expect(text).toContain(JSON.stringify({ key, operator: 'DoesNotExist' }))
    }
    expect(terms(await render(['isolation.awayFromNodes=false']))).toEqual(['{}', '{}', '{}'])
  })

  test('each of the three has a policy, and no port for monitoring or metrics is in one', () => {
    const policies = manifests.filter(isPolicyOfOurs) as Policy[]
    expect(policies.map((m) => [m.metadata.name, m.spec.policyTypes])).toEqual(
      ['nephele-nats', 'nephele-operator', 'nephele-ovn'].map((name) => [name, ['Ingress']]),
    )
    expect(reached(manifests)).toEqual([
      ['nephele-nats', [4222], 'any'],
      ['nephele-nats', [6222], [pod('nats')]],
      ['nephele-ovn', [6641, 6643], [pod('operator')]],
      ['nephele-ovn', [6642], 'any'],
    ])
  })

  test('with the nodes’ networks they say who may come', async () => {
    const nodes = { ipBlock: { cidr: '10.0.0.0/16' } }
    const labelled = { namespaceSelector: { matchLabels: { 'nephele.dev/bus': 'true' } } }
    const monitoring = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }
    const settings = ['isolation.nodeNetworks={10.0.0.0/16}', 'isolation.metricsNamespaces={monitoring}']
    expect(reached(await render(settings))).toEqual([
      ['nephele-nats', [4222], [pod('operator'), pod('console'), nodes, labelled]],
      ['nephele-nats', [6222], [pod('nats')]],
      ['nephele-operator', [8080], [monitoring]],
      ['nephele-ovn', [6641, 6643], [pod('operator')]],
      ['nephele-ovn', [6642], [nodes]],
    ])
  })

  test('only members of the bus mount what routes are known by, and nobody its authority', () => {
    const mounting = (secret: string) =>
      manifests.filter((m) => JSON.stringify(m).includes(`"secretName":"${secret}"`)).map((m) => m.metadata.name)
    expect(mounting('nephele-nats-routes-tls')).toEqual(['nephele-nats'])
    expect(mounting('nephele-nats-routes-ca')).toEqual([])
    expect(mounting('nephele-nats-routes-password')).toEqual([])
  })
})

describe('the console process', () => {
  const URL = 'console.url=https://console.example.com'

  test('is there when it is asked for, and then needs to know where users reach it', async () => {
    expect(JSON.stringify(workloads())).not.toContain('nephele-console')
    await expect(render(['console.enabled=true'])).rejects.toThrow('needs console.url')
    for (const url of ['http://x', 'https://x/y', 'x']) await expect(render([`console.url=${url}`])).rejects.toThrow('console')
  }, 60_000)

  test('is two, without rights, secrets of others or the node’s; operator and bootstrap know its URL', async () => {
    const all = await render(['console.enabled=true', URL])
    const found = all.find((m) => m.kind === 'Deployment' && m.metadata.name === 'nephele-console')
    const pod = found?.spec?.template?.spec
    expect(found?.spec).toMatchObject({ replicas: 2 })
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } })
    expect(pod?.containers?.map((c) => c.securityContext)).toEqual([
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    ])
    expect(JSON.stringify(pod?.volumes?.map((v) => v.name))).toBe('["ca","tls","token"]')
    const bound = all.filter((m) => m.kind.endsWith('RoleBinding') && JSON.stringify(m).includes('nephele-console'))
    expect(bound).toEqual([])
    const knowing = all.filter((m) => JSON.stringify(m).includes('"NEPHELE_CONSOLE_URL","value":"https://console.example.com"'))
    expect(knowing.map((m) => m.metadata.name).sort()).toEqual([
      ...['nephele-bootstrap', 'nephele-certificates', 'nephele-console', 'nephele-operator'],
    ])
    const nats = await render(['console.enabled=true', URL, 'isolation.nodeNetworks={10.0.0.0/16}'])
    const policy = nats.find((m) => m.kind === 'NetworkPolicy' && m.metadata.name === 'nephele-nats')
    expect(JSON.stringify(policy?.spec)).toContain('"app.kubernetes.io/component":"console"')
  }, 60_000)
})

test('definitions stay when the release goes', () => {
  const definitions = manifests.filter((m) => m.kind === 'CustomResourceDefinition')
  expect(definitions.length).toBeGreaterThanOrEqual(14)
  for (const { metadata } of definitions) {
    expect(metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' })
  }
})

describe('values that cannot work are refused with what to write', () => {
  test.each([
    [['agent.tunnelNetwork=10.99.0.1'], 'tunnelNetwork'],
    [['agent.hostPaths={../etc}'], 'hostPaths'],
    [['nats.replicas=two'], 'replicas'],
    [['isolation.nodeNetworks={10.0.0.1}'], 'nodeNetworks'],
    [['unknown=1'], 'unknown'],
    [['nats.enabled=false'], 'write nats.address'],
    [['ovn.enabled=false'], 'write ovn.northbound'],
  ])('%j', async (settings, message) => {
    await expect(render(settings)).rejects.toThrow(message)
  })

  test('another namespace', async () => {
    await expect(render([], 'default')).rejects.toThrow('nephele-system')
  })
})
