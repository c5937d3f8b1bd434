// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import { saysOf, without } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { absenceRows, type WaitRow } from './row.ts'

const node: Where = ['computeNodes', { name: 'c3' }]
const COMPUTE = { 'nephele.dev/compute': 'libvirt' }

async function silenceAll(c: QuietCloud): Promise<void> {
  c.addNode('c3')
  await c.operator.rest()
  c.operator.silence('c1', 'c2', 'c3', 's1')
}

/** A report with more addresses than a node can have. */
const phantom = (c: QuietCloud, state: string) => {
  const addresses = Array.from({ length: 64 }, (_, i) => `10.0.0.${i}`)
  const nics = Array.from({ length: 64 }, () => ({ mac: 'fa:16:3e:00:00:99', addresses }))
  return { ...c.report('instance', 'x1', 'c1'), state, facts: { nics } }
}

/** One end of a wait for name servers that do not answer with these errors, or answer. */
const resolverSays = (...errors: (string | undefined)[]) => {
  const since = '2026-01-01T00:00:00Z'
  const upstreams = errors.map((error, i) => ({ address: `192.0.2.${i}`, since, ...(error ? { error } : {}) }))
  return (c: QuietCloud): void => c.operator.report('c3', { resolver: { from: 'cloud', upstreams } })
}
/** The Cloud's answers, and that of a ProviderNetwork does not with this error, or does. */
const providerNetworkSays = (error: string | undefined) => {
  const well = { address: '192.0.2.0', since: '2026-01-01T00:00:00Z' }
  const own = { ...well, address: '192.0.2.9', ...(error ? { error } : {}) }
  const ofProviderNetworks = [{ providerNetwork: 'dc', upstreams: [own] }]
  return (c: QuietCloud): void =>
    c.operator.report('c3', { resolver: { from: 'cloud', upstreams: [well], ofProviderNetworks } })
}
const resolverRow = (reason: string, ...errors: (string | undefined)[]): WaitRow => ({
  ...{ reason, of: 'ResolverReady', where: node, next: 'UpstreamsAnswer' },
  waits: (c) => {
    c.addNode('c3')
    resolverSays(...errors)(c)
  },
  ends: resolverSays(undefined),
})

/** CPU 1 of two is for machines of their own, or none is. */
const twoCpus = (dedicatedCpus: number[]) => {
  const cpus = [0, 1].map((id) => ({ id, core: id, socket: 0, siblings: [id] }))
  return { dedicatedCpus, cpus: 2, numa: [{ id: 0, memoryMiB: 4096, cpus, hugepages: [] }] }
}
const overdrawn = async (c: QuietCloud): Promise<void> => {
  c.addNode('c3', {}, twoCpus([1]))
  c.make('flavors', 'own', { extraSpecs: { 'hw:cpu_policy': 'dedicated' } })
  await c.operator.rest()
  c.vm('vm', { flavorRef: { name: 'own' } })
  await c.operator.rest()
  c.operator.report('c3', twoCpus([]))
}

export const NODE_ROWS: WaitRow[] = [
  {
    ...{ reason: 'CellsOverdrawn', where: node, by: 'which it gives again' },
    waits: overdrawn,
    ends: (c) => c.operator.report('c3', twoCpus([1])),
  },
  {
    ...{ reason: 'CellsOverdrawn', where: node, by: 'whose machine goes' },
    waits: overdrawn,
    // What machines claim of a node is looked at half a minute later.
    ends: async (c) => {
      c.operator.remove('instances', ns('vm'))
      await c.operator.rest()
      for (const call of c.operator.later.splice(0)) call()
    },
  },
  {
    reason: 'AgentUnknown',
    where: node,
    waits: (c) => {
      c.operator.create('nodes', { name: 'c3' }, {}, { labels: COMPUTE })
      c.operator.report('c3')
    },
    ends: (c) => c.operator.beat('c3'),
  },
  {
    reason: 'InventoryMissing',
    where: node,
    waits: async (c) => {
      c.operator.create('nodes', { name: 'c3' }, {}, { labels: COMPUTE })
      await c.operator.rest()
      c.operator.beat('c3')
    },
    ends: (c) => c.operator.report('c3'),
  },
  {
    reason: 'SettingUp',
    where: node,
    waits: (c) => {
      c.operator.answer = without('node')
      c.addNode('c3')
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'Degraded',
    where: node,
    waits: (c) => {
      c.operator.answer = saysOf('node', () => ({ state: 'degraded' }))
      c.addNode('c3')
    },
    ends: (c) => c.answersAll(),
  },
  ...absenceRows(node, { node: 'c3', silent: 'AgentSilent', lost: 'Lost', begins: (c) => c.addNode('c3') }),
  {
    reason: 'NodeMissing',
    where: node,
    waits: async (c) => {
      c.addNode('c3')
      await c.operator.rest()
      c.operator.remove('nodes', { name: 'c3' })
    },
    ends: (c) => void c.operator.create('nodes', { name: 'c3' }, {}, { labels: COMPUTE }),
  },
  {
    reason: 'BusManyNodesSilent',
    where: ['clouds', { name: CLOUD_NAME }],
    waits: silenceAll,
    ends: (c) => {
      for (const name of ['c1', 'c2', 'c3', 's1']) c.operator.beat(name)
      c.operator.world.bus.heartbeats.tick()
    },
  },
  {
    reason: 'BusDisconnected',
    where: ['clouds', { name: CLOUD_NAME }],
    waits: (c) => c.operator.world.bus.heartbeats.connected(false),
    ends: (c) => c.operator.world.bus.heartbeats.connected(true),
  },
  {
    reason: 'NetworkUnreachable',
    where: ['clouds', { name: CLOUD_NAME }],
    waits: (c) => c.operator.world.network.setHealth({ status: 'False', reason: 'Unreachable', message: 'm' }),
    ends: (c) => c.operator.world.network.setHealth({ status: 'True', reason: 'Healthy', message: 'm' }),
  },
  {
    reason: 'PortsTaken',
    where: node,
    waits: async (c) => {
      c.addNode('c3')
      await c.operator.rest()
      c.operator.world.network.setTaken([{ uid: 'u', node: 'c3', wanted: 'c1' }])
    },
    ends: (c) => c.operator.world.network.setTaken([]),
  },
  {
    ...{
      reason: 'MachinesUnknown',
      of: 'MachineClaims',
      where: ['computeNodes', { name: 'c1' }],
      next: 'MachinesOnRecord',
    },
    waits: (c) => c.operator.world.bus.report(phantom(c, 'running')),
    ends: (c) => c.operator.world.bus.report(phantom(c, 'gone')),
  },
  resolverRow('UpstreamNotAnswering', 'no answer in time'),
  resolverRow('SomeUpstreamsSilent', 'no answer in time', undefined),
  resolverRow('NoUpstreams'),
  {
    ...{ reason: 'ResolverAway', of: 'ResolverReady', where: node, next: 'UpstreamsAnswer' },
    waits: (c) => {
      c.addNode('c3')
      const awaySince = '2026-01-01T00:00:00Z'
      c.operator.report('c3', { resolver: { from: 'node', upstreams: [], awaySince } })
    },
    ends: resolverSays(undefined),
  },
  {
    ...{ reason: 'UpstreamNotAnswering', by: 'those of a ProviderNetwork', of: 'ResolverReady' },
    ...{ where: node, next: 'UpstreamsAnswer' },
    waits: (c) => {
      c.addNode('c3')
      providerNetworkSays('no answer in time')(c)
    },
    ends: providerNetworkSays(undefined),
  },
]
