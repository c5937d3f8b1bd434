// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import { answerPath, toPath, type Answer } from './answer.ts'
import { serviceFiles, type MetadataFiles, type MetadataSource } from './content.ts'

interface Known {
  ports: readonly PortDocument[]
  files: MetadataFiles
  /** By path; only for paths that exist, so that guests cannot fill it. */
  answers: Map<string, Answer>
}

/**
 * Caches what each guest is answered: building it takes milliseconds, and a guest may ask fifty times a second. An entry lasts as long as
 * the documents that it was made from.
 */
export class AnswerCache {
  readonly #known = new WeakMap<InstanceDocument, Known>()

  answer(source: MetadataSource, url: string): Answer {
    const { files, answers } = this.#of(source)
    const path = toPath(url)
    const held = answers.get(path)
    if (held) return held
    const answer = answerPath(files, path)
    if (answer.status === 200) answers.set(path, answer)
    return answer
  }

  #of({ instance, ports }: MetadataSource): Known {
    const held = this.#known.get(instance)
    // Documents are replaced as a whole, never modified.
    if (held && held.ports.length === ports.length && held.ports.every((port, i) => port === ports[i])) return held
    const known = { ports: [...ports], files: serviceFiles({ instance, ports }), answers: new Map<string, Answer>() }
    this.#known.set(instance, known)
    return known
  }
}
