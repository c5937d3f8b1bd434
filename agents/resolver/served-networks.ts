// SPDX-License-Identifier: Apache-2.0
// What the agent tells the resolver, in files: they outlive the agent, and the resolver needs no bus and no credentials. NETWORK_UID.json for each
// network with a guest on this node, and upstreams.json.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { MOST_WITH_UPSTREAMS, MOST_WITHOUT_UPSTREAMS } from '../../lib/contract/specs.ts'
import { readIfThere, unlessMissing, writeWhole } from '../../lib/durable-files.ts'

const UPSTREAMS = 'upstreams.json'
const SUFFIX = '.json'
const UID = /^[a-z0-9][a-z0-9-]{0,62}$/

const ServedNetwork = z.looseObject({
  domain: z.string().max(253).optional(),
  /** That the network is on. */
  providerNetwork: z.string().max(253).optional(),
})
export type ServedNetwork = z.infer<typeof ServedNetwork>

const servers = z.array(z.string().max(64)).max(3)
const NamedUpstreams = z.looseObject({
  /** Absent: those of the node. */
  addresses: servers.optional(),
  /** In place of these, for networks on a ProviderNetwork. */
  ofProviderNetworks: z
    .array(z.looseObject({ providerNetwork: z.string().max(253), upstreams: servers }))
    .max(MOST_WITH_UPSTREAMS)
    .optional(),
  /** ProviderNetworks that name none. Absent: all that are not above. */
  withoutUpstreams: z.array(z.string().max(253)).max(MOST_WITHOUT_UPSTREAMS).optional(),
})
/** Name servers, as the agent names them. */
export type NamedUpstreams = z.infer<typeof NamedUpstreams>

/** Below the run folder, which is empty after a reboot. */
export function resolverFolder(runDir: string): string {
  return join(runDir, 'resolver')
}

/** The agent's end. */
export class ServedNetworks {
  readonly #folder: string
  readonly #written = new Map<string, string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  serve(networkUid: string, network: ServedNetwork): Promise<void> {
    return this.#write(fileOf(networkUid), network)
  }

  async end(networkUid: string): Promise<void> {
    this.#written.delete(fileOf(networkUid))
    await rm(join(this.#folder, fileOf(networkUid)), { force: true })
  }

  /** Written also when none are named: without the file the resolver asks nobody for networks on ProviderNetworks. */
  setUpstreams(named: NamedUpstreams): Promise<void> {
    return this.#write(UPSTREAMS, named)
  }

  async #write(name: string, content: object): Promise<void> {
    const text = JSON.stringify(content)
    if (this.#written.get(name) === text) return
    await mkdir(this.#folder, { recursive: true, mode: 0o755 })
    await writeWhole(join(this.#folder, name), text)
    this.#written.set(name, text)
  }
}

function fileOf(networkUid: string): string {
  if (!UID.test(networkUid)) throw new TypeError('not a uid')
  return `${networkUid}${SUFFIX}`
}

/** The resolver's end: by UID. A file that is none of ours, or not whole, is left out. */
export async function readServed(folder: string): Promise<Map<string, ServedNetwork>> {
  const names = await unlessMissing(() => readdir(folder), [])
  const served = new Map<string, ServedNetwork>()
  for (const name of names) {
    const uid = name.endsWith(SUFFIX) && name !== UPSTREAMS ? name.slice(0, -SUFFIX.length) : ''
    const network = UID.test(uid) ? await readAs(join(folder, name), ServedNetwork) : undefined
    if (network) served.set(uid, network)
  }
  return served
}

/**
 * Before the agent has said anything: of no ProviderNetwork is it known which servers it names.
 * @throws an error when the file is there and says nothing: whom to ask is not known, and it may be nobody
 */
export async function readUpstreams(folder: string): Promise<NamedUpstreams> {
  const text = await readIfThere(join(folder, UPSTREAMS))
  return text === undefined ? { withoutUpstreams: [] } : NamedUpstreams.parse(JSON.parse(text))
}

async function readAs<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await unlessMissing(() => readFile(file, 'utf8'), '')
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
