// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument, PortDocument } from '../../lib/contract/documents.ts'
import { answerPath, toPath, type Answer } from './answer.ts'
import { serviceFiles, type MetadataFiles, type MetadataSource } from './content.ts'

interface Known {
  ports: readonly PortDocument[]
  files: MetadataFiles
  /** By path; of what there is alone, so that no guest can fill it. */
  answers: Map<string, Answer>
}

/**
 * What each guest is told, made once for the documents that it comes from: making it costs milliseconds, and a guest may ask fifty times
 * a second. Goes with the documents.
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
    // A document is replaced as a whole, never changed.
    if (held && held.ports.length === ports.length && held.ports.every((port, i) => port === ports[i])) return held
    const known = { ports: [...ports], files: serviceFiles({ instance, ports }), answers: new Map<string, Answer>() }
    this.#known.set(instance, known)
    return known
  }
}
