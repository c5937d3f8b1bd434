// SPDX-License-Identifier: Apache-2.0
// The connections of one charon: given to it, taken away, set up again when they are down, and what is said of each.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { ObservedTunnel } from '../../lib/contract/observed.ts'
import type { VpnCertificate } from '../../lib/contract/vpn.ts'
import { sectionOf, sectionsOf, textOf, type ViciSection } from '../../lib/vici/message.ts'
import { connectionMessage, intermediateMessages, privateKeyMessage, sharedKeyMessage } from './charon-config.ts'
import { isUid } from '../network/service-ports.ts'
import type { OpenConnection, OpenSpec } from './open-spec.ts'
import { endedByPeer, failureOf, notTaken, notYet, type TunnelFailure } from './failure-words.ts'
import type { LoadedRecord } from './loaded-record.ts'

/** The part of a vici connection that this needs. */
export interface Control {
  request(command: string, message?: ViciSection): Promise<ViciSection>
}

interface Tunnel {
  connection: OpenConnection
  /** What charon was told: another text is told again. Undefined: it has what an agent before told it, or nothing. */
  loaded: string | undefined
  /** What it does not take, instead of which it goes on with what it has. */
  refused?: { text: string; until: number; failure: TunnelFailure }
  isUp: boolean
  failure: TunnelFailure
  /** As charon calls it. */
  privateKey: string | undefined
  failures: number
  /** When this side asks next; of one that waits for the peer never. */
  askAt: number
}

/** A connection with what goes with it. */
interface Told {
  connection: OpenConnection
  certificate: VpnCertificate | undefined
  localAddress: string
  /** All of it. */
  text: string
}

/** Attempts of this side: soon, and then less often, since the peer may be wrong for long. */
const RETRY = { baseMs: 4000, capMs: 60_000 }
/** Of two sides that both begin the one with the higher address lets the other go first, or each would replace the other's. */
const YIELD_MS = 3000
const STOP_MS = '1000'
/** What charon does not take it is told again so much later, in case that another one runs now. */
const REFUSED_MS = 60_000
/** charon says that a tunnel ends while it still lists it: so long it is looked at again. */
const SETTLE_MS = 2000
const SETTLE_EACH_MS = 500

export class Tunnels {
  readonly #byUid = new Map<string, Tunnel>()
  readonly #record: LoadedRecord
  readonly #now: () => number
  #sas: ViciSection[] = []
  #settling = 0
  /** The private keys that were in use when the others were last unloaded. */
  #keysFor: string | undefined

  /** @param record of the same charon, by which a tunnel of an agent before goes on */
  constructor(record: LoadedRecord, now: () => number = () => performance.now()) {
    this.#record = record
    this.#now = now
  }

  /** Events of the same connection, in their order. @returns whether something may have changed */
  onEvent(name: string, message: ViciSection): boolean {
    if (name === 'list-sa') {
      this.#sas.push(message)
      return false
    }
    if (name !== 'log') {
      this.#settling = this.#now() + SETTLE_MS
      return true
    }
    const tunnel = this.#byUid.get(textOf(message, 'ikesa-name') ?? '')
    const failure = tunnel && failureOf(textOf(message, 'msg') ?? '', tunnel.connection)
    if (!tunnel || !failure) return false
    const isNew = tunnel.failure.reason !== failure.reason
    tunnel.failure = failure
    return isNew && !tunnel.isUp
  }

