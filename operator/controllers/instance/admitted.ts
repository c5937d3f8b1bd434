// SPDX-License-Identifier: Apache-2.0
import type { Image, KeyPair, ServerGroup } from '../../../lib/api/types.ts'
import type { MachineSize, SizeWish } from './flavor.ts'

/** The objects that the spec names, resolved. */
export interface Admitted {
  /** The size that the machine has, or gets at its next start; before its placement, the size that it will get. */
  now: MachineSize
  /** The size by spec.flavorRef, when that names another Flavor than the machine's. */
  wish: SizeWish | undefined
  image: ReadyImage
  keyPair: KeyPair | undefined
  /** Only while the machine is to be placed. */
  serverGroup: ServerGroup | undefined
  userDataBase64: string | undefined
  requireKvm: boolean
}

export type ReadyImage = Image & { status: { sha256: string } }
