// SPDX-License-Identifier: Apache-2.0
// The base of services that the cloud runs on a node inside a tenant's network: each has a network namespace with one interface, which is a port
// of that network. A service's reconciler calls `ensure` first, starts its programs in the namespace that it returns, and calls `remove` last.
import { plugDevice } from './plug-device.ts'
import type { PluggedKind, PortDriver } from './port-driver.ts'
import type { ServicePort } from '../../lib/contract/service-port.ts'
import { exec } from '../../lib/exec.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { SettledNamespaces, type Settling, type Standing } from './settled-namespaces.ts'
import {
  completeChecksums,
  ensureVeth,
  ipInside,
  listNamespaces,
  namespaceFileOf,
  removeVeth,
  type VethNamespace,
} from './veth-namespace.ts'

/** How the services of one sort are told from others on a node. */
export interface ServiceStyle {
  kind: Exclude<PluggedKind, 'port' | 'metadata'>
  /** Of namespaces. Not that of the metadata service, which takes what it does not know under its own prefix for its own. */
  prefix: string
  /** Of devices, three characters. */
  device: string
}

const SERVICE: ServiceStyle = { kind: 'service', prefix: 'nephsvc-', device: 'svc' }
/** The interface's name inside the namespace. */
export const SERVICE_INNER = 'svc0'
/** After that, a change of the switch is what wakes. */
const INSTALL_TIMEOUT_MS = 2000
const LOOK_TIMEOUT_MS = 10_000

/** May it be that of a service? Whatever else has such a name is somebody else's. */
export function isUid(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(text)
}

export function serviceNamespace(uid: string, { prefix }: ServiceStyle = SERVICE): string {
  if (!isUid(uid)) throw new TypeError('not a uid')
  return `${prefix}${uid}`
}

export interface EnsuredServicePort {
  /** `/run/netns/…`, for nsenter(1) or setns(2). */
  namespaceFile: string
  /** The network has come to it. */
  installed: boolean
}

export interface EnsureOptions {
  /** Addresses in CIDR form that its programs give and take themselves. */
  spared?: readonly string[]
  /** Its namespace is as it was left (`settle`): no process is started to look at it. */
  isSettled?: boolean
}

export class ServicePorts {
  readonly #driver: PortDriver
  readonly #style: ServiceStyle
  readonly #settled = new SettledNamespaces()
  readonly #complete: typeof completeChecksums

  constructor(driver: PortDriver, style: ServiceStyle = SERVICE, complete = completeChecksums) {
    this.#driver = driver
    this.#style = style
    this.#complete = complete
  }

