// SPDX-License-Identifier: Apache-2.0
// The chart on a real cluster: two nodes with kubelet and containerd. One story, in order.
import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  CLOUD,
  CLOUD_NAME,
  COMPUTE_NODE,
  FLAVOR,
  IMAGE,
  INSTANCE,
  LEASE,
  NAMESPACE as NAMESPACE_KIND,
  NETWORK,
  SECRET,
  STORAGE_POOL,
  SUBNET,
  VOLUME,
  VOLUME_TYPE,
} from '../../lib/api/kinds.ts'
import type { Cloud, Instance } from '../../lib/api/types.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { NAMESPACE } from '../../local/services/tokens.ts'
import * as draft from '../harness/objects.ts'
import { readBundleOfJob, readSupportBundle } from './support-bundle.ts'
import { waitForGone, waitForReady, waitUntilTrue } from '../harness/wait.ts'
import {
  agentMetrics,
  findProcesses,
  guestIdentity,
  helm,
  installByCommand,
  kubectl,
  natsStreams,
  lastWords,
  podsOf,
  startEnvironment,
  upgrade,
  waitForMark,
  waitForRollout,
  type TestEnvironment,
} from './harness.ts'

const MINUTE_MS = 60_000
const WORKLOADS = [
  'statefulset/nephele-nats',
  'statefulset/nephele-ovn',
  'deployment/nephele-operator',
  'daemonset/nephele-agent',
  'daemonset/nephele-resolver',
  'daemonset/nephele-agent-metrics',
]
const at = (name: string) => ({ namespace: 'machines', name })

let env: TestEnvironment
let vmA: Instance
let vmB: Instance

beforeAll(async () => {
  env = await startEnvironment()
}, 30 * MINUTE_MS)
afterAll(() => env?.close(), MINUTE_MS)

const create = (kind: ResourceKind, object: { metadata: { name: string; namespace?: string } }) =>
  env.cluster.client.create<KubeObject>(kind, object)
const ready = <T extends KubeObject>(kind: ResourceKind, ref: { namespace?: string; name: string }) =>
  waitForReady<T>(env.cluster.client, kind, ref, 2 * MINUTE_MS)
const identities = () => Promise.all([vmA, vmB].map((vm) => guestIdentity(env, vm)))
const volumeServers = () => findProcesses(env.cluster.nodes[0], 'qemu-storage-daemon')
const zone = (node: 0 | 1) => ({ availabilityZone: env.cluster.nodes[node].zone })
const scriptPinging = (address: string) =>
  `#!/bin/sh\nuntil ping -c 1 -W 1 ${address}; do :; done\necho "MARK reached $(cut -d ' ' -f 1 /proc/uptime) ${address}"\n`

async function leader(): Promise<string> {
  const ref = { namespace: NAMESPACE, name: 'nephele-operator' }
  const lease = await env.cluster.client.get<KubeObject & { spec: { holderIdentity?: string } }>(LEASE, ref)
  return lease.spec.holderIdentity ?? ''
}

test(
  'npm run cloud -- --kubeconfig FILE installs it, and every part becomes ready',
  async () => {
    expect(await installByCommand(env)).toContain('Installed.')
    for (const workload of WORKLOADS) await waitForRollout(env, workload)
    for (const { name } of env.cluster.nodes) await ready(COMPUTE_NODE, { name })
    // Both of OVN's databases answer the operator, each by a certificate of its own, and northd does its part.
    const { status } = await ready<Cloud>(CLOUD, { name: CLOUD_NAME })
    const healthy = { type: 'NetworkBackendHealthy', status: 'True', reason: 'Healthy' }
    expect(status?.conditions).toContainEqual(expect.objectContaining(healthy))
  },
  10 * MINUTE_MS,
)

test(
  'helm test says that the Cloud and its nodes are ready',
  async () => {
    const said = await helm(env, ['test', 'nephele', '--logs'])
    expect(said).toMatch(/Phase: +Succeeded/)
    for (const part of ['Cloud default', ...env.cluster.nodes.map(({ name }) => `ComputeNode ${name}`)])
      expect(said).toContain(`ready     ${part}`)
  },
  4 * MINUTE_MS,
)

