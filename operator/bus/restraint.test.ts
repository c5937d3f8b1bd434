// SPDX-License-Identifier: Apache-2.0
// What happens to a node beyond its share, and in which order.
import { afterEach, expect, test } from '@jest/globals'
import { headers } from '@nats-io/transport-node'
import { setTimeout } from 'node:timers/promises'
import { OBSERVED_BUCKET, observedFilter, streamOf } from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { settle } from '../../lib/time/fake-clock.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { CUT_OFF_MS, Restraint } from './restraint.ts'

const open: Restraint[] = []
afterEach(() => open.splice(0).forEach((restraint) => restraint.close()))

function world({ endFails = false, againMs = 1_000 } = {}) {
  const clock = { ms: 0 }
  const told: string[] = []
  const ends: (() => void)[] = []
  const request = async (subject: string, data: Uint8Array | string) => {
    told.push(
      `${subject.replace('$JS.API.STREAM.', '')} ${(JSON.parse(Buffer.from(data).toString()) as { filter: string }).filter}`,
    )
    return { data: Buffer.from('{"success":true,"purged":1}'), headers: headers() }
  }
  const restraint = new Restraint({
    nc: { options: { inboxPrefix: '_INBOX' }, request } as unknown as NatsConnection,
    log: createLogger('test', 'silent'),
    sessions: {
      end: async (node) => {
        told.push(`end ${node}`)
        if (endFails) throw new Error('the servers do not answer')
        await new Promise<void>((resolve) => ends.push(resolve))
        return 1
      },
    },
    onEmptied: (node) => told.push(`emptied ${node}`),
    onExcess: (excess) => told.push(excess),
    now: () => 1e6 + clock.ms,
    againMs,
  })
  restraint.onChange((node) => told.push(`changed ${node}`))
  open.push(restraint)
  const next = async () => {
    ends.shift()?.()
    await settle()
    return told.splice(0)
  }
  return { clock, told, restraint, next }
}
const PURGE = `PURGE.${streamOf(OBSERVED_BUCKET)} ${observedFilter('n1')}`

test('its session ends, then its part of the bucket is emptied, then it is forgotten; said once', async () => {
  const w = world()
  w.restraint.exceeded('n1', 'Bytes')
  expect(w.told.splice(0)).toEqual(['Bytes', 'changed n1', 'end n1'])
  expect(await w.next()).toEqual([PURGE, 'emptied n1'])
  expect(w.restraint.find('n1')).toEqual({ excess: 'Bytes', remainingMs: CUT_OFF_MS })
  expect(w.restraint.find('n2')).toBeUndefined()
})

test('a servers’ silence keeps nothing of it in the bucket', async () => {
  const w = world({ endFails: true })
  w.restraint.exceeded('n1', 'Words')
  await settle()
  expect(w.told).toEqual(['Words', 'changed n1', 'end n1', PURGE, 'emptied n1'])
})

test('is over ten minutes after its last report beyond, and then told of anew', async () => {
  const w = world()
  w.restraint.exceeded('n1', 'Bytes')
  w.clock.ms = 1_000
  w.restraint.exceeded('n1', 'Documents')
  expect(w.told.filter((what) => what === 'changed n1')).toHaveLength(1)
  w.clock.ms = CUT_OFF_MS + 999
  expect(w.restraint.find('n1')).toEqual({ excess: 'Documents', remainingMs: 1 })
  w.clock.ms = CUT_OFF_MS + 1_000
  expect(w.restraint.find('n1')).toBeUndefined()
  w.restraint.exceeded('n1', 'Bytes')
  expect(w.told.filter((what) => what === 'changed n1')).toHaveLength(2)
})

test('what was on its way is taken away once, a while later; never after the end', async () => {
  const w = world({ againMs: 50 })
  for (let i = 0; i < 5; i++) w.restraint.exceeded('n1', 'Bytes')
  w.restraint.exceeded('n2', 'Bytes')
  expect(w.told.splice(0).filter((what) => what.startsWith('end'))).toEqual(['end n1', 'end n2'])
  await setTimeout(80)
  expect(w.told.splice(0)).toEqual(['end n1'])
  w.restraint.exceeded('n1', 'Bytes')
  w.restraint.close()
  await setTimeout(80)
  w.clock.ms = 5_000
  w.restraint.exceeded('n1', 'Bytes')
  expect(w.told.filter((what) => what.startsWith('end'))).toEqual([])
})
