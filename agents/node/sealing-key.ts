// SPDX-License-Identifier: Apache-2.0
// The key for which the operator seals what this node alone may read (docs/decisions/0054).
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readIfThere, writeWhole } from '../../lib/durable-files.ts'
import { TransientError } from '../../lib/errors.ts'
import { createSealingKey, sealingKeyOf, unseal, type SealedFor, type SealedText } from '../../lib/pki/sealed.ts'

export class SealingKey {
  readonly #file: string
  readonly #node: string

  /** @param stateDir `/var/lib/nephele`: what was sealed for it before a reboot is read after it, whether or not an operator is there */
  constructor(stateDir: string, node: string) {
    this.#file = join(stateDir, 'pki', 'sealing.key')
    this.#node = node
  }

  /** For the inventory. Made where there is none, or none that can be read: the operator then seals anew. */
  async announce(): Promise<string> {
    const held = await readIfThere(this.#file)
    const known = held === undefined ? undefined : publicHalf(held)
    if (known !== undefined) return known
    const made = createSealingKey()
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
    await writeWhole(this.#file, made)
    return sealingKeyOf(made)
  }

  /** @throws TransientError `SealedForAnotherKey`: another document follows once the operator knows the present key */
  async open(sealed: SealedText, purpose: Omit<SealedFor, 'node'>): Promise<string> {
    try {
      return unseal(sealed, (await readIfThere(this.#file)) ?? '', { ...purpose, node: this.#node })
    } catch (cause) {
      throw new TransientError(
        'SealedForAnotherKey',
        `node ${this.#node} cannot open a key that was sealed for it: it goes on with what it has until it is told anew`,
        { cause },
      )
    }
  }
}

function publicHalf(pem: string): string | undefined {
  try {
    return sealingKeyOf(pem)
  } catch {
    return undefined
  }
}
