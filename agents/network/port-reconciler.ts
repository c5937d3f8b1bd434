// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Orphan, PortDocument, Tombstone } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import { tapName, vhostUserSocket, type ComputePaths } from '../compute/paths.ts'
import type { KindReconciler, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import { Subports } from './subports.ts'
import { deviceInstance, watchLinks } from './host-links.ts'
import type { PacketRates } from './packet-rates.ts'
import {
  isDoubtful,
  isPassing,
  isPluggedAs,
  type Controlled,
  type PluggedPort,
  type PortDriver,
  type SwitchPort,
} from './port-driver.ts'
import { hasGuestDriver } from './virtual-functions/pci-functions.ts'
import type { VirtualFunctions } from './virtual-functions/virtual-functions.ts'
import { observeWord } from './word-of-controller.ts'

/** A service for the guests of a network on this node, beside their ports. */
export interface NetworkService {
  /** The node has a port on that network: serve it. */
  attach(port: PortDocument, context: RunContext): Promise<void>
  /** The port is gone; the service of its network ends with the network's last port. */
  detach(portUid: string, context: RunContext): Promise<void>
}

export interface PortReconcilerOptions {
  driver: PortDriver
  paths: ComputePaths
  services: readonly NetworkService[]
  /** Tells two starts of the switch apart; undefined while it does not run. */
  switchInstance?: () => Promise<string | undefined>
  /** Resolves once the driver's list matches the switch; throws when that cannot be known. */
  ready?: (signal: AbortSignal) => Promise<void>
  /** The bridge of an SDN controller; undefined: the node has none. */
  bridgeOf?: (controller: NonNullable<PortDocument['spec']['controller']>) => string | undefined
  /** Absent: the node polices none. */
  rates?: Pick<PacketRates, 'keep'>
  /** For ports that are one; absent: the node gives none. */
  functions?: Pick<VirtualFunctions, 'ensure' | 'release' | 'list'>
  /** In milliseconds, never set back. */
  now?: () => number
  /** How long a run waits for the switch to install a port; after that, changes trigger the next run. */
  installTimeoutMs?: number
}

/** How often a missing link is looked for, in case its event was missed. */
const LINK_RETRY_MS = 5000

export class PortReconciler implements KindReconciler<'port'> {
  readonly kind = 'port'
  readonly #options: PortReconcilerOptions
  readonly #uidOfDevice = new Map<string, string>()
  readonly #subports = new Subports()
  /** Since when ports wait for the word of an SDN controller, by uid. */
  readonly #waitingSince = new Map<string, number>()
  #wakeAll: () => void = () => undefined

  constructor(options: PortReconcilerOptions) {
    this.#options = options
  }

  async start(wake: Wake, signal: AbortSignal): Promise<void> {
    this.#wakeAll = () => wake.all()
    this.#options.driver.onChange((port) => {
      if (!port) wake.all()
      else if (port.kind === 'port') for (const uid of [port.uid, ...this.#subports.of(port.uid)]) wake.one(uid)
    })
    void watchLinks((device) => {
      if (device === undefined) {
        wake.all()
        return
      }
      const uid = this.#uidOfDevice.get(device)
      if (uid !== undefined) wake.one(uid)
    }, signal)
  }

  /** Bridges of SDN controllers may be others. */
  lookAgain(): void {
    this.#wakeAll()
  }

  async reconcile(document: PortDocument, context: RunContext): Promise<Observation<'port'>> {
    if (document.spec.virtualFunction) return this.#asFunction(document, document.spec.virtualFunction)
    const observation = await this.#inSwitch(document, context)
    const soonerMs = await this.#options.rates?.keep(document, context)
    return soonerMs === undefined ? observation : { retryAfterMs: soonerMs, ...observation }
  }

  async #inSwitch(document: PortDocument, context: RunContext): Promise<Observation<'port'>> {
    const { driver, services } = this.#options
    this.#subports.add(document)
    // No service of ours is on a network of an SDN controller.
    for (const service of document.spec.controller ? [] : services) await service.attach(document, context)
    if (document.spec.parent) return this.#asSubport(document, document.spec.parent.portUid, context)
    this.#uidOfDevice.set(tapName(document.uid), document.uid)
    const want = await this.#wanted(document, context.bootId)
    if (!want) {
      // The machine does not run, or not yet. A port without a device would only fill the switch's log.
      await driver.unplug('port', document.uid, context.signal)
      this.#waitingSince.delete(document.uid)
      return { state: 'plugging', facts: { ovnInstalled: false }, retryAfterMs: LINK_RETRY_MS }
    }
    const held = driver.find('port', document.uid)
    if (held && isPluggedAs(held, want) && held.error === undefined) {
      const now = isDoubtful(held, want) ? await this.#wait(document.uid, isPassing, context.signal) : held
      if (now && !isDoubtful(now, want)) return this.#observe(now, context.node)
    }
    if (want.type === 'vhostuser') await mkdir(dirname(want.socketPath), { recursive: true, mode: 0o755 })
    await driver.plug(want, context.signal)
    this.#waitingSince.delete(document.uid)
    context.log.info({ device: want.device, again: held !== undefined }, 'port plugged')
    const isSaid = (port: PluggedPort) => port.installed || port.refusal !== undefined
    return this.#observe(await this.#wait(document.uid, isSaid, context.signal), context.node)
  }

  #observe(port: PluggedPort | undefined, node: string): Observation<'port'> {
    if (!port?.controlled || port.error !== undefined) return observe(port)
    const now = (this.#options.now ?? (() => performance.now()))()
    if (port.installed) this.#waitingSince.delete(port.uid)
    else if (!this.#waitingSince.has(port.uid)) this.#waitingSince.set(port.uid, now)
    const waitedMs = now - (this.#waitingSince.get(port.uid) ?? now)
    return observeWord(port, { controller: port.controlled.controller, node, waitedMs })
  }

  async remove(tombstone: Tombstone, context: RunContext): Promise<Observation<'port'>> {
    await this.#options.driver.unplug('port', tombstone.uid, context.signal)
    for (const service of this.#options.services) await service.detach(tombstone.uid, context)
    await this.#options.functions?.release(tombstone.uid)
    for (const [device, uid] of this.#uidOfDevice) if (uid === tombstone.uid) this.#uidOfDevice.delete(device)
    this.#subports.remove(tombstone.uid)
    this.#waitingSince.delete(tombstone.uid)
    await this.#options.rates?.keep(tombstone, context).catch((error: unknown) => {
      context.signal.throwIfAborted()
      // The next run of any port looks again: what has its interface's number then is not limited by it.
      context.log.warn({ err: error }, 'packet rates of a port that is gone are still in the switch')
    })
    return { state: 'gone' }
  }

  async listOwned(signal: AbortSignal): Promise<Orphan[]> {
    await this.#options.ready?.(signal)
    const ports = this.#options.driver.list().filter(({ kind }) => kind === 'port')
    const functions = [...((await this.#options.functions?.list()) ?? [])]
    return [
      ...ports.map(({ uid, device }) => ({ kind: 'port' as const, uid, what: `switch port ${device}` })),
      ...functions.map(([uid, { address }]) => ({ kind: 'port' as const, uid, what: `virtual function ${address}` })),
    ]
  }

  /** Nothing of it is in the switch. It is active while its machine has it: by its driver, or by what is made of its interface. */
  async #asFunction(
    { uid, spec: { vnicType } }: PortDocument,
    { physicalNetwork, numaCells }: NonNullable<PortDocument['spec']['virtualFunction']>,
  ): Promise<Observation<'port'>> {
    const { functions } = this.#options
    if (!functions || (vnicType !== 'direct' && vnicType !== 'macvtap'))
      throw new TransientError('NoVirtualFunction', `this node gives no virtual functions for vnicType ${vnicType}`)
    const own = await functions.ensure(uid, vnicType, physicalNetwork, numaCells)
    const { address, interface: device } = own
    if (device !== undefined) this.#uidOfDevice.set(device, uid)
    const isPlugged = vnicType === 'direct' ? hasGuestDriver(own) : own.uppers.length > 0
    const virtualFunction = { address, ...(device === undefined ? {} : { interface: device }) }
    const facts = { ovnInstalled: false, linkUp: isPlugged, virtualFunction }
    return { state: isPlugged ? 'active' : 'plugging', facts, retryAfterMs: LINK_RETRY_MS }
  }

  /** It has no device: it is where the interface of its parent is, and passes what that one passes. */
  async #asSubport({ uid }: PortDocument, parentUid: string, { signal }: RunContext): Promise<Observation<'port'>> {
    const { driver } = this.#options
    // It may have been an interface of its own before.
    if (driver.find('port', uid)) await driver.unplug('port', uid, signal)
    return observe(driver.find('port', parentUid))
  }

  /** Undefined while the device of a tap port does not exist: the hypervisor makes it with the machine. */
  async #wanted(document: PortDocument, bootId: string): Promise<SwitchPort | undefined> {
    const { uid, spec } = document
    const controlled = this.#controlled(document)
    const base = {
      ...{ kind: 'port' as const, uid, logicalPort: spec.logicalPort, mac: spec.mac },
      ...(controlled ? { controlled } : {}),
    }
    if (spec.vnicType === 'vhostuser') {
      const socketPath = vhostUserSocket(this.#options.paths, uid)
      const instance = (await this.#options.switchInstance?.()) ?? ''
      return { ...base, type: 'vhostuser', device: `vhu${uid.slice(0, 11)}`, socketPath, mtu: spec.mtu, instance }
    }
    const device = tapName(uid)
    const instance = await deviceInstance(device, bootId)
    return instance === undefined ? undefined : { ...base, type: 'device', device, instance }
  }

  #controlled({ spec }: PortDocument): Controlled | undefined {
    const { controller, networkUid, instanceUid } = spec
    if (!controller) return undefined
    const bridge = this.#options.bridgeOf?.(controller)
    if (bridge === undefined) {
      const message = `the node has no bridge of SDN controller ${controller.name}: an administrator looks at spec.nodes and status.troubles of the ProviderNetwork`
      throw new TransientError('NodeNotConnected', message)
    }
    return { controller: controller.name, bridge, networkUid, ...(instanceUid === undefined ? {} : { instanceUid }) }
  }

  /** The port once `accept` holds for it, or its state when the time is over. */
  async #wait(
    uid: string,
    accept: (port: PluggedPort) => boolean,
    signal: AbortSignal,
  ): Promise<PluggedPort | undefined> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.#options.installTimeoutMs ?? 2000)])
    return this.#options.driver.waitUntil('port', uid, accept, deadline).catch((error: unknown) => {
      signal.throwIfAborted()
      // Not ready yet: a change of the interface triggers the next run.
      if (deadline.aborted) return this.#options.driver.find('port', uid)
      throw error
    })
  }
}

function observe(port: PluggedPort | undefined): Observation<'port'> {
  if (port?.error !== undefined)
    throw new TransientError('PortNotPlugged', `the node's switch cannot use the port's device`)
  const facts = { ovnInstalled: port?.installed ?? false, linkUp: port?.linkUp ?? false }
  return { state: port && isPassing(port) ? 'active' : 'plugging', facts }
}
