// SPDX-License-Identifier: Apache-2.0
import type { ObservedDocument } from '../../lib/contract/documents.ts'

/** Which nodes' reports on machines name a volume among their disks, however old the list. */
export class VolumeReports {
  readonly #byVolume = new Map<string, Set<ObservedDocument>>()

  replace(old: ObservedDocument | undefined, report: ObservedDocument | undefined): void {
    for (const volume of disksOf(old)) {
      const reports = this.#byVolume.get(volume)
      if (old) reports?.delete(old)
      if (reports?.size === 0) this.#byVolume.delete(volume)
    }
    for (const volume of disksOf(report)) {
      const reports = this.#byVolume.get(volume) ?? new Set<ObservedDocument>()
      if (report) this.#byVolume.set(volume, reports.add(report))
    }
  }

  list(volume: string): readonly ObservedDocument[] {
    return [...(this.#byVolume.get(volume) ?? [])]
  }
}

function disksOf(report: ObservedDocument | undefined): readonly string[] {
  return report?.kind === 'instance' && report.state !== 'gone' ? (report.facts.volumesAttached ?? []) : []
}
