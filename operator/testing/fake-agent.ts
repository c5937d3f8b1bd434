// SPDX-License-Identifier: Apache-2.0
// An agent on the real runtime, whose roles are fake (nothing runs behind them) and, by a seed, late and forgetful: the handling of
// documents, versions, tombstones and reports is the product's own. For tests of the operator only.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toObservedNic } from '../../agents/compute/nics.ts'
import { findPorts } from '../../agents/compute/want.ts'
import { Agent } from '../../agents/node/agent.ts'
import type { AgentRole } from '../../agents/node/role.ts'
import type { DocumentRef, KindReconciler, Observation, RunContext, Wake } from '../../agents/runtime/reconciler.ts'
import type { DocumentKind, Inventory, Orphan, PresentDocument, Tombstone } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { createLogger } from '../../lib/log.ts'
import { Temper } from './temper.ts'

type Document<K extends DocumentKind> = Extract<PresentDocument, { kind: K }>

const SHA256 = 'ab'.repeat(32)

/** What exists on a fake node, and how it is to behave next. */
export class FakeNode {
  readonly name: string
  bootId = 'boot-0001'
  readonly images = new Map<string, Document<'image'>>()
  readonly imageCopies = new Map<string, Document<'imagecopy'>>()
  readonly volumes = new Map<string, Document<'volume'>>()
  readonly balancers = new Map<string, Document<'balancer'>>()
  readonly vpns = new Map<string, Document<'vpn'>>()
  readonly probes = new Map<string, Document<'probe'>>()
  readonly ports = new Map<string, Document<'port'>>()
  readonly instances = new Map<
    string,
    {
      document: Document<'instance'>
      state: 'running' | 'stopped' | 'paused' | 'suspended'
      boots: number
      volumes: Set<string>
    }
  >()
  /** UIDs of what was done to machines once, in order. */
  readonly acted: string[] = []
  /** Refuses machines for lack of room. */
  isFull = false
  /** By image UID or part of its URL: the error that its download ends with. */
  readonly imageFaults = new Map<string, Error>()
  /** Keys of everything that was ever started here. */
  readonly started: string[] = []
  wake: Partial<Record<DocumentKind, Wake>> = {}
  temper: Temper

  constructor(name: string, seed = 0) {
    this.name = name
    this.temper = new Temper(seed, name)
  }

  get isEmpty(): boolean {
    return this.volumes.size + this.ports.size + this.instances.size === 0
  }
}

export interface FakeAgentOptions {
  node: FakeNode
  dir: string
  natsServers: string[]
  natsCaFile: string
  pools?: Inventory['pools']
}

export async function startFakeAgent({ node, dir, natsServers, natsCaFile }: FakeAgentOptions): Promise<Agent> {
  await mkdir(join(dir, 'state'), { recursive: true })
  await writeFile(join(dir, 'token'), node.name)
  await writeFile(join(dir, 'boot_id'), `${node.bootId}\n`)
  const agent = new Agent({
    config: {
      node: node.name,
      natsServers,
      natsCaFile,
      natsTokenFile: join(dir, 'token'),
      address: '192.0.2.10',
      encapAddress: '192.0.2.10',
      stateDir: join(dir, 'state'),
      runDir: dir,
      bootIdFile: join(dir, 'boot_id'),
      version: '0.0.0-fake',
    },
    rolesOf: () => ['fake'],
    createRole: async (_name, context) => fakeRole(node, () => context.inventoryChanged()),
    log: createLogger(`agent ${node.name}`, process.env['TEST_LOG'] ?? 'silent'),
    heartbeatMs: 500,
  })
  await agent.start()
  return agent
}

/** Of each kind that a node can hold. Its own document is the agent's own business. */
const RECONCILERS = {
  image: images,
  imagecopy: imageCopies,
  volume: volumes,
  port: ports,
  balancer: balancers,
  vpn: vpns,
  probe: probes,
  instance: instances,
} satisfies { [K in Exclude<DocumentKind, 'node'>]: (node: FakeNode) => KindReconciler<K> }