test(
  'of two operators one leads, and the other follows it',
  async () => {
    const operators = (await podsOf(env, 'operator')).map((pod) => pod.name)
    expect(operators).toHaveLength(2)
    const first = await leader()
    const leading = operators.find((name) => first.startsWith(name)) ?? ''
    expect(operators).toContain(leading)
    await kubectl(env, ['-n', NAMESPACE, 'delete', 'pod', leading])
    const hasChanged = async () => !['', first].includes(await leader()) || undefined
    await waitUntilTrue('another leader', hasChanged, MINUTE_MS)
    await waitForRollout(env, 'deployment/nephele-operator')
  },
  3 * MINUTE_MS,
)

test(
  'machines on both nodes boot, have addresses, reach each other, and a volume of the other node',
  async () => {
    await create(NAMESPACE_KIND, { metadata: { name: at('').namespace } })
    await create(FLAVOR, draft.flavor('small'))
    await create(STORAGE_POOL, { metadata: { name: 'files' }, ...{ spec: { driver: 'file', file: {} } } })
    const volumeType = { storagePoolRef: { name: 'files' }, default: true }
    await create(VOLUME_TYPE, { metadata: { name: 'files' }, ...{ spec: volumeType } })
    await create(IMAGE, draft.image(at('guest'), env.image))
    await create(NETWORK, draft.network(at('net')))
    await create(SUBNET, draft.subnet(at('net'), 'net', '10.20.0.0/24'))
    await create(VOLUME, draft.volume(at('data')))
    const networks = [{ networkRef: { name: 'net' } }]
    await create(INSTANCE, draft.instance(at('vm-a'), { networks, ...zone(0) }))
    vmA = await ready<Instance>(INSTANCE, at('vm-a'))
    const address = vmA.status?.addresses?.[0]?.ipAddress ?? ''
    expect(address).toMatch(/^10\.20\.0\.\d+$/)
    const volumes = [{ volumeRef: { name: 'data' } }]
    const userData = scriptPinging(address)
    await create(INSTANCE, draft.instance(at('vm-b'), { networks, volumes, userData, ...zone(1) }))
    vmB = await ready<Instance>(INSTANCE, at('vm-b'))
    expect([vmA.status?.node, vmB.status?.node]).toEqual(env.cluster.nodes.map((node) => node.name))
    await waitForMark(env, vmA, 'login')
    const marks = await waitForMark(env, vmB, 'login')
    expect(marks.find((m) => m.what === 'reached')?.rest).toBe(address)
    expect(marks.find((m) => m.what === 'disk')?.rest).toMatch(/^\/dev\/vdb/)
    // The resolver of each node listens on their network, with no more rights than its pod has.
    const resolvers = ['-n', NAMESPACE, 'logs', '-l', 'app.kubernetes.io/component=resolver', '--tail=-1']
    const listening = async () => (await kubectl(env, resolvers)).match(/names resolved/g)?.length === 2 || undefined
    await waitUntilTrue('both resolvers to listen', listening, MINUTE_MS)
  },
  5 * MINUTE_MS,
)

test(
  'metrics of each agent are read by a pod that has no rights, and not at the node’s own address',
  async () => {
    for (const node of env.cluster.nodes) {
      const page = await agentMetrics(env, node.name)
      expect(page).toContain('nephele_agent_objects{kind="instance",state="running"} 1\n')
      expect(page).toContain('nephele_bus_connected{connection="agent"} 1\n')
      expect((await node.run(['stat', '-c', '%a %u %g', '/run/nephele/metrics/agent.sock'])).trim()).toBe('660 0 65532')
      expect(await node.run(['sh', '-c', 'curl --silent --max-time 2 http://127.0.0.1:8080/metrics || echo nobody'])).toContain('nobody') // prettier-ignore
    }
  },
  MINUTE_MS,
)

