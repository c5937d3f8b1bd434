// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { CONSOLE_ACCESS, GROUP, SECRET, VERSION } from '../../../lib/api/kinds.ts'
import type { ConsoleAccess, Secret } from '../../../lib/api/types.ts'
import { hashOfToken } from '../../../lib/contract/documents.ts'
import type { Run } from '../../../lib/loop/controller.ts'

/** The one type of Secrets that the operator may make (charts/nephele/templates/policies/console-tokens.yaml). */
const SECRET_TYPE = 'nephele.dev/console-token'
const TOKEN_BYTES = 32
/** Of the hash, in the Secret's name. */
const DIGITS = 16

/** A new token, in a Secret that goes with its access. From here on the operator knows its hash alone. */
export async function makeToken(
  { metadata: { namespace = '', name, uid } }: ConsoleAccess,
  { client, signal }: Pick<Run, 'client' | 'signal'>,
): Promise<{ secretName: string; tokenSHA256: string }> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  const tokenSHA256 = hashOfToken(token)
  // Another each time: one that was made before the status was written is never read again, and cannot be.
  const secretName = `console-${tokenSHA256.slice(0, DIGITS)}`
  const owner = { apiVersion: `${GROUP}/${VERSION}`, kind: CONSOLE_ACCESS.kind, name, uid }
  await client.create<Secret>(
    SECRET,
    {
      ...{ apiVersion: 'v1', kind: 'Secret', type: SECRET_TYPE, immutable: true },
      metadata: {
        ...{ namespace, name: secretName, ownerReferences: [owner] },
        labels: { 'app.kubernetes.io/managed-by': 'nephele' },
      },
      data: { token: Buffer.from(token).toString('base64') },
    },
    { signal },
  )
  return { secretName, tokenSHA256 }
}
