// SPDX-License-Identifier: Apache-2.0
// The node's virtual functions: how many there are, and which port has which. A port keeps the one that it was given, across restarts of the
// agent and of its machine, until the port is gone; no two ports have the same.
import type { NodeSpec, PciPool } from '../../../lib/contract/documents.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { Logger } from '../../../lib/log.ts'
import {
  chooseFunction,
  countFunctions,
  isElsewhere,
  isInGuest,
  isUsedByHost,
  type FunctionKind,
  type FunctionRecord,
} from './function-choice.ts'
import { FunctionRecords } from './function-records.ts'
import { readCard, readFunction, type VirtualFunction } from './pci-functions.ts'
import { OneAtATime } from '../../../lib/one-at-a-time.ts'

type PhysicalNetworks = NonNullable<NodeSpec['physicalNetworks']>

export interface VirtualFunctionsOptions {
  /** Of the records. */
  folder: string
  log: Logger
  /** Of the file system; another in tests. */
  root?: string
}

interface FunctionRequest {
  portUid: string
  kind: FunctionKind
  physicalNetwork: string
  /** Of its machine, where one is wanted first. */
  numaCells: readonly number[] | undefined
}

export interface FunctionInventory {
  devices: PciPool[]
  /** By physical network: what is wrong with its cards, and what helps. */
  troubles: ReadonlyMap<string, string>
}

export class VirtualFunctions {
  readonly #options: VirtualFunctionsOptions
  readonly #records: FunctionRecords
  #wanted: PhysicalNetworks | undefined
  /** One choice at a time: what one port is about to get is nobody else's. */
  readonly #turns = new OneAtATime()

  constructor(options: VirtualFunctionsOptions) {
    this.#options = options
    this.#records = new FunctionRecords(options.folder)
  }

  /** The node's document. */
  want(networks: PhysicalNetworks | undefined): void {
    this.#wanted = networks
  }

  /**
   * The port's function, as it is now; one is chosen and recorded if the port has none. Its own it keeps only while that is of a card of the
   * physical network and the node does not use it itself; otherwise it gets another, unless a guest has it.
   * @throws TransientError `NoVirtualFunction`
   */
  ensure(
    portUid: string,
    kind: FunctionKind,
    physicalNetwork: string,
    numaCells?: readonly number[],
  ): Promise<VirtualFunction> {
    return this.#turns.run(async () => {
      const record = (await this.#records.read()).get(portUid)
      const own = record && (await readFunction(record.address, this.#options.root))
      if (!own) return this.#give({ portUid, kind, physicalNetwork, numaCells })
      const why = await this.#whyNotKept(own, physicalNetwork)
      if (why === undefined) return own
      // One that changes hands is not given up: it is the port's again in a moment.
      if (!isInGuest(own) && !isElsewhere(own)) return this.#give({ portUid, kind, physicalNetwork, numaCells })
      const what = `the port's virtual function ${own.address} ${why}`
      throw new TransientError('NoVirtualFunction', `${what}: undo that, or stop the machine and make the Port anew`)
    })
  }

  /** The port's function is free again. Absent is success. */
  release(portUid: string): Promise<void> {
    return this.#turns.run(() => this.#records.remove(portUid))
  }

  /** By UID of the port. */
  async list(): Promise<ReadonlyMap<string, Pick<FunctionRecord, 'address'>>> {
    const records = await this.#records.read()
    const unreadable = await this.#records.unreadable()
    const all = new Map<string, Pick<FunctionRecord, 'address'>>(records)
    for (const [uid, path] of unreadable) all.set(uid, { address: `of record ${path}` })
    return all
  }

  /** Undefined while it is not known what there should be. */
  async inventory(): Promise<FunctionInventory | undefined> {
    if (this.#wanted === undefined) return undefined
    const records = new Map([...(await this.#records.read()).values()].map((record) => [record.address, record]))
    const unreadable = await this.#whyNothingIsGiven()
    const found = []
    const troubles = new Map<string, string>()
    for (const network of this.#wanted) {
      const { functions, trouble } = await this.#look(network)
      found.push({ physicalNetwork: network.name, functions })
      const what = (network.physicalFunctions ?? []).length === 0 ? trouble : (unreadable ?? trouble)
      if (what !== undefined) troubles.set(network.name, what)
    }
    return { devices: countFunctions(found, records), troubles }
  }

  /** Undefined: it is the port's as before. */
  async #whyNotKept(own: VirtualFunction, physicalNetwork: string): Promise<string | undefined> {
    if (isUsedByHost(own)) return `is in use by the node itself (${own.uppers.join(', ')})`
    if (isElsewhere(own)) return `is in use by another: its interface is not in the node's own network`
    // Not told yet: what a guest has it keeps, and nothing is taken.
    if (this.#wanted === undefined && isInGuest(own)) return undefined
    const network = this.#wanted?.find(({ name }) => name === physicalNetwork)
    const { functions } = network ? await this.#look(network) : { functions: [] }
    if (functions.some(({ address }) => address === own.address)) return undefined
    return `is of no card that physicalFunctions of the ProviderNetwork names for physical network ${physicalNetwork}`
  }

  /** Whose functions are free is not known while a record says nothing. */
  async #whyNothingIsGiven(): Promise<string | undefined> {
    const [first] = await this.#records.unreadable()
    if (!first) return undefined
    const [uid, path] = first
    return `${path} on the node cannot be read, and so not which virtual function the Port with UID ${uid} has; none is given until it is mended: delete that Port, or write the file anew`
  }

  async #give({ portUid, kind, physicalNetwork, numaCells }: FunctionRequest): Promise<VirtualFunction> {
    const records = await this.#records.read()
    const unreadable = await this.#whyNothingIsGiven()
    if (unreadable !== undefined) throw new TransientError('NoVirtualFunction', unreadable)
    const network = this.#wanted?.find(({ name }) => name === physicalNetwork)
    const { functions, trouble } = network ? await this.#look(network) : { functions: [] }
    const taken = new Set([...records].flatMap(([uid, { address }]) => (uid === portUid ? [] : [address])))
    const chosen = chooseFunction(functions, kind, taken, numaCells)
    if (!chosen) {
      const what = `no virtual function of physical network ${physicalNetwork} is left on the node for vnicType ${kind}`
      const why = trouble ?? (functions.length === 0 ? NOT_CONFIGURED : WHAT_IT_NEEDS[kind])
      throw new TransientError('NoVirtualFunction', `${what}: ${why}`)
    }
    const { address, interface: device } = chosen
    await this.#records.write(portUid, { address, physicalNetwork, ...(device ? { interface: device } : {}) })
    this.#options.log.info({ port: portUid, address, device, again: records.has(portUid) }, 'virtual function given')
    return chosen
  }

  /** All cards of the physical network together. */
  async #look(network: PhysicalNetworks[number]): Promise<{ functions: VirtualFunction[]; trouble?: string }> {
    const cards = await Promise.all((network.physicalFunctions ?? []).map((name) => readCard(name, this.#options.root)))
    const trouble = cards.flatMap((card) => card.trouble ?? [])[0]
    return { functions: cards.flatMap((card) => card.functions), ...(trouble === undefined ? {} : { trouble }) }
  }
}

const NOT_CONFIGURED = 'physicalFunctions in spec.nodes of its ProviderNetwork names no card of this node'
const WHAT_IT_NEEDS: Record<FunctionKind, string> = {
  direct: 'all are taken, or the node has no IOMMU, without which a guest is given none',
  macvtap: 'all are taken, or no network driver of the node has them, without which they have no interface',
}
