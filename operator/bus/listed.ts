// SPDX-License-Identifier: Apache-2.0
import type { DocumentKind, ObservedDocument } from '../../lib/contract/documents.ts'

/**
 * Has the node, by its report on itself, listed everything that it has of this kind? If not, what the report does not name is unknown,
 * which is not the same as gone.
 */
export function isListed(report: Pick<ObservedDocument, 'facts'> | undefined, kind: DocumentKind): boolean {
  const { orphans, unlisted = [] } = report?.facts ?? {}
  return orphans !== undefined && !unlisted.some((place) => place.kind === kind)
}
