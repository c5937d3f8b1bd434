// SPDX-License-Identifier: Apache-2.0
// One machine and two nodes that may be cut off and get power again; everything between a decision and its effect is a separate step. For
// property tests of where the machine may run.
import { judgeDocument } from '../../agents/runtime/intake.ts'
import { decidePower } from '../../agents/compute/power.ts'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import type { DesiredDocument, InstanceDocument, ObservedDocument } from '../../lib/contract/documents.ts'
import type { Outcome } from '../../lib/outcome.ts'
import { reconcileInstance } from '../controllers/instance/reconcile.ts'
import { machine, machineWorld, putNode } from './machine-world.ts'

export const NODES = ['c1', 'c2'] as const
export type NodeName = (typeof NODES)[number]
const BOOTS = { up: 'boot-0001', again: 'boot-0002' }

interface Underway {
  object: Instance
  outcome?: Outcome
}

interface Host {
  /** The document on its disk, which survives a loss of power. */
  disk: DesiredDocument | undefined
  isOn: boolean
  isLost: boolean
  refuses: boolean
  said: ObservedDocument[]
}

export class FencedCloud {
  readonly world = machineWorld()
  readonly hosts = new Map<string, Host>(NODES.map((name) => [name, newHost()]))
  /** How many times the machine was built anew on another node. */
  moves = 0
  #run: Underway | undefined

  constructor(spec: Partial<Instance['spec']>) {
    this.world.put('instances', machine({ networks: [], ...spec }))
  }

  get machine(): Instance {
    return this.world.deps.caches.instances.find('ns', 'vm') as Instance
  }

  // People.

  ask(spec: Partial<Instance['spec']>): void {
    const changed = structuredClone(this.machine)
    Object.assign(changed.spec, spec)
    changed.metadata.generation = (changed.metadata.generation ?? 1) + 1
    this.world.put('instances', changed)
  }

  /** The node's power is off and somebody has confirmed it lost. Nothing reaches it any more. */
  lose(name = this.machine.status?.node ?? NODES[0]): void {
    const host = this.#hostOf(name)
    Object.assign(host, { isLost: true, isOn: false })
    this.#mark(name, 'Confirmed')
  }

  wipe(): void {
    for (const [name, host] of this.hosts) {
      if (!host.isLost) continue
      host.disk = undefined
      this.#mark(name, 'Wiped')
    }
  }

  #mark(name: string, lost: NonNullable<ComputeNode['spec']['lost']>): void {
    const known = this.world.deps.caches.computeNodes.find(undefined, name)
    putNode(this.world, name, { lost }, known?.status)
  }

  // The operator.

  /** Runs the reconciler; its write is still under way. */
  async begin(): Promise<void> {
    if (this.#run) return
    const object = structuredClone(this.machine)
    const run: Underway = { object }
    this.#run = run
    run.outcome = await reconcileInstance(object, this.world.deps, this.world.run)
  }

  /** The write arrives, unless the machine has changed meanwhile or the process ended. */
  land(isWritten = true): void {
    const run = this.#run
    if (!run) return
    this.#run = undefined
    const now = this.machine
    if (!isWritten || now.metadata.resourceVersion !== run.object.metadata.resourceVersion) {
      this.world.deps.scheduler.forget(now.metadata.uid)
      return
    }
    if (now.status?.node === undefined && (run.object.status?.epoch ?? 0) > 1 && run.object.status?.node) this.moves++
    this.world.put('instances', run.object)
    this.#keepReleases()
  }

  #keepReleases(): void {
    for (const name of NODES) {
      const node = this.world.deps.caches.computeNodes.find(undefined, name)
      const kept = node?.status?.releases ?? []
      const fresh = this.world.deps.releases.listNew(name, kept)
      if (node && fresh.length > 0)
        this.world.put('computeNodes', { ...node, status: { ...node.status, releases: [...kept, ...fresh] } })
    }
  }

  // Nodes.

  /** The node receives the document on the bus and stores it on its disk. */
  deliver(name: NodeName): void {
    const host = this.#hostOf(name)
    const document = this.world.bus.desired.documents.get(`${name}.instance.uid-vm`)
    if (!document || host.isLost) return
    const data = new TextEncoder().encode(JSON.stringify(document))
    const verdict = judgeDocument({ node: name, kind: 'instance', uid: 'uid-vm' }, data, host.disk, undefined)
    if (verdict.kind === 'accept') host.disk = verdict.document
  }

  /** The node does what its document asks and writes a report, which nobody has received yet. */
  work(name: NodeName): void {
    const host = this.#hostOf(name)
    const { disk } = host
    if (!disk || host.isLost) return
    host.isOn = !disk.tombstone && !host.refuses && starts(disk as InstanceDocument, BOOTS.up)
    const state = disk.tombstone ? 'gone' : host.refuses ? 'refused' : host.isOn ? 'running' : 'stopped'
    const error = { reason: 'InsufficientResources', message: 'no room', terminal: true }
    const { v, kind, uid, node, name: of, versions } = disk
    host.said.push({
      ...{ v, kind, uid, node, name: of, namespace: 'ns', versions, state, facts: {} },
      ...(state === 'refused' ? { error } : {}),
      ...{ bootId: BOOTS.up, since: '2026-01-01T00:00:00Z' },
    })
  }

  refuse(name: NodeName, refuses: boolean): void {
    if (!this.#hostOf(name).isOn) this.#hostOf(name).refuses = refuses
  }

  /** The node's latest report, or an older one, arrives; this may be after the node has died. */
  hear(name: NodeName, back = 0): void {
    const { said } = this.#hostOf(name)
    const report = said[said.length - 1 - back]
    if (report) this.world.bus.report(structuredClone(report))
  }

  /** Where the machine runs, or would start once a host that was given up gets power again. */
  where(): string[] {
    return [...this.hosts].flatMap(([name, host]) => {
      const runs = host.isLost ? startsAgain(host.disk) : host.isOn
      return runs ? [name] : []
    })
  }

  #hostOf(name: string): Host {
    const host = this.hosts.get(name)
    if (!host) throw new Error(`no host ${name}`)
    return host
  }
}

function newHost(): Host {
  return { disk: undefined, isOn: false, isLost: false, refuses: false, said: [] }
}

function startsAgain(disk: DesiredDocument | undefined): boolean {
  return disk !== undefined && !disk.tombstone && starts(disk as InstanceDocument, BOOTS.again)
}

/** Whether the agent's own rule starts the machine, when it is off through no act of its guest. */
function starts({ spec, grantedBootId = '' }: InstanceDocument, bootId: string): boolean {
  const record = { phase: 'off', crashes: 0, ends: 0, bootId: BOOTS.up } as const
  const because = bootId === BOOTS.up ? {} : { because: 'HostRebooted' as const }
  const seen = { instance: { power: 'off' } as never, record: { ...record, ...because }, hostStopping: false }
  return decidePower({ ...seen, bootId, nowMs: 1e9, spec, grantedBootId }).action === 'on'
}
