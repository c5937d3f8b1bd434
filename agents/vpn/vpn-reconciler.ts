// SPDX-License-Identifier: Apache-2.0
import type { Orphan, Tombstone, VpnDocument } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import type { ViciClient } from '../../lib/vici/client.ts'
import { plugDevice } from '../network/plug-device.ts'
import type { PortDriver } from '../network/port-driver.ts'
import { serviceNamespace, ServicePorts, type ServiceStyle } from '../network/service-ports.ts'
import { completeChecksums, ensureVeth, ipInside, ipUnless, type VethNamespace } from '../network/veth-namespace.ts'
import type { KindReconciler, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import type { Launch } from '../daemons/launcher.ts'
import type { SealingKey } from '../node/sealing-key.ts'
import { Announcements } from './announcements.ts'
import { charonPaths, endCharon, findCharon, openCharon } from './charon-process.ts'
import { LoadedRecord } from './loaded-record.ts'
import { KeyOpener } from './open-spec.ts'
import { ensureRouting, planTransit, setForwarding, TRANSIT_INNER } from './routing.ts'
import { Tunnels } from './tunnels.ts'

const STYLE: ServiceStyle = { kind: 'vpn', prefix: 'nephvpn-', device: 'vpn' }
const ANSWER_TIMEOUT_MS = 10_000
/** Whatever charon has said or not. */
const LOOK_MS = 30_000
/** What charon tells by itself. */
const EVENTS = ['list-sa', 'log', 'ike-updown', 'child-updown'] as const

export interface VpnReconcilerOptions {
  driver: PortDriver
  runDir: string
  launch: Launch
  /** For what is sealed for this node. */
  sealing: Pick<SealingKey, 'open'>
  /** Resolves once the driver's list matches the switch; throws when that cannot be known. */
  ready?: (signal: AbortSignal) => Promise<void>
}

interface Session {
  charon: ViciClient
  tunnels: Tunnels
  keys: KeyOpener
}

/** VPNs of routers whose traffic this node carries: for each a namespace between the external network and the router, with a charon in it. */
export class VpnReconciler implements KindReconciler<'vpn'> {
  readonly kind = 'vpn'
  readonly #options: VpnReconcilerOptions
  readonly #ports: ServicePorts
  readonly #sessions = new Map<string, Session>()
  readonly #announcements = new Announcements()
  #wake: Wake = { one: () => undefined, all: () => undefined }

  constructor(options: VpnReconcilerOptions) {
    this.#options = options
    this.#ports = new ServicePorts(options.driver, STYLE)
  }

  async start(wake: Wake): Promise<void> {
    this.#wake = wake
    this.#options.driver.onChange((port) => {
      if (!port) wake.all()
      else if (port.kind === 'vpn' || port.kind === 'vpn-transit') wake.one(port.uid)
    })
  }

  async reconcile(document: VpnDocument, context: RunContext): Promise<Observation<'vpn'>> {
    const { uid, spec } = document
    const name = serviceNamespace(uid, STYLE)
    const settling = await this.#ports.settle(uid, {
      ...{ asked: placeOf(spec), devices: [transitDevice(uid)] },
      pid: await findCharon(charonPaths(this.#options.runDir, uid)),
    })
    const { isSettled } = settling
    const outside = await this.#ports.ensure(uid, spec.outside, context, { isSettled })
    if (!isSettled) await this.#setUpTransit(name, document, context.signal)
    const isLinked = await this.#plugTransit(document, context)
    const session = await this.#session(document, outside.namespaceFile, context)
    if (outside.installed) await this.#announcements.announce(name, document, context.signal)
    if (!isSettled) await ensureRouting(name, spec, context.signal)
    await settling.end()
    const open = await session.keys.open(uid, spec, this.#options.sealing)
    await session.tunnels.ensure(open, session.charon)
    const retryAfterMs = Math.min(LOOK_MS, session.tunnels.nextAskMs() ?? LOOK_MS)
    return {
      state: outside.installed && isLinked ? 'ready' : 'starting',
      facts: { tunnels: session.tunnels.observe() },
      retryAfterMs,
    }
  }

  async remove({ uid }: Tombstone, { signal }: RunContext): Promise<Observation<'vpn'>> {
    this.#close(uid)
    this.#announcements.forget(uid)
    await endCharon(charonPaths(this.#options.runDir, uid), signal)
    await this.#options.driver.unplug('vpn-transit', uid, signal)
    await ipUnless(/Cannot find device/, ['link', 'delete', transitDevice(uid)], signal)
    await this.#ports.remove(uid, signal)
    return { state: 'gone' }
  }

  async listOwned(signal: AbortSignal): Promise<Orphan[]> {
    await this.#options.ready?.(signal)
    return (await this.#ports.list()).map((uid) => ({
      kind: 'vpn',
      uid,
      what: `namespace ${serviceNamespace(uid, STYLE)}`,
    }))
  }

  /** Leaves what runs. */
  stop(): void {
    for (const uid of [...this.#sessions.keys()]) this.#close(uid)
  }

  /** The link to the router. */
  async #setUpTransit(name: string, { uid, spec }: VpnDocument, signal: AbortSignal): Promise<void> {
    const { mac, mtu } = spec.transit
    const veth: VethNamespace = { name, device: transitDevice(uid), inner: TRANSIT_INNER, mac, mtu }
    await ensureVeth(veth, signal)
    await setForwarding(name, signal)
    await ipInside(name, planTransit(mtu), signal)
    await completeChecksums(veth, signal)
  }

  /** @returns whether the network has come to it */
  async #plugTransit({ uid, spec }: VpnDocument, context: RunContext): Promise<boolean> {
    const { logicalPort, mac } = spec.transit
    const device = transitDevice(uid)
    await plugDevice(this.#options.driver, { kind: 'vpn-transit', uid, logicalPort, mac, device }, context)
    return this.#options.driver.find('vpn-transit', uid)?.installed === true
  }

  async #session({ uid }: VpnDocument, namespaceFile: string, { signal, log }: RunContext): Promise<Session> {
    const known = this.#sessions.get(uid)
    if (known?.charon.isOpen) return known
    const paths = charonPaths(this.#options.runDir, uid)
    const tunnels = new Tunnels(new LoadedRecord(paths.loaded))
    const options = {
      timeoutMs: ANSWER_TIMEOUT_MS,
      onEvent: (event: string, message: Parameters<Tunnels['onEvent']>[1]) => {
        if (tunnels.onEvent(event, message)) this.#wake.one(uid)
      },
      // It was killed, or hangs.
      onClose: () => {
        if (this.#sessions.get(uid)?.tunnels === tunnels) this.#wake.one(uid)
      },
    }
    const charon = await openCharon(paths, { uid, namespaceFile, launch: this.#options.launch, options }, signal).catch(
      (error: unknown) => {
        signal.throwIfAborted()
        if (error instanceof TransientError) throw error
        throw new TransientError(
          'CharonNotStarted',
          'the IKE daemon does not start on the node: see the log of its agent',
          {
            cause: error,
          },
        )
      },
    )
    for (const event of EVENTS) await charon.subscribe(event)
    log.info({ vpn: uid }, 'connected to charon')
    const session = { charon, tunnels, keys: new KeyOpener() }
    this.#sessions.set(uid, session)
    return session
  }

  #close(uid: string): void {
    const session = this.#sessions.get(uid)
    this.#sessions.delete(uid)
    session?.charon.close()
  }
}

/** What of the document is the namespace's own: addresses, the link and the ways. Pure. */
function placeOf({ outside, transit, connections }: VpnDocument['spec']): unknown {
  return [outside, transit, connections.map(({ peerCIDRs, localCIDRs }) => [peerCIDRs, localCIDRs])]
}

function transitDevice(uid: string): string {
  return `vpt${uid.slice(0, 11)}`
}
