// SPDX-License-Identifier: Apache-2.0
import type { KeyPair, ServerGroup } from '../../../lib/api/types.ts'
import type { ReadyImage } from '../common/machine-image.ts'
import type { MachineSize, SizeWish } from './flavor.ts'

/** The objects that the spec names, resolved. */
export interface Admitted {
  /** The size that the machine has, or gets at its next start; before its placement, the size that it will get. */
  now: MachineSize
  /** The size by spec.flavorRef, when that names another Flavor than the machine's. */
  wish: SizeWish | undefined
  /** `now` does not fit another Image that the machine gets at its new place: it goes nowhere but with `wish`. */
  isTooSmall?: boolean
  image: ReadyImage
  keyPair: KeyPair | undefined
  /** Only while the machine is to be placed. */
  serverGroup: ServerGroup | undefined
  userDataBase64: string | undefined
  requireKvm: boolean
}