test(
  'a support bundle has objects, logs and what the programs of a node say, and nothing of a Secret',
  async () => {
    const canary = 'canary-in-a-secret'
    await create(SECRET, { metadata: at('hidden'), stringData: { key: canary } } as never)
    const node = env.cluster.nodes[0].name
    const files = await readSupportBundle(env, [node])
    expect(files.get('README.txt')).toContain('All could be read.')
    expect(files.get('objects/instances.yaml')).toContain(vmA.metadata.uid)
    expect(files.get('events.txt')).toContain('Instance machines/')
    expect(files.get(`nodes/${node}/virsh-list.txt`)).toContain(`nephele-${vmA.metadata.uid}`)
    expect(files.get(`nodes/${node}/ovs-vsctl-show.txt`)).toContain('br-int')
    expect(files.get(`nodes/${node}/check.txt`)).toMatch(/^ok +libvirtd answers: libvirt \d/m)
    const paths = [...files.keys()]
    expect(paths.filter((path) => /^logs\/.*\/agent\.log$/.test(path))).toHaveLength(1)
    expect(paths.filter((path) => /^logs\/.*\/operator\.log$/.test(path))).toHaveLength(2)
    expect(files.get(paths.find((path) => path.endsWith('ovn-sbctl-show.txt')) ?? '')).toContain(node)
    const all = [...files.values()].join('\n')
    for (const secret of [canary, Buffer.from(canary).toString('base64'), 'PRIVATE KEY-----'])
      expect(all).not.toContain(secret)
    const ofJob = await readBundleOfJob(env)
    expect(ofJob.get('objects/instances.yaml')).toContain(vmA.metadata.uid)
    expect([...ofJob.keys()].filter((path) => /^logs\/.*\/operator\.log$/.test(path))).toHaveLength(2)
    expect(ofJob.get('README.txt')).toContain('nothing may be run in pods from here')
    expect([...ofJob.values()].join('\n')).not.toContain(canary)
    await env.cluster.client.remove(SECRET, at('hidden'))
  },
  3 * MINUTE_MS,
)

test(
  'deleting the agents touches no machine and no volume, and new agents take them over',
  async () => {
    const [before, servers, agents] = [await identities(), await volumeServers(), await podsOf(env, 'agent')]
    expect(before.map(({ pids, boots }) => [pids.length, boots.length])).toEqual([
      [1, 1],
      [1, 1],
    ])
    expect(servers).toHaveLength(1)
    // What runs in a pod's control groups ends with the pod.
    for (const { cgroups } of servers) expect(cgroups).not.toContain('kubepods')
    await kubectl(env, ['-n', NAMESPACE, 'delete', 'pod', ...agents.map((pod) => pod.name)])
    await waitForRollout(env, 'daemonset/nephele-agent')
    const now = (await podsOf(env, 'agent')).map((pod) => pod.uid)
    expect(now.filter((uid) => agents.some((pod) => pod.uid === uid))).toEqual([])
    expect(await identities()).toEqual(before)
    expect(await volumeServers()).toEqual(servers)
    // They work: a machine that is made now runs.
    await create(INSTANCE, draft.instance(at('later'), zone(0)))
    await ready(INSTANCE, at('later'))
    await env.cluster.client.remove(INSTANCE, at('later'))
    await waitForGone(env.cluster.client, INSTANCE, at('later'), MINUTE_MS)
  },
  5 * MINUTE_MS,
)

test(
  'kubectl drain waits for the machines of a node, and for nothing when they are off',
  async () => {
    const { name } = env.cluster.nodes[1]
    const drain = (timeout: string) =>
      kubectl(env, [
        'drain',
        name,
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        `--timeout=${timeout}`,
        '--pod-selector',
        'nephele.dev/drain-hold',
      ])
    const runState = (state: string) =>
      kubectl(env, [
        '-n',
        at('').namespace,
        'patch',
        'ninst',
        'vm-b',
        '--type=merge',
        '-p',
        `{"spec":{"runState":"${state}"}}`,
      ])
    const holds = async () =>
      (await kubectl(env, ['-n', 'nephele-drain', 'get', 'pods,pdb', '-o', 'name'])).trim().split('\n').filter(Boolean)
    const running = ['get', 'pods', `--field-selector=spec.nodeName=${name},status.phase=Running`, '-o', 'name']
    await waitUntilTrue(
      'the hold runs',
      async () =>
        (await kubectl(env, ['-n', 'nephele-drain', ...running])).includes(`machines-run-on-${name}`) || undefined,
      MINUTE_MS,
    )
    expect(await holds()).toHaveLength(4)
    await expect(drain('8s')).rejects.toThrow(`machines-run-on-${name}`)
    const waiting = drain('120s')
    await runState('Stopped')
    await waiting
    expect((await holds()).filter((hold) => hold.endsWith(name))).toEqual([])
    await kubectl(env, ['uncordon', name])
    await runState('Running')
    const hasBootedAgain = async () => (await guestIdentity(env, vmB)).boots.length === 2 || undefined
    await waitUntilTrue('vm-b boots again', hasBootedAgain, MINUTE_MS)
    await waitForMark(env, vmB, 'login')
    await waitUntilTrue('the hold is back', async () => (await holds()).length === 4 || undefined, MINUTE_MS)
  },
  5 * MINUTE_MS,
)

