// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net'
import { expect, test } from '@jest/globals'
import { freePorts } from './free-port.ts'

test('all different, also at once, and all free', async () => {
  const ports = (await Promise.all([freePorts(20), freePorts(20)])).flat()
  expect(new Set(ports).size).toBe(40)
  for (const port of ports) {
    const server = createServer()
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
    await new Promise((resolve) => server.close(resolve))
  }
})

test('a host that is not ours is an error, not a search without end', async () => {
  // TEST-NET-1, RFC 5737.
  await expect(freePorts(1, '192.0.2.1')).rejects.toThrow('EADDRNOTAVAIL')
})
