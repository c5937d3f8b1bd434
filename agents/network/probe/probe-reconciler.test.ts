// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProbeDocument, Tombstone } from '../../../lib/contract/documents.ts'
import { TransientError } from '../../../lib/errors.ts'
import { createLogger } from '../../../lib/log.ts'
import type { Observation, RunContext } from '../../runtime/reconciler.ts'
import type { ProbeDriver, ProbeFinding, ProbeRequest } from './probe-driver.ts'
import { ProbeReconciler } from './probe-reconciler.ts'
import { ProbeRecords } from './probe-records.ts'

const UID = 'b1a7b1a7-0000-4000-8000-000000000001'
const document: ProbeDocument = {
  ...{ v: 1, kind: 'probe', uid: UID, node: 'n1', name: 'why', tombstone: false },
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  spec: {
    ...{ portUid: 'eth0', sourceMac: 'fa:16:3e:00:00:01', destinationMac: 'fa:16:3e:00:00:02' },
    ...{ source: '10.0.0.1', destination: '10.0.0.2', protocol: 'tcp', sourcePort: 61_000, destinationPort: 80 },
  },
}
const SENT_AT = '2026-01-01T00:00:00.000Z'
let dir: string
let sent: ProbeRequest[]
let reports: Observation[]
/** What the switch does after the first packet, or before it. */
let then: () => Promise<ProbeFinding>
let before: () => void
let port: object | undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nephele-probes-'))
  ;[sent, reports] = [[], []]
  then = async () => ({ result: 'Answered', roundTripMicroseconds: 5 })
  before = () => undefined
  port = { tombstone: false, spec: {} }
})
afterEach(() => rmSync(dir, { recursive: true }))

const driver: ProbeDriver = {
  send: async (request, onSending) => {
    before()
    await onSending()
    sent.push(request)
    return then()
  },
}
/** As after a start of the agent. */
const reconciler = () =>
  new ProbeReconciler({ driver, records: new ProbeRecords(join(dir, 'probes')), now: () => new Date(SENT_AT) })
const context = (signal = new AbortController().signal) =>
  ({
    ...{ signal, log: createLogger('test', 'silent'), report: (one: Observation) => reports.push(one) },
    state: { find: () => port },
  }) as unknown as RunContext
const run = (signal?: AbortSignal) => reconciler().reconcile(document, context(signal))

test('it is sent once: what came back is said again after a restart', async () => {
  const probeAnswer = { result: 'Answered', roundTripMicroseconds: 5, sentAt: SENT_AT }
  expect(await run()).toEqual({ state: 'done', facts: { probeAnswer } })
  expect(reports).toEqual([{ state: 'sending' }])
  expect(await run()).toEqual({ state: 'done', facts: { probeAnswer } })
  expect(sent).toHaveLength(1)
  expect(sent[0]).toMatchObject({ by: { portUid: 'eth0' }, destination: '10.0.0.2', destinationPort: 80 })
})

test('a subport comes by its parent, with its tag', async () => {
  port = { tombstone: false, spec: { parent: { portUid: 'trunk', vlan: 100 } } }
  await run()
  expect(sent[0]).toMatchObject({ by: { portUid: 'trunk' }, vlan: 100 })
})

test('from outside it needs no Port', async () => {
  port = undefined
  const spec = { ...document.spec, outside: { networkUid: 'public', vlan: 12 } }
  delete spec.portUid
  await reconciler().reconcile({ ...document, spec }, context())
  expect(sent[0]).toMatchObject({ by: { networkUid: 'public' }, vlan: 12 })
})

test.each([
  ['before it is sent', true, 1],
  ['while it waits', false, 1],
])('a switch that fails %s', async (_, isBefore, times) => {
  const fail = () => {
    throw new TransientError('PortNotPlugged', 'not there')
  }
  if (isBefore) before = fail
  else then = fail
  if (isBefore) await expect(run()).rejects.toMatchObject({ reason: 'PortNotPlugged' })
  else
    expect(await run()).toMatchObject({ state: 'done', facts: { probeAnswer: { result: 'Unknown', sentAt: SENT_AT } } })
  before = () => undefined
  then = async () => ({ result: 'Silent' })
  expect(await run()).toMatchObject({
    state: 'done',
    facts: { probeAnswer: { result: isBefore ? 'Silent' : 'Unknown' } },
  })
  expect(sent).toHaveLength(times)
})

test('a run that is ended while it waits, or whose record is unreadable, has sent it all the same', async () => {
  const stop = new AbortController()
  then = async () => {
    stop.abort(new Error('stopped'))
    throw new Error('stopped')
  }
  await expect(run(stop.signal)).rejects.toThrow('stopped')
  expect(await run()).toMatchObject({ facts: { probeAnswer: { result: 'Unknown', sentAt: SENT_AT } } })
  writeFileSync(join(dir, 'probes', `${UID}.json`), '{')
  expect(await run()).toMatchObject({ facts: { probeAnswer: { result: 'Unknown' } } })
  expect(sent).toHaveLength(1)
})

test.each([[undefined], [{ tombstone: true, spec: {} }]])('without the Port nothing is sent', async (what) => {
  port = what
  await expect(run()).rejects.toMatchObject({ reason: 'PortNotPlugged' })
  expect(sent).toEqual([])
})

test('its end leaves nothing', async () => {
  expect(await reconciler().listOwned()).toEqual([])
  await run()
  expect(await reconciler().listOwned()).toEqual([{ kind: 'probe', uid: UID, what: 'record of a probe' }])
  const tombstone = { ...document, tombstone: true } as unknown as Tombstone
  expect(await reconciler().remove(tombstone)).toEqual({ state: 'gone' })
  expect(await reconciler().listOwned()).toEqual([])
})