function fakeRole(node: FakeNode, inventoryChanged: () => void): AgentRole {
  const pools = new Map<string, { name: string; driver: string }>()
  return {
    name: 'fake',
    reconcilers: Object.values(RECONCILERS).map((make) => make(node)),
    inventory: [
      {
        name: 'fake',
        collect: async () => ({
          hypervisor: { type: 'fake', version: '1', acceleration: 'qemu' as const },
          pools: [...pools.values()].map((p) => ({ ...p, totalGiB: 100, freeGiB: 100 })),
        }),
      },
    ],
    async configure(spec) {
      pools.clear()
      for (const { name, driver } of spec.pools ?? []) pools.set(name, { name, driver })
      inventoryChanged()
    },
  }
}

function images(node: FakeNode) {
  return {
    ...base('image', node, node.images),
    async reconcile(document, context): Promise<Observation<'image'>> {
      const fault = node.imageFaults.get(document.name)
      if (fault) throw fault
      await node.temper.begin(context, [{ state: 'downloading' }])
      node.images.set(document.uid, document)
      return {
        state: 'ready',
        facts: { sha256: document.spec.sha256 ?? SHA256, virtualSizeBytes: 32 * 1024 ** 2, sizeBytes: 15 * 1024 ** 2 },
      }
    },
  } satisfies KindReconciler<'image'>
}

function imageCopies(node: FakeNode) {
  return {
    ...base('imagecopy', node, node.imageCopies),
    async reconcile(document): Promise<Observation<'imagecopy'>> {
      node.imageCopies.set(document.uid, document)
      const { sha256, sizeBytes } = document.spec
      return { state: 'ready', facts: { sha256, sizeBytes, virtualSizeBytes: 32 * 1024 ** 2 } }
    },
  } satisfies KindReconciler<'imagecopy'>
}

function volumes(node: FakeNode) {
  return {
    ...base('volume', node, node.volumes),
    async reconcile(document, context): Promise<Observation<'volume'>> {
      await node.temper.begin(context, [{ state: 'creating' }])
      node.volumes.set(document.uid, document)
      const connection = {
        protocol: 'nbd' as const,
        host: '127.0.0.1',
        port: 10900,
        exportName: document.uid,
        tls: true,
      }
      return {
        state: 'available',
        facts: { sizeGiB: document.spec.sizeGiB, ...(document.spec.exportTo.length > 0 ? { connection } : {}) },
      }
    },
  } satisfies KindReconciler<'volume'>
}

function ports(node: FakeNode) {
  return {
    ...base('port', node, node.ports),
    dependencies: ({ spec }) => (spec.instanceUid === undefined ? [] : [{ kind: 'instance', uid: spec.instanceUid }]),
    async reconcile(document, context): Promise<Observation<'port'>> {
      await node.temper.begin(context, [{ state: 'plugging' }])
      node.ports.set(document.uid, document)
      node.started.push(`port ${document.name}`)
      const isUp = node.instances.get(document.spec.instanceUid ?? '')?.state === 'running'
      return { state: isUp ? 'active' : 'plugging', facts: { ovnInstalled: isUp } }
    },
    async remove(tombstone) {
      if (node.instances.has(node.ports.get(tombstone.uid)?.spec.instanceUid ?? ''))
        throw new TransientError('InUse', 'its machine is still there')
      return base('port', node, node.ports).remove(tombstone)
    },
  } satisfies KindReconciler<'port'>
}

function balancers(node: FakeNode) {
  return {
    ...base('balancer', node, node.balancers),
    async reconcile(document): Promise<Observation<'balancer'>> {
      node.balancers.set(document.uid, document)
      return { state: 'active', facts: { serving: true } }
    },
  } satisfies KindReconciler<'balancer'>
}

function vpns(node: FakeNode) {
  return {
    ...base('vpn', node, node.vpns),
    async reconcile(document): Promise<Observation<'vpn'>> {
      node.vpns.set(document.uid, document)
      node.started.push(`vpn ${document.name}`)
      return { state: 'ready', facts: { tunnels: document.spec.connections.map(({ uid }) => ({ uid, up: true })) } }
    },
  } satisfies KindReconciler<'vpn'>
}