  /** Makes charon have these connections and no others, and asks the peers of those that are down and due. What it does not take keeps no other one down. */
  async ensure({ connections, certificates, outside }: OpenSpec, charon: Control): Promise<void> {
    const wanted = new Set(connections.map(({ uid }) => uid))
    const there = await this.#listLoaded(charon)
    for (const uid of there) if (!wanted.has(uid)) await this.#unload(uid, charon)
    for (const connection of connections) {
      const certificate = certificates[connection.certificate ?? '']
      const localAddress = ownAddress(outside, connection.peerAddress)
      const told = { connection, certificate, localAddress, text: JSON.stringify([connection, localAddress]) }
      await this.#load(told, there.includes(connection.uid), charon)
    }
    await this.#unloadPrivateKeys(charon)
    await this.#look(charon)
    for (const tunnel of this.#byUid.values()) await this.#ask(tunnel, charon)
  }

  observe(): ObservedTunnel[] {
    return [...this.#byUid.values()].map(({ connection: { uid }, isUp, failure, refused }) =>
      isUp ? { uid, up: true, ...refused?.failure } : { uid, up: false, ...(refused?.failure ?? failure) },
    )
  }

  /** Until something is to be done again; undefined: what happens next is an event. */
  nextAskMs(): number | undefined {
    const due = [...this.#byUid.values()].flatMap(({ isUp, askAt }) => (isUp || askAt === Infinity ? [] : [askAt]))
    const next = due.length === 0 ? undefined : Math.max(200, Math.min(...due) - this.#now())
    return this.#now() < this.#settling ? Math.min(SETTLE_EACH_MS, next ?? SETTLE_EACH_MS) : next
  }

  async #listLoaded(charon: Control): Promise<string[]> {
    const { conns } = await charon.request('get-conns')
    return [...new Set([...(Array.isArray(conns) ? (conns as string[]) : []), ...this.#byUid.keys()])]
  }

  async #unload(uid: string, charon: Control): Promise<void> {
    await charon.request('unload-conn', { name: uid }).catch(unlessRefused)
    await charon.request('unload-shared', { id: uid }).catch(unlessRefused)
    await stop(uid, charon)
    await this.#record.forget(uid)
    this.#byUid.delete(uid)
  }

  /** Those that nobody uses any more, also of an agent before. */
  async #unloadPrivateKeys(charon: Control): Promise<void> {
    const all = [...this.#byUid.values()]
    // Which one charon goes on with is not known here.
    if (all.some(({ loaded, refused }) => loaded === undefined && refused !== undefined)) return
    const used = new Set(all.map(({ privateKey }) => privateKey))
    if (this.#keysFor === [...used].join()) return
    const { keys } = await charon.request('get-keys')
    for (const id of Array.isArray(keys) ? (keys as string[]) : [])
      if (!used.has(id)) await charon.request('unload-key', { id }).catch(unlessRefused)
    this.#keysFor = [...used].join()
  }

  /** Unless it has this very text, also from an agent before: whatever else stands was agreed on by another key or other ranges, and is ended. */
  async #load(told: Told, isThere: boolean, charon: Control): Promise<void> {
    const { connection, localAddress, text } = told
    const { uid, peerAddress, initiates } = connection
    const known = this.#byUid.get(uid)
    if (known?.loaded === text) {
      delete known.refused
      return
    }
    if (known?.refused?.text === text && this.#now() < known.refused.until) return
    const isSame = known === undefined && (await this.#record.has(uid, text))
    let privateKey: string | undefined
    try {
      privateKey = await this.#tell(told, isSame, charon)
    } catch (error) {
      this.#refuse(told, isThere, refusalOf(error))
      return
    }
    if (!isSame) {
      await stop(uid, charon)
      await this.#record.put(uid, text)
    }
    const yields = known === undefined && !isLower(localAddress, peerAddress)
    const askAt = initiates ? this.#now() + (yields ? YIELD_MS : 0) : Infinity
    const failure = notYet(peerAddress, initiates)
    this.#byUid.set(uid, { connection, loaded: text, isUp: false, failure, privateKey, failures: 0, askAt })
  }

  /** What it can refuse comes first, while it still has what it had. @returns what charon calls the private key */
  async #tell(
    { connection, certificate, localAddress }: Told,
    isSame: boolean,
    charon: Control,
  ): Promise<string | undefined> {
    const { uid } = connection
    for (const message of certificate ? intermediateMessages(certificate) : [])
      await charon.request('load-cert', message)
    const key = certificate && (await charon.request('load-key', privateKeyMessage(certificate)))
    if (!isSame) await this.#record.forget(uid)
    await charon.request('load-conn', connectionMessage(connection, localAddress, certificate))
    const known = this.#byUid.get(uid)
    if (known) known.loaded = undefined
    if (key) await charon.request('unload-shared', { id: uid }).catch(unlessRefused)
    else await charon.request('load-shared', sharedKeyMessage(connection))
    return key && textOf(key, 'id')
  }

  #refuse({ connection, text }: Told, isThere: boolean, why: string): void {
    const failure = notTaken(connection, why)
    const refused = { text, until: this.#now() + REFUSED_MS, failure }
    // Its private key may have been taken.
    this.#keysFor = undefined
    const known = this.#byUid.get(connection.uid)
    if (known) known.refused = refused
    else {
      const askAt = isThere && connection.initiates ? this.#now() : Infinity
      const unknown = { loaded: undefined, privateKey: undefined, isUp: false, failures: 0 }
      this.#byUid.set(connection.uid, { connection, ...unknown, refused, failure, askAt })
    }
  }

  /** What stands, as charon says. */
  async #look(charon: Control): Promise<void> {
    this.#sas = []
    await charon.request('list-sas')
    const sas = this.#sas.flatMap((message) => sectionsOf(message))
    // Left by an agent that was killed between two requests.
    for (const name of new Set(sas.map(([name]) => name)))
      if (isUid(name) && !this.#byUid.has(name)) await stop(name, charon)
    for (const [uid, tunnel] of this.#byUid) {
      const own = sas.filter(([name]) => name === uid).map(([, sa]) => sa)
      const isUp = own.some(isEstablished)
      if (tunnel.isUp && !isUp) {
        // The log may have said why already.
        if (tunnel.failure.reason === 'Connecting' || tunnel.failure.reason === 'WaitingForPeer')
          tunnel.failure = endedByPeer(tunnel.connection.peerAddress)
        if (tunnel.connection.initiates) tunnel.askAt = this.#now()
      }
      if (isUp) {
        tunnel.failures = 0
        tunnel.failure = notYet(tunnel.connection.peerAddress, tunnel.connection.initiates)
      }
      tunnel.isUp = isUp
      // An attempt is under way, of either side: its end is an event.
      if (!isUp && own.length > 0 && tunnel.askAt !== Infinity)
        tunnel.askAt = Math.max(tunnel.askAt, this.#now() + 1000)
    }
  }

  async #ask(tunnel: Tunnel, charon: Control): Promise<void> {
    const { isUp, askAt, connection } = tunnel
    if (isUp || askAt > this.#now()) return
    const { uid } = connection
    await charon.request('initiate', { child: uid, ike: uid, timeout: '-1', 'init-limits': 'no' }).catch(unlessRefused)
    tunnel.askAt = this.#now() + Math.min(RETRY.capMs, RETRY.baseMs * 2 ** tunnel.failures)
    tunnel.failures++
  }
}

async function stop(uid: string, charon: Control): Promise<void> {
  await charon.request('terminate', { ike: uid, force: 'yes', timeout: STOP_MS }).catch(unlessRefused)
}

/** It has none such, or is at it already. */
function unlessRefused(error: unknown): undefined {
  refusalOf(error)
}

/** What charon answered. @throws whatever else it is, such as a lost connection */
function refusalOf(error: unknown): string {
  if (error instanceof Error && error.name === 'ViciError') return error.message
  throw error
}

function isEstablished(sa: ViciSection): boolean {
  if (textOf(sa, 'state') !== 'ESTABLISHED') return false
  const children = sectionsOf(sectionOf(sa, 'child-sas'))
  return children.some(([, child]) => /^(INSTALLED|REKEYING|REKEYED)$/.test(textOf(child, 'state') ?? ''))
}

/** Of the peer's family. */
function ownAddress({ addresses }: OpenSpec['outside'], peerAddress: string): string {
  return addresses.find(({ address }) => isIP(address) === isIP(peerAddress))?.address ?? ''
}

/** Of one family. */
function isLower(one: string, other: string): boolean {
  const [a, b] = [one, other].map((address) => Buffer.from(ipaddr.parse(address).toByteArray()))
  return a !== undefined && b !== undefined && Buffer.compare(a, b) < 0
}
