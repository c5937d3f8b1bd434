// SPDX-License-Identifier: Apache-2.0
// A fake agent for benches of scale: it says at once that everything was done, and does nothing. What it says and hears is the real
// contract: a connection, a token, a consumer, reports and heartbeats of its own, by the agent's own parts. It keeps nothing on disk.
import { BusOutbox } from '../../agents/node/bus-outbox.ts'
import { beatUntilStopped, DEFAULT_BEAT_MS } from '../../agents/node/heartbeat.ts'
import { Pace } from '../../agents/node/pace.ts'
import { consumerFor, receiveDocuments } from '../../agents/runtime/receiver.ts'
import { Reporter } from '../../agents/runtime/reporter.ts'
import {
  CONTRACT_VERSION,
  type DesiredDocument,
  type Inventory,
  type ObservedDocument,
  type ObservedFacts,
  type PresentDocument,
} from '../../lib/contract/documents.ts'
import { inboxPrefix, inventorySubject } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { connectBus, watchConnection, type BusAddress } from '../../lib/nats/connect.ts'
import { pause, systemClock } from '../../lib/time/clock.ts'

const BOOT_ID = 'fake-boot'
const AGAIN_MS = 1000
const IDLE = { urgent: 0, waiting: 0, long: 0, oldestSeconds: 0 }
/** Of each fake node. */
export const FAKE_NODE = { cpus: 64, memoryMiB: 262_144, diskGiB: 4_000 }
export const FAKE_DIGEST = 'ab'.repeat(32)

export interface FakeAgentOptions {
  node: string
  tokenFile: string
  address: BusAddress
  /** Machines that it may say anything of; before that it keeps silent about them. */
  whenTold: Promise<unknown>
  /** For each heartbeat that it sends. */
  onBeat: () => void
  /** The bus came back, or was lost. */
  onConnection: (isConnected: boolean) => void
  /** It will never say anything again. */
  onEnd: (why: string) => void
  log: Logger
  signal: AbortSignal
}

export class FakeAgent {
  readonly #options: FakeAgentOptions
  readonly #pace = new Pace(DEFAULT_BEAT_MS, systemClock)
  readonly #outbox = new BusOutbox()
  readonly #reporter: Reporter

  constructor(options: FakeAgentOptions) {
    this.#options = options
    this.#reporter = new Reporter({ outbox: this.#outbox, log: options.log })
  }

  /** Resolves when it is connected and has said what it has. */
  async start(): Promise<void> {
    const { node, tokenFile, address, onBeat, onConnection, onEnd, log, signal } = this.#options
    const name = `fake agent ${node}`
    const nc = await connectBus({ address, credentials: { tokenFile }, name, inboxPrefix: inboxPrefix(node), log })
    void nc.closed().then((error) => onEnd(`its connection was closed: ${error?.message ?? 'without an error'}`))
    this.#outbox.attach(nc)
    watchConnection(nc, log, signal, (isConnected) => {
      this.#outbox.connected = isConnected
      onConnection(isConnected)
      if (isConnected) this.#reporter.repeatAll()
    })
    await this.#sayInventory()
    void this.#reporter.run(signal)
    const send = (subject: string, data: string): void => {
      if (!this.#outbox.connected) return
      onBeat()
      nc.publish(subject, data)
    }
    void beatUntilStopped({ node, bootId: BOOT_ID, send, pace: this.#pace, load: () => IDLE }, signal)
    void receiveDocuments({
      ...{ nc, log, signal, getConsumer: consumerFor(nc, node), caughtUp: () => undefined },
      receive: async (_key, data) => this.#receive(JSON.parse(Buffer.from(data).toString('utf8')) as DesiredDocument),
    })
  }

  async #sayInventory(): Promise<void> {
    const { node, log, signal } = this.#options
    while (!signal.aborted) {
      try {
        await this.#outbox.publish(inventorySubject(node), JSON.stringify(inventoryOf(node)))
        return
      } catch (error) {
        log.warn({ err: error, node }, 'inventory not acknowledged')
        await pause(systemClock, AGAIN_MS, signal)
      }
    }
  }

  #receive(document: DesiredDocument): void {
    if (document.kind === 'node' && !document.tombstone) {
      const { heartbeatSeconds } = document.spec
      if (heartbeatSeconds !== undefined) this.#pace.set(heartbeatSeconds * 1000)
    }
    if (document.kind === 'instance' && !document.tombstone)
      void this.#options.whenTold.then(() => this.#report(document))
    else this.#report(document)
  }

  /** A document that comes again is answered again. */
  #report(document: DesiredDocument): void {
    const { kind, uid, namespace, name, versions } = document
    const said: ObservedDocument = {
      ...{ v: CONTRACT_VERSION, kind, uid, node: this.#options.node, versions },
      ...(document.tombstone ? { state: 'gone', facts: {} } : answerTo(document)),
      ...(namespace === undefined ? {} : { namespace }),
      ...{ name, bootId: BOOT_ID, since: new Date().toISOString() },
    }
    this.#reporter.set(said)
    this.#reporter.repeat(said)
  }
}

function answerTo(document: PresentDocument): { state: string; facts: ObservedFacts } {
  switch (document.kind) {
    case 'node':
      return { state: 'ready', facts: { orphans: [] } }
    case 'image':
      return { state: 'ready', facts: { sha256: FAKE_DIGEST, virtualSizeBytes: 2 ** 25, sizeBytes: 2 ** 24 } }
    case 'port':
      return { state: 'active', facts: { ovnInstalled: true } }
    case 'instance': {
      const ports = document.spec.ports.map(({ uid }) => uid)
      return {
        state: 'running',
        facts: { stages: ['ImageCached'], volumesAttached: [], portsAttached: ports, hypervisor: 'fake' },
      }
    }
    default:
      throw new Error(`a fake agent has no ${document.kind}`)
  }
}

function inventoryOf(node: string): Inventory {
  return {
    ...{ v: CONTRACT_VERSION, node, agentVersion: '0.0.0-fake', bootId: BOOT_ID, storeId: 'fake', numa: [] },
    ...{ ...FAKE_NODE, address: '192.0.2.1', encapAddress: '192.0.2.1', pciDevices: [], physicalNetworks: [] },
    hypervisor: { type: 'fake', version: '1', acceleration: 'kvm' },
  }
}
