// SPDX-License-Identifier: Apache-2.0
// What a VPN's document has sealed is opened by its node, once, and judged before charon is told.
import { expect, test } from '@jest/globals'
import { sealedVpnUse, type VpnSpec } from '../../lib/contract/vpn.ts'
import { createSealingKey, seal, sealingKeyOf, unseal } from '../../lib/pki/sealed.ts'
import { KeyOpener } from './open-spec.ts'
import { CONNECTION } from './testing/connection.ts'

const KEY = createSealingKey()
const ID = 'a'.repeat(64)
const place = { node: 'n1', uid: 'vpn' }
let opened = 0
const sealing = {
  open: async (sealed: string, purpose: { kind: string; uid: string; use: string }) => {
    opened++
    return unseal(sealed, KEY, { ...purpose, node: 'n1' })
  },
}
const sealedFor = (text: string, purpose: { kind: string; use: string }) =>
  seal(text, sealingKeyOf(KEY), { ...place, ...purpose })
const spec = (psk: string, privateKey = 'a2V5') => {
  const bare = { ...CONNECTION }
  delete bare.preSharedKey
  return {
    outside: { addresses: [] },
    connections: [
      { ...bare, sealedKey: sealedFor(psk, sealedVpnUse.connection(bare.uid)) },
      { ...bare, uid: 'c2', certificate: ID },
    ],
    certificates: {
      [ID]: {
        ...{ chain: ['Y2E='], authorities: ['Y2E='] },
        sealedKey: sealedFor(privateKey, sealedVpnUse.certificate(ID)),
      },
    },
  } as unknown as VpnSpec
}

test('keys of connections and of certificates, each once', async () => {
  const [opener, one] = [new KeyOpener(), spec('0123456789abcdef')]
  opened = 0
  const open = await opener.open('vpn', one, sealing)
  expect(open.connections[0]).toEqual(CONNECTION)
  expect(open.connections[1]).toMatchObject({ uid: 'c2', certificate: ID })
  expect(open.certificates[ID]).toEqual({ chain: ['Y2E='], authorities: ['Y2E='], privateKey: 'a2V5' })
  expect(await opener.open('vpn', one, sealing)).toEqual(open)
  expect(opened).toBe(2)
  // Another text of the same keys is the same to charon.
  expect(await opener.open('vpn', spec('0123456789abcdef'), sealing)).toEqual(open)
})

test.each([
  ['a short key', spec('short')],
  ['a key with a line', spec('0123456789abcdef\n')],
  ['a private key that is no base64', spec('0123456789abcdef', 'no base64!')],
])('%s is not taken, and nothing of it is told', async (_, wrong) => {
  await expect(new KeyOpener().open('vpn', wrong, sealing)).rejects.toMatchObject({
    ...{ reason: 'KeyInvalid', message: expect.not.stringMatching(/short|0123|base64!/) },
  })
})