test(
  'every document has three copies: a server of the bus goes, and new machines still come',
  async () => {
    const { streams } = await natsStreams(env)
    expect(streams.map((s) => s.config.num_replicas)).toEqual(streams.map(() => 3))
    // The one that answers for desired documents, so that another has to take over.
    const server = streams.find((s) => s.name === 'KV_desired')?.cluster.leader ?? ''
    await kubectl(env, ['-n', NAMESPACE, 'delete', 'pod', server, '--wait=false'])
    await create(INSTANCE, draft.instance(at('meanwhile'), zone(1)))
    await ready(INSTANCE, at('meanwhile'))
    await env.cluster.client.remove(INSTANCE, at('meanwhile'))
    await waitForGone(env.cluster.client, INSTANCE, at('meanwhile'), MINUTE_MS)
    await waitForRollout(env, 'statefulset/nephele-nats')
  },
  4 * MINUTE_MS,
)

test(
  'helm upgrade replaces the agents and leaves machines running',
  async () => {
    const [before, agents] = [await identities(), await podsOf(env, 'agent')]
    await upgrade(env, ['agent.podAnnotations.example\\.com/changed=yes'])
    await waitForRollout(env, 'daemonset/nephele-agent')
    const now = (await podsOf(env, 'agent')).map((pod) => pod.uid)
    expect(now.filter((uid) => agents.some((pod) => pod.uid === uid))).toEqual([])
    expect(await identities()).toEqual(before)
  },
  5 * MINUTE_MS,
)

test(
  'a certificate of the bus is renewed by the daily Job, and nothing starts again',
  async () => {
    const secret = ['-n', NAMESPACE, 'get', 'secret', 'nephele-nats-tls', '-o', 'jsonpath={.data.tls\\.crt}']
    const certificate = async () => new X509Certificate(Buffer.from(await kubectl(env, secret), 'base64')).serialNumber
    const [before, servers, machines] = [await certificate(), await podsOf(env, 'nats'), await identities()]
    // One that cannot be read is as due as one that is old.
    const broken = JSON.stringify({ stringData: { 'tls.crt': 'oops' } })
    await kubectl(env, ['-n', NAMESPACE, 'patch', 'secret', 'nephele-nats-tls', '-p', broken])
    await kubectl(env, ['-n', NAMESPACE, 'create', 'job', 'renew-now', '--from=cronjob/nephele-certificates'])
    await kubectl(
      env,
      ['-n', NAMESPACE, 'wait', '--for=condition=complete', '--timeout=120s', 'job/renew-now'],
      130_000,
    )
    const renewed = await certificate()
    expect(renewed).not.toBe(before)
    const listed = await kubectl(env, ['-n', NAMESPACE, 'get', 'configmap', 'nephele-certificates', '-o', 'json'])
    const { data } = JSON.parse(listed) as { data: Record<string, string> }
    expect(Object.keys(data)).toEqual(expect.arrayContaining(['nephele-ca', 'nephele-nats-tls', 'nephele-ovn-tls']))
    const asks = { type: 'CertificatesValid', status: 'True' }
    expect((await env.cluster.client.find<Cloud>(CLOUD, { name: 'default' }))?.status?.conditions).toContainEqual(
      expect.objectContaining(asks),
    )
    expect([await podsOf(env, 'nats'), await identities()]).toEqual([servers, machines])
  },
  4 * MINUTE_MS,
)

