// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { Inventory } from '../../../../lib/contract/documents.ts'
import type { Logger } from '../../../../lib/log.ts'
import type { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import type { Operation } from '../../../../lib/ovsdb/operations.ts'
import {
  bringInterfaceUp,
  readHostInterfaces,
  silenceHost,
  unsilenceHost,
  type HostInterface,
} from '../../host-interfaces.ts'
import { InterfacesInUse } from '../../interfaces-in-use.ts'
import { transactApplied } from './applied.ts'
import { chooseDatapath } from './datapath.ts'
import { isDown, isHeld, judgePhysicalNetworks, type PhysicalNetwork, type Verdict } from './judge-physical-networks.ts'
import {
  listOwnInterfaces,
  planPhysicalBridges,
  planStalePorts,
  planStepwise,
  type PhysicalConnection,
} from './physical-bridges-plan.ts'

/** As much as an inventory takes: lib/contract/inventory.ts. */
const MAX_REPORTS = 64
const MAX_NAME_LENGTH = 63

export type PhysicalReport = NonNullable<Inventory['physicalNetworks']>

interface Host {
  readInterfaces: typeof readHostInterfaces
  bringUp: typeof bringInterfaceUp
  /** Keeps the node's own IP from answering at an interface, and gives that back. */
  silence: (device: string) => Promise<void>
  unsilence: (device: string) => Promise<void>
}

const THIS_HOST: Host = {
  readInterfaces: readHostInterfaces,
  bringUp: bringInterfaceUp,
  silence: (device) => silenceHost(device),
  unsilence: (device) => unsilenceHost(device),
}

export interface PhysicalNetworksOptions {
  database: Pick<OvsdbClient, 'rows' | 'synced' | 'transact' | 'waitUntil' | 'onChange' | 'onSync'>
  node: string
  /** Addresses by which the cloud reaches it: their interfaces are never taken. */
  addresses: readonly string[]
  log: Logger
  /** The report differs from the last one. */
  onReport: () => void
  /** Of this host; others in tests. */
  host?: Host
  /** In milliseconds, never set back. */
  now?: () => number
}

/**
 * Keeps the node connected to its physical networks, and says to which it is not. Nothing here throws: a physical network that cannot be
 * had keeps neither the others nor the rest of the node from working.
 */
export class PhysicalNetworks {
  readonly #options: PhysicalNetworksOptions
  readonly #host: Host
  readonly #inUse: InterfacesInUse
  /** By name: what the switch said of it in the last run. */
  readonly #refused = new Map<string, string>()
  /** By interface: why the node itself still answers there. */
  readonly #loud = new Map<string, string>()
  /** Of the last look. */
  #links: ReadonlyMap<string, HostInterface> = new Map()
  readonly #stop = new AbortController()
  #wanted: readonly PhysicalNetwork[] | undefined
  #report: PhysicalReport | undefined
  #running: Promise<void> | undefined
  #again = false

  constructor(options: PhysicalNetworksOptions) {
    this.#options = options
    this.#host = options.host ?? THIS_HOST
    this.#inUse = new InterfacesInUse(options.addresses, options.now ?? (() => performance.now()))
    const { database } = options
    database.onSync((synced) => synced && void this.ensure())
    // Whatever somebody did to bridges and mappings, or the kernel to an interface.
    database.onChange(() => {
      if (this.#wanted && !this.#isAsWanted(this.#wanted)) void this.ensure()
    })
  }

  /** @param networks undefined: an operator that knows nothing of them leaves what there is */
  want(networks: readonly PhysicalNetwork[] | undefined): Promise<void> {
    for (const { name, interface: device } of networks ?? []) {
      const isNew = !this.#wanted?.some((n) => n.name === name && n.interface === device)
      if (device !== undefined && isNew) this.#inUse.forget(device)
    }
    this.#wanted = networks
    if (networks === undefined) this.#report = undefined
    return this.ensure()
  }

  /** The bridge of an SDN controller by which the node is connected to the physical network. Undefined: there is none, by what is known. */
  bridgeOf({ name, physicalNetwork }: { name: string; physicalNetwork: string }): string | undefined {
    const wanted = this.#wanted?.find((n) => n.name === physicalNetwork && n.controller === name)
    return wanted?.bridge
  }

  /** Undefined while it is not known what there should be. */
  get report(): PhysicalReport | undefined {
    return this.#report
  }

  /** Also looks again at the host's interfaces. One run at a time; what comes during one makes it run again. */
  ensure(): Promise<void> {
    this.#again = true
    this.#running ??= this.#run()
    return this.#running
  }

  stop(): void {
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    const { log } = this.#options
    while (this.#again && !this.#stop.signal.aborted) {
      this.#again = false
      await this.#connect().catch((err: unknown) => {
        if (!this.#stop.signal.aborted) log.warn({ err }, 'cannot connect the physical networks')
      })
    }
    // In the same turn as the last look at it: who asks later starts another run.
    this.#running = undefined
  }

  async #connect(): Promise<void> {
    const { database, node } = this.#options
    const { signal } = this.#stop
    const networks = this.#wanted
    if (networks === undefined || !database.synced) return
    const stale = planStalePorts(database)
    if (stale.length > 0) await transactApplied(database, stale, signal)
    await this.#look(networks, signal)
    const verdicts = this.#judge(networks)
    const connections = verdicts.flatMap((v) => v.connection ?? [])
    const operations = planPhysicalBridges(database, { node, datapath: chooseDatapath(database), connections })
    this.#refused.clear()
    const before = listOwnInterfaces(database)
    try {
      if (operations.length > 0) await this.#make(connections, operations, signal)
      const held = listOwnInterfaces(database)
      await this.#silence(held, before.filter((device) => !held.includes(device))) // prettier-ignore
      for (const { interface: device } of connections) {
        if (device !== undefined && isDown(database, device)) await this.#host.bringUp(device, signal)
      }
    } finally {
      // What the switch says of it by now.
      this.#tell(this.#judge(networks))
    }
  }

  /** All at once, so that two may exchange their interfaces; one by one when the switch refuses that, so that one keeps no other away. */
  async #make(connections: PhysicalConnection[], operations: Operation[], signal: AbortSignal): Promise<void> {
    const { database, node, log } = this.#options
    try {
      await database.transact(operations, signal)
      log.info({ connections }, 'physical networks connected')
      return
    } catch (err) {
      if (signal.aborted || !database.synced) throw err
      log.warn({ err }, 'the switch refuses the physical networks: each alone')
    }
    const steps = planStepwise(database, { node, datapath: chooseDatapath(database), connections })
    if (steps.removal.length > 0) await database.transact(steps.removal, signal)
    for (const { name, operations: alone } of steps.each) {
      if (alone.length === 0) continue
      await database.transact(alone, signal).catch((err: unknown) => {
        signal.throwIfAborted()
        this.#refused.set(name, err instanceof Error ? err.message : String(err))
        log.warn({ err, physicalNetwork: name }, 'the switch refuses a physical network')
      })
    }
    const mappings = steps.mappings(database)
    if (mappings.length > 0) await database.transact(mappings, signal)
  }

  /** Before an interface is brought up. One where the host still answers passes packets all the same, and that is told. */
  async #silence(held: readonly string[], given: readonly string[]): Promise<void> {
    const { log } = this.#options
    this.#loud.clear()
    for (const device of held) {
      await this.#host.silence(device).catch((err: unknown) => {
        this.#loud.set(device, err instanceof Error ? err.message : String(err))
        log.warn({ err, device }, "cannot keep the node's own IP from a physical network")
      })
    }
    for (const device of given) {
      await this.#host.unsilence(device).catch((err: unknown) => {
        log.warn({ err, device }, 'cannot give an interface back its IP settings')
      })
    }
  }

  /** @throws what the look did, when an interface may have to be taken */
  async #look(networks: readonly PhysicalNetwork[], signal: AbortSignal): Promise<void> {
    const { database, log } = this.#options
    const byInterface = networks.filter((n) => n.interface !== undefined)
    if (byInterface.length === 0) return
    try {
      this.#links = await this.#host.readInterfaces(signal)
      this.#inUse.note(this.#links)
    } catch (err) {
      if (byInterface.some((n) => !isHeld(database, n))) throw err
      log.warn({ err }, 'cannot read the interfaces of the host')
    }
  }

  #judge(networks: readonly PhysicalNetwork[]): Verdict[] {
    const host = { links: this.#links, whyInUse: (device: string) => this.#inUse.whyInUse(device) }
    return judgePhysicalNetworks(this.#options.database, networks, host).map((verdict) => {
      const why = this.#refused.get(verdict.name)
      if (why !== undefined) return { ...verdict, error: refusedBySwitch(why) }
      const loud = this.#loud.get(verdict.connection?.interface ?? '')
      return loud === undefined || verdict.error !== undefined ? verdict : { ...verdict, warning: answersItself(loud) }
    })
  }

  /** Without a look at the host: an interface that was refused is as it was. */
  #isAsWanted(networks: readonly PhysicalNetwork[]): boolean {
    const { database, node } = this.#options
    const held = networks.filter((n) => n.interface === undefined || isHeld(database, n))
    const verdicts = this.#judge(held)
    const connections = verdicts.flatMap((v) => v.connection ?? [])
    const refused = this.#report?.filter(({ name }) => !verdicts.some((v) => v.name === name)) ?? []
    const isTold = isDeepStrictEqual(this.#report, toReport([...verdicts, ...refused]))
    const operations = planPhysicalBridges(database, { node, datapath: chooseDatapath(database), connections })
    return isTold && operations.length === 0 && planStalePorts(database).length === 0
  }

  #tell(verdicts: readonly Verdict[]): void {
    const report = toReport(verdicts)
    if (isDeepStrictEqual(report, this.#report)) return
    this.#report = report
    this.#options.onReport()
  }
}

function refusedBySwitch(why: string): string {
  return `the switch refuses it (${why.slice(0, 300)}): see in "ovs-vsctl show" what has the interface or the bridge`
}

function answersItself(why: string): string {
  return `connected, but the node's own IP can be reached from there (${why.slice(0, 300)}): see that the agent may write /proc/sys/net`
}

/** With what is wrong with their cards, unless something worse is. */
export function withTroubles(
  report: PhysicalReport,
  troubles: ReadonlyMap<string, string> = new Map(),
): PhysicalReport {
  return report.map((one) => {
    const trouble = troubles.get(one.name)
    return trouble === undefined || one.error !== undefined ? one : { ...one, warning: one.warning ?? trouble }
  })
}

/** In the order of the names. */
function toReport(verdicts: readonly Pick<Verdict, 'name' | 'error' | 'warning'>[]): PhysicalReport {
  return verdicts
    .filter(({ name }) => name.length <= MAX_NAME_LENGTH)
    .map(({ name, error, warning }) => ({
      name,
      ...(error === undefined ? {} : { error }),
      ...(warning === undefined ? {} : { warning }),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, MAX_REPORTS)
}
