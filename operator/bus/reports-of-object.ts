// SPDX-License-Identifier: Apache-2.0
import type { ObservedDocument } from '../../lib/contract/documents.ts'

/**
 * Reports by the object that they are of, and by node. Most objects are on one node, and a Map of one costs as much as the report itself;
 * an image may be on all of them.
 */
export class ReportsOfObject {
  readonly #reports = new Map<string, ObservedDocument | Map<string, ObservedDocument>>()

  find(object: string, node: string): ObservedDocument | undefined {
    const held = this.#reports.get(object)
    if (held instanceof Map) return held.get(node)
    return held?.node === node ? held : undefined
  }

  list(object: string): ObservedDocument[] {
    const held = this.#reports.get(object)
    return held instanceof Map ? [...held.values()] : held ? [held] : []
  }

  /** In place of what its node said before. */
  set(object: string, report: ObservedDocument): void {
    const held = this.#reports.get(object)
    if (held instanceof Map) held.set(report.node, report)
    else if (held === undefined || held.node === report.node) this.#reports.set(object, report)
    else this.#reports.set(object, new Map([held, report].map((one) => [one.node, one])))
  }

  delete(object: string, node: string): void {
    const held = this.#reports.get(object)
    if (!(held instanceof Map)) {
      if (held?.node === node) this.#reports.delete(object)
      return
    }
    held.delete(node)
    const [last] = held.values()
    if (held.size === 1 && last) this.#reports.set(object, last)
  }
}
