// SPDX-License-Identifier: Apache-2.0
// Writes of one account, as the apiserver's own audit log has them (audit.k8s.io/v1 Event, one JSON line a request).
import { open } from 'node:fs/promises'
import { z } from 'zod'

const AuditEvent = z.object({
  verb: z.string(),
  user: z.object({ username: z.string() }),
  objectRef: z
    .object({
      resource: z.string().optional(),
      subresource: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z.object({ code: z.number().optional() }).optional(),
  stage: z.string(),
  stageTimestamp: z.string(),
})

export interface Write {
  verb: string
  /** `instances/status` where a subresource was written. */
  resource: string
  name: string
  code: number
  at: string
}

const WRITE_VERBS = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])
/** Questions to the apiserver that are asked by POST and store nothing. */
const REVIEWS = /reviews$/
const ACCOUNT = 'system:serviceaccount:nephele-system:nephele-operator'

/** Reads on from where it last stopped. */
export class AuditLog {
  readonly #path: string
  readonly #account: string
  #offset = 0
  #rest = ''

  constructor(controlPlaneDir: string, account = ACCOUNT) {
    this.#path = `${controlPlaneDir}/audit.log`
    this.#account = account
  }

  /** Writes since the last call; Lease excluded: its pace is the clock's, not the work's. Refused ones are in it, by their code. */
  async read(): Promise<Write[]> {
    const file = await open(this.#path)
    try {
      const { size } = await file.stat()
      const buffer = Buffer.alloc(Math.max(0, size - this.#offset))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset)
      this.#offset += bytesRead
      const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n')
      this.#rest = lines.pop() ?? ''
      return lines.flatMap((line) => this.#toWrite(line))
    } finally {
      await file.close()
    }
  }

  /** Everything that was written until nothing was for `quietMs`. */
  async readUntilQuiet(quietMs = 2500): Promise<Write[]> {
    const writes: Write[] = []
    for (let quietSince = performance.now(); performance.now() - quietSince < quietMs;) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      const more = await this.read()
      if (more.length === 0) continue
      writes.push(...more)
      quietSince = performance.now()
    }
    return writes
  }

  #toWrite(line: string): Write[] {
    const { verb, user, objectRef, responseStatus, stage, stageTimestamp } = AuditEvent.parse(JSON.parse(line))
    const resource = objectRef?.resource ?? ''
    if (stage !== 'ResponseComplete' || user.username !== this.#account) return []
    if (!WRITE_VERBS.has(verb) || resource === 'leases' || REVIEWS.test(resource)) return []
    return [
      {
        verb,
        resource: objectRef?.subresource === undefined ? resource : `${resource}/${objectRef.subresource}`,
        name: objectRef?.name ?? '',
        code: responseStatus?.code ?? 0,
        at: stageTimestamp,
      },
    ]
  }
}

/** `2 update instances/status`, most frequent first. */
export function tally(writes: readonly Write[]): string[] {
  const counts = new Map<string, number>()
  for (const { verb, resource, code } of writes) {
    const what = `${verb} ${resource}${code > 299 ? ` (refused: ${code})` : ''}`
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([what, count]) => `${count} ${what}`)
}