function probes(node: FakeNode) {
  return {
    ...base('probe', node, node.probes),
    async reconcile(document): Promise<Observation<'probe'>> {
      node.probes.set(document.uid, document)
      return { state: 'done', facts: { probeAnswer: { result: 'Answered', sentAt: '2026-01-01T00:00:00Z' } } }
    },
  } satisfies KindReconciler<'probe'>
}

function instances(node: FakeNode) {
  return {
    ...base('instance', node, node.instances),
    standingFacts: (document, state) => ({ nics: findPorts(document, state).map(toObservedNic) }),
    dependencies: ({ spec }): DocumentRef[] => [
      { kind: 'image', uid: spec.image.uid },
      ...spec.ports.map(({ uid }) => ({ kind: 'port' as const, uid })),
    ],
    async reconcile(document, context): Promise<Observation<'instance'>> {
      if (node.isFull) throw new TerminalError('InsufficientResources', `node ${node.name} has no memory left`)
      const { spec, uid } = document
      const isImageReady = context.state.findObserved('image', spec.image.uid)?.state === 'ready'
      const arePortsThere = spec.ports.every((port) => node.ports.has(port.uid))
      if (!isImageReady || !arePortsThere)
        return { state: 'waiting', facts: { stages: isImageReady ? ['ImageCached'] : [] } }
      const known = node.instances.get(uid)
      if (known) context.listed([...known.volumes])
      await node.temper.begin(context, [{ state: 'building', facts: { stages: ['ImageCached'] } }])
      const machine = start(node, document, context)
      node.instances.set(uid, machine)
      const { action } = spec
      if (action && !node.acted.includes(action.uid)) node.acted.push(action.uid)
      const wanted = new Set(spec.volumes.map((volume) => volume.uid))
      const isLeaving = [...machine.volumes].some((volume) => !wanted.has(volume))
      return {
        state: machine.state,
        facts: {
          ...{ stages: ['ImageCached'], volumesAttached: [...machine.volumes], hypervisor: 'fake' },
          ...(action ? { action: { uid: action.uid, steps: [], result: 'Succeeded' } } : {}),
        },
        ...(isLeaving ? { retryAfterMs: 50 } : {}),
      }
    },
  } satisfies KindReconciler<'instance'>
}

function start(node: FakeNode, document: Document<'instance'>, context: RunContext) {
  const known = node.instances.get(document.uid)
  const wanted = { Running: 'running', Stopped: 'stopped', Paused: 'paused', Suspended: 'suspended' } as const
  const state = wanted[document.spec.runState]
  const isStart = state === 'running' && known?.state !== 'running'
  if (isStart && document.grantedBootId !== context.bootId && !document.spec.offlineRestart) {
    return { document, state: 'stopped' as const, boots: known?.boots ?? 0, volumes: disks(node, document, 'stopped') }
  }
  if (isStart) node.started.push(`instance ${document.name}`)
  const volumes = disks(node, document, state)
  return { document, state, boots: (known?.boots ?? 0) + (isStart ? 1 : 0), volumes }
}

/** A running guest may take its time to release a disk. */
function disks(node: FakeNode, { uid, spec }: Document<'instance'>, state: string): Set<string> {
  const wanted = spec.volumes.map((volume) => volume.uid)
  const known = node.instances.get(uid)
  const isSlow = state !== 'stopped' && known?.state === 'running' && node.temper.chance(0.5)
  return new Set([...wanted, ...(isSlow ? known.volumes : [])])
}

function base<K extends DocumentKind>(kind: K, node: FakeNode, things: Map<string, unknown>) {
  return {
    kind,
    async remove(tombstone: Tombstone): Promise<Observation<K>> {
      things.delete(tombstone.uid)
      return { state: 'gone' }
    },
    async listOwned(): Promise<Orphan[]> {
      return [...things.keys()].map((uid) => ({ kind, uid, what: `fake ${kind}` }))
    },
    async start(wake: Wake): Promise<void> {
      node.wake[kind] = wake
    },
  }
}
