// SPDX-License-Identifier: Apache-2.0
import type { Image, KeyPair } from '../../../lib/api/types.ts'
import type { MachineSize, SizeWish } from './flavor.ts'

/** What the spec names, found. */
export interface Admitted {
  /** What the machine has, or gets at its next start; before its placement, what it shall get. */
  now: MachineSize
  /** What a Flavor that spec.flavorRef names beside it comes to. */
  wish: SizeWish | undefined
  image: ReadyImage
  keyPair: KeyPair | undefined
  userDataBase64: string | undefined
  requireKvm: boolean
}

export type ReadyImage = Image & { status: { sha256: string } }
