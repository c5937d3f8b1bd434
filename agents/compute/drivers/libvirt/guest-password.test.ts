// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { TransientError } from '../../../../lib/errors.ts'
import { LibvirtDisconnected } from '../../../../lib/libvirt/error.ts'
import { fakeLibvirt, refuse } from './fake-client.ts'
import { setGuestPassword } from './guest-password.ts'

const domain = { name: 'nephele-x', uuid: Buffer.alloc(16), id: 1 }
const given = { userName: 'ada', password: 's3cret' }
const { signal } = new AbortController()

test('is given as it is, to be hashed by the guest', async () => {
  let sent: unknown
  const fake = fakeLibvirt({ setUserPassword: (args) => void (sent = args) })
  await setGuestPassword(fake.connections.agent, { ref: domain }, given, signal)
  expect(sent).toEqual({ domain, user: 'ada', password: 's3cret', flags: 0 })
  expect(fake.calls.map((call) => call.split(' ').slice(0, 2).join(' '))).toEqual([
    'agent agentSetResponseTimeout',
    'agent setUserPassword',
  ])
})

test.each([
  ['agentUnresponsive', 'QEMU guest agent is not connected', 'NoGuestAgent'],
  ['agentUnresponsive', 'Guest agent disappeared while executing command', 'GuestAgentTimeout'],
  ['agentUnsynced', 's3cret', 'NoGuestAgent'],
  ['operationUnsupported', 'QEMU guest agent is not configured', 'NoGuestAgent'],
  ['agentCommandTimeout', 'guest agent', 'GuestAgentTimeout'],
  ['operationInvalid', 'domain is not running', 'InstanceNotRunning'],
  ['operationTimeout', 'cannot acquire state change lock', 'MachineUnresponsive'],
  ['internal', 'the guest says: s3cret', 'GuestRefused'],
] as const)('libvirt’s %s, %s: %s, without its words', async (code, message, reason) => {
  const { connections } = fakeLibvirt({
    setUserPassword: () => {
      throw refuse(code, message)
    },
  })
  const thrown: unknown = await setGuestPassword(connections.agent, { ref: domain }, given, signal).catch(
    (e: unknown) => e,
  )
  expect(thrown).toBeInstanceOf(TransientError)
  expect(thrown).toMatchObject({ reason })
  expect((thrown as Error).message + String((thrown as Error).cause)).not.toContain('s3cret')
})

test('a connection that ends is for the caller to judge', async () => {
  const gone = new LibvirtDisconnected('gone')
  const { connections } = fakeLibvirt({
    setUserPassword: () => {
      throw gone
    },
  })
  await expect(setGuestPassword(connections.agent, { ref: domain }, given, signal)).rejects.toBe(gone)
})
