// SPDX-License-Identifier: Apache-2.0
import type { Versions } from '../../lib/contract/versions.ts'
import type { Bus } from '../bus/bus.ts'
import type { Caches } from '../kind/row.ts'
import type { ReleaseDesk } from './release-desk.ts'

/** The part of `OperatorDeps` that is about what nodes hold. */
export interface PlacedDeps {
  readonly caches: Caches
  readonly bus: Bus
  readonly releases: ReleaseDesk
  /** This leadership's right to write. @throws StaleWriterError when it is over */
  writer(): Pick<Versions, 'incarnation' | 'term'>
}
