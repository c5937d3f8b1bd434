// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { NatsConnection } from '@nats-io/transport-node'
import { createLogger } from '../../lib/log.ts'
import { settle } from '../../lib/time/fake-clock.ts'
import { agentName } from '../auth/authorize.ts'
import { systemSessions } from './sessions.ts'

const SERVERS = ['A', 'B'].map((letter) => `N${letter.repeat(55)}`)
const log = createLogger('test', 'silent')

test('every session of the node ends, on each server, and nobody else’s; it is over when the servers say so', async () => {
  const mine = agentName('c1')
  const connections = [
    { cid: 7, authorized_user: mine },
    { cid: 8, authorized_user: agentName('c2') },
    { cid: 9 },
    { cid: 10, authorized_user: mine },
  ]
  const answers = [
    { server: { id: SERVERS[0] }, data: { connections } },
    { server: { id: SERVERS[1] }, data: { connections: [{ cid: 7, authorized_user: mine }] } },
    { server: { id: 'not a server; $SYS.>' }, data: { connections } },
    { server: { id: SERVERS[1] }, data: {} },
  ]
  const kicked: string[] = []
  const confirm = Promise.withResolvers<undefined>()
  const nc = {
    requestMany: async () =>
      (async function* () {
        for (const answer of answers) yield { string: () => JSON.stringify(answer) }
      })(),
    request: async (subject: string, data: string) => {
      kicked.push(`${subject} ${data}`)
      await confirm.promise
    },
  }
  let ended: number | undefined
  void systemSessions(nc as unknown as NatsConnection, log)
    .end('c1')
    .then((count) => (ended = count))
  await settle()
  expect([ended, kicked]).toEqual([undefined, [`$SYS.REQ.SERVER.${SERVERS[0]}.KICK {"cid":7}`]])
  confirm.resolve(undefined)
  await settle()
  expect(ended).toBe(3)
  expect(kicked.slice(1)).toEqual([
    `$SYS.REQ.SERVER.${SERVERS[0]}.KICK {"cid":10}`,
    `$SYS.REQ.SERVER.${SERVERS[1]}.KICK {"cid":7}`,
  ])
})