  /**
   * Whether what a pass finds is what the one before left; before anything is done.
   * @param of `devices`: outer ends beside the port's own; `asked`: all that the pass would see to
   */
  settle(uid: string, of: Pick<Standing, 'asked' | 'devices' | 'pid'>): Promise<Settling> {
    const devices = [deviceOf(uid, this.#style), ...of.devices]
    return this.#settled.begin(uid, { ...of, name: serviceNamespace(uid, this.#style), devices })
  }

  /** Makes what is missing, takes away addresses and ways that it had before, and leaves alone the rest: programs in the namespace keep their connections. */
  async ensure(
    uid: string,
    want: ServicePort,
    context: RunContext,
    { spared = [], isSettled = false }: EnsureOptions = {},
  ): Promise<EnsuredServicePort> {
    const veth = vethOf(uid, want, this.#style)
    if (!isSettled) {
      await setUp(veth, want, spared, context.signal)
      await this.#complete(veth, context.signal)
    }
    const { logicalPort, mac } = want
    await plugDevice(this.#driver, { kind: this.#style.kind, uid, logicalPort, mac, device: veth.device }, context)
    return { namespaceFile: namespaceFileOf(veth.name), installed: await this.#untilInstalled(uid, context.signal) }
  }

  /** After the programs in it have ended. Absent is success. */
  async remove(uid: string, signal: AbortSignal): Promise<void> {
    this.#settled.forget(uid)
    await this.#driver.unplug(this.#style.kind, uid, signal)
    await removeVeth({ name: serviceNamespace(uid, this.#style), device: deviceOf(uid, this.#style) }, signal)
  }

  /** UIDs of services that have a port or a namespace here: neither is there for ever alone. */
  async list(): Promise<string[]> {
    const plugged = this.#driver.list().flatMap(({ kind, uid }) => (kind === this.#style.kind ? [uid] : []))
    const named = (await listNamespaces(this.#style.prefix)).filter(isUid)
    return [...new Set([...plugged, ...named])].sort()
  }

  /** Called with the uid of a service whose port changed, or without one when any may have. */
  onChange(listener: (uid?: string) => void): () => void {
    return this.#driver.onChange((port) => {
      if (!port || port.kind === this.#style.kind) listener(port?.uid)
    })
  }

  async #untilInstalled(uid: string, signal: AbortSignal): Promise<boolean> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(INSTALL_TIMEOUT_MS)])
    const port = await this.#driver
      .waitUntil(this.#style.kind, uid, ({ installed }) => installed, deadline)
      .catch((error: unknown) => {
        signal.throwIfAborted()
        if (deadline.aborted) return undefined
        throw error
      })
    return port?.installed === true && port.error === undefined
  }
}

async function setUp(
  veth: VethNamespace,
  want: ServicePort,
  spared: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await ensureVeth(veth, signal)
  // The kernel takes an address's later neighbours of its range away with it: what is wanted comes after that.
  const surplus = planSurplus(want, await look(veth.name, signal), spared)
  await ipInside(veth.name, [...surplus, ...planAddresses(want)], signal)
}

function deviceOf(uid: string, { device }: ServiceStyle): string {
  if (!isUid(uid)) throw new TypeError('not a uid')
  return `${device}${uid.slice(0, 11)}`
}

function vethOf(uid: string, { mac, mtu }: ServicePort, style: ServiceStyle): VethNamespace {
  return { name: serviceNamespace(uid, style), device: deviceOf(uid, style), inner: SERVICE_INNER, mac, mtu }
}

/** What the interface has, as ip(8) writes it in JSON. */
export interface Held {
  addresses: readonly { local: string; prefixlen: number; scope: string; dynamic?: boolean }[]
  /** To everywhere else. */
  ways: readonly { gateway?: string; protocol?: string }[]
}

async function look(name: string, signal: AbortSignal): Promise<Held> {
  const list = async <T>(...args: string[]): Promise<T[]> => {
    const { stdout } = await exec(['ip', '-n', name, '-j', ...args], { timeoutMs: LOOK_TIMEOUT_MS, signal })
    return stdout.trim() === '' ? [] : (JSON.parse(stdout) as T[])
  }
  const links = await list<{ addr_info?: Held['addresses'] }>('address', 'show', 'dev', SERVICE_INNER)
  const routes = ['-4', '-6'].map((family) =>
    list<Held['ways'][number]>(family, 'route', 'show', 'default', 'dev', SERVICE_INNER),
  )
  return { addresses: links.flatMap((link) => link.addr_info ?? []), ways: (await Promise.all(routes)).flat() }
}

/** Lines for ip(8) that take away what it has and is not to have; what the kernel has by itself, or hears of, is none of it. Pure. */
export function planSurplus({ addresses, gateways }: ServicePort, held: Held, spared: readonly string[]): string[] {
  const kept = new Set([...addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`), ...spared])
  const own = held.addresses.filter(({ scope, dynamic }) => scope === 'global' && dynamic !== true)
  return [
    ...held.ways.flatMap(({ gateway, protocol }) =>
      gateway === undefined || protocol === 'ra' || gateways.includes(gateway)
        ? []
        : [`route delete default via ${gateway} dev ${SERVICE_INNER}`],
    ),
    ...own
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
      .filter((prefix) => !kept.has(prefix))
      .map((prefix) => `address delete ${prefix} dev ${SERVICE_INNER}`),
  ]
}

/** Lines for ip(8) inside the namespace. The contract has checked every address. Pure. */
export function planAddresses({ addresses, gateways, mtu }: ServicePort): string[] {
  return [
    'link set lo up',
    `link set ${SERVICE_INNER} up mtu ${mtu}`,
    ...addresses.map(({ address, prefixLength }) => {
      // Without duplicate address detection it can be used at once: the operator gives each address once.
      return `address replace ${address}/${prefixLength} dev ${SERVICE_INNER}${address.includes(':') ? ' nodad' : ''}`
    }),
    ...gateways.map((gateway) => `route replace default via ${gateway} dev ${SERVICE_INNER}`),
  ]
}
