// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { once } from 'node:events'
import { PassThrough, type Duplex } from 'node:stream'
import { Console } from '../../../../lib/libvirt/constants.ts'
import { SerialConsoles } from './serial-consoles.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000001'
const OTHER = 'aaaaaaaa-0000-4000-8000-000000000002'
const domain = { name: 'a', uuid: Buffer.alloc(16), id: 1 }
const signal = new AbortController().signal

test('who is pushed out is ended, though libvirtd says nothing of it; nobody else is', async () => {
  const consoles = new SerialConsoles(() => Promise.resolve(new PassThrough()))
  const other = await consoles.open(OTHER, domain, true, signal)
  const first = await consoles.open(UID, domain, true, signal)
  const closed = once(first, 'close')
  const second = await consoles.open(UID, domain, true, signal)
  await closed
  expect([first, second, other].map((one) => one.destroyed)).toEqual([true, false, false])
})

test('of two that take it over at once, the one that asked last has it, however late the other is answered', async () => {
  const answers: PromiseWithResolvers<Duplex>[] = []
  const consoles = new SerialConsoles(() => {
    const answer = Promise.withResolvers<Duplex>()
    answers.push(answer)
    return answer.promise
  })
  const asked = [consoles.open(UID, domain, true, signal), consoles.open(UID, domain, true, signal)]
  await new Promise(setImmediate)
  expect(answers).toHaveLength(1)
  answers[0]?.resolve(new PassThrough())
  await asked[0]
  await new Promise(setImmediate)
  answers[1]?.resolve(new PassThrough())
  const [first, second] = await Promise.all(asked)
  expect([first?.destroyed, second?.destroyed]).toEqual([true, false])
})

test('one that cannot be had ends nobody, and holds up nobody', async () => {
  let fails = false
  const flagsSeen: number[] = []
  const consoles = new SerialConsoles((_, flags) => {
    flagsSeen.push(flags)
    return fails ? Promise.reject(new Error('no')) : Promise.resolve(new PassThrough())
  })
  const first = await consoles.open(UID, domain, false, signal)
  fails = true
  await expect(consoles.open(UID, domain, true, signal)).rejects.toThrow('no')
  expect(first.destroyed).toBe(false)
  fails = false
  await consoles.open(UID, domain, true, signal)
  expect(first.destroyed).toBe(true)
  expect(flagsSeen).toEqual([0, Console.force, Console.force])
})
