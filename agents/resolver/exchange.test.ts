// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ask, type Transport } from './exchange.ts'
import { readQuery } from './message.ts'
import { question } from './testing/questions.ts'

// Who may not be asked, or has no way to be: the kernel refuses in connect(2), before anything is sent.
test.each<[Transport, string]>([
  ['udp', '255.255.255.255'],
  ['tcp', '255.255.255.255'],
  ['udp', 'fe80::1%nowhere'],
])('a server that cannot be asked by %s, %s, is an error of the question alone', async (transport, address) => {
  const read = readQuery(question('www.example.com'))
  if (!read) throw new Error('no question')
  const asked = ask({ address, port: 53 }, read.query, transport, 5_000)
  await expect(asked).rejects.toThrow(/connect|EACCES|ENETUNREACH|EINVAL|ENOTFOUND/)
})