test(
  'a value that no node can work with takes one agent down and no other, which says why; helm rollback mends it',
  async () => {
    const [before, agents] = [await identities(), await podsOf(env, 'agent')]
    await upgrade(env, ['agent.tunnelNetwork=10.77.0.0/24'])
    const said = await waitUntilTrue('the new agent has ended twice', () => lastWords(env, 'agent', 2), 2 * MINUTE_MS)
    expect(said.trim().split('\n')).toHaveLength(1)
    expect(said).toContain('10.77.0.0/24')
    const now = (await podsOf(env, 'agent')).map(({ uid }) => uid)
    expect(agents.filter(({ uid }) => now.includes(uid))).toHaveLength(agents.length - 1)
    await helm(env, ['rollback', 'nephele'])
    await waitForRollout(env, 'daemonset/nephele-agent')
    expect(await identities()).toEqual(before)
  },
  6 * MINUTE_MS,
)

test(
  'larger volumes: helm upgrade says how; as docs/install.md has it, the pods go on',
  async () => {
    const larger = ['nats.storage.sizeGiB=5']
    await expect(upgrade(env, larger)).rejects.toThrow('nats.storage.sizeGiB: the volumes of nephele-nats have 4Gi')
    const [before, servers] = [await identities(), await podsOf(env, 'nats')]
    await kubectl(env, ['-n', NAMESPACE, 'delete', 'statefulset', 'nephele-nats', '--cascade=orphan'])
    expect(await podsOf(env, 'nats')).toEqual(servers)
    await upgrade(env, larger)
    await waitForRollout(env, 'statefulset/nephele-nats')
    const claimed = [
      'get',
      'statefulset',
      'nephele-nats',
      '-o',
      'jsonpath={..volumeClaimTemplates[0].spec.resources.requests.storage}',
    ]
    expect(await kubectl(env, ['-n', NAMESPACE, ...claimed])).toBe('5Gi')
    await create(INSTANCE, draft.instance(at('grown'), zone(0)))
    await ready(INSTANCE, at('grown'))
    await env.cluster.client.remove(INSTANCE, at('grown'))
    await waitForGone(env.cluster.client, INSTANCE, at('grown'), MINUTE_MS)
    expect(await identities()).toEqual(before)
  },
  8 * MINUTE_MS,
)

test(
  'helm uninstall keeps definitions, objects, keys and machines; installing again takes them over',
  async () => {
    const before = await identities()
    await helm(env, ['uninstall', 'nephele', '--wait'])
    const kept = await kubectl(env, ['-n', NAMESPACE, 'get', 'secret,pvc', '-o', 'name'])
    expect(kept.split('\n')).toEqual(
      expect.arrayContaining(['secret/nephele-ca', 'persistentvolumeclaim/data-nephele-ovn-0']),
    )
    expect((await env.cluster.client.get<Instance>(INSTANCE, at('vm-a'))).metadata.uid).toBe(vmA.metadata.uid)
    expect(await identities()).toEqual(before)

    await installByCommand(env)
    for (const workload of WORKLOADS) await waitForRollout(env, workload)
    await create(INSTANCE, draft.instance(at('again'), zone(1)))
    await ready(INSTANCE, at('again'))
    await ready(INSTANCE, at('vm-a'))
    await ready(INSTANCE, at('vm-b'))
    expect(await identities()).toEqual(before)
  },
  8 * MINUTE_MS,
)

test(
  'deleting what was made leaves no guest and no volume server',
  async () => {
    const gone = async (kind: ResourceKind, names: readonly string[]) => {
      await Promise.all(names.map((name) => env.cluster.client.remove(kind, at(name))))
      for (const name of names) await waitForGone(env.cluster.client, kind, at(name), MINUTE_MS)
    }
    await gone(INSTANCE, ['vm-a', 'vm-b', 'again'])
    await gone(VOLUME, ['data'])
    for (const node of env.cluster.nodes) expect(await findProcesses(node, 'guest=nephele-')).toEqual([])
    expect(await volumeServers()).toEqual([])
  },
  3 * MINUTE_MS,
)
