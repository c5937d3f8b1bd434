// SPDX-License-Identifier: Apache-2.0
// What Argo CD's script says of an object is what Flux's kstatus says of it: for every kind, in every state.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'
import { readCrds } from '../../crds/suite/schema.ts'
import { setReadiness, type Readiness } from '../../lib/conditions.ts'
import { programPath } from '../build/programs.ts'
import { CUSTOMIZATIONS, judge, type Verdict } from './gitops.ts'

const KINDS = readCrds()
  .filter(({ spec }) => spec.versions[0]!.subresources?.status)
  .map(({ spec }) => spec.names.kind)
const NOW = new Date('2026-01-01T00:00:00Z')

/** What Argo CD has a word of its own for. */
const HEALTH_OF: Record<Verdict['status'], readonly string[]> = {
  Current: ['Healthy', 'Suspended'],
  InProgress: ['Progressing'],
  Failed: ['Degraded'],
  Terminating: ['Progressing'],
}
const agrees = ({ status, health }: Verdict) => HEALTH_OF[status].includes(health)

const said = (readiness: Partial<Readiness>) => ({
  reason: 'R',
  message: 'm',
  ready: false,
  reconciling: false,
  stalled: false,
  ...readiness,
})
const object = (
  kind: string,
  readiness: Partial<Readiness>,
  more: { spec?: object; metadata?: object; observed?: number } = {},
) => ({
  apiVersion: 'nephele.dev/v1alpha1',
  kind,
  metadata: { name: 'x', namespace: 'team', generation: 2, ...more.metadata },
  spec: more.spec ?? {},
  status: {
    observedGeneration: more.observed ?? 2,
    // Another stage comes first, and says nothing of the whole.
    conditions: setReadiness(
      [{ type: 'Scheduled', status: 'False', reason: 'S', message: 's', lastTransitionTime: '' }],
      said(readiness),
      2,
      NOW,
    ),
  },
})
const deletion = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['nephele.dev/release'] }

const STATES: readonly [string, (kind: string) => object, Verdict['status'], string, string][] = [
  ['ready', (kind) => object(kind, { ready: true }), 'Current', 'Healthy', 'R: m'],
  ['waits', (kind) => object(kind, { reconciling: true }), 'InProgress', 'Progressing', 'R: m'],
  [
    'ready, and at work',
    (kind) => object(kind, { ready: true, reconciling: true }),
    'InProgress',
    'Progressing',
    'R: m',
  ],
  ['stalled', (kind) => object(kind, { stalled: true }), 'Failed', 'Degraded', 'R: m'],
  ['not ready, and left alone', (kind) => object(kind, {}), 'InProgress', 'Progressing', 'R: m'],
  [
    'changed since',
    (kind) => object(kind, { ready: true }, { observed: 1 }),
    'InProgress',
    'Progressing',
    'waiting for the operator to look at it',
  ],
  [
    'stalled, and changed since',
    (kind) => object(kind, { stalled: true }, { observed: 1 }),
    'InProgress',
    'Progressing',
    'waiting for the operator to look at it',
  ],
  [
    'deleted, and held',
    (kind) => object(kind, { reconciling: true }, { metadata: deletion }),
    'Terminating',
    'Progressing',
    'R: m',
  ],
  [
    'deleted while ready',
    (kind) => object(kind, { ready: true }, { metadata: deletion, observed: 1 }),
    'Terminating',
    'Progressing',
    'R: m',
  ],
  [
    'deleted while stalled',
    (kind) => object(kind, { stalled: true }, { metadata: deletion }),
    'Terminating',
    'Progressing',
    'R: m',
  ],
]

// The first time its program is built.
beforeAll(() => programPath('gitops'), 600_000)

describe.each(STATES)('what is %s', (_, make, status, health, message) => {
  test(`is ${status} to Flux and ${health} to Argo CD, of every kind`, async () => {
    const verdicts = await judge(KINDS.map(make))
    expect(verdicts.map((verdict, i) => [KINDS[i], verdict.status, verdict.health, verdict.message])).toEqual(
      KINDS.map((kind) => [kind, status, health, message]),
    )
  })
})

test.each([
  ['Running', 'Healthy'],
  ['Stopped', 'Healthy'],
  ['Paused', 'Suspended'],
  ['Suspended', 'Suspended'],
])('a machine that is %s, as its spec wants it, is %s', async (runState, health) => {
  const machine = (readiness: Partial<Readiness>) => object('Instance', readiness, { spec: { runState } })
  const [ready, waits] = await judge([machine({ ready: true }), machine({ reconciling: true })])
  expect(ready).toMatchObject({ status: 'Current', health })
  expect(waits).toMatchObject({ status: 'InProgress', health: 'Progressing' })
})

test('what the operator has not looked at, which has the status of the schema’s default, is in progress', async () => {
  const bare = { apiVersion: 'nephele.dev/v1alpha1', kind: 'Network', metadata: { name: 'x', generation: 1 }, spec: {} }
  const [unseen, created] = await judge([{ ...bare, status: { observedGeneration: 0 } }, bare])
  expect(unseen).toMatchObject({ status: 'InProgress', health: 'Progressing' })
  // As the answer to its creation has it.
  expect(created).toMatchObject({ health: 'Progressing' })
})

test('the list of addresses in use, which has no status, is a fact', async () => {
  const claim = {
    apiVersion: 'nephele.dev/v1alpha1',
    kind: 'IPClaim',
    metadata: { name: 'x', generation: 1 },
    spec: {},
  }
  const verdicts = await judge([claim, { ...claim, metadata: { ...claim.metadata, ...deletion } }])
  expect(verdicts.every(agrees)).toBe(true)
  expect(verdicts.map(({ health }) => health)).toEqual(['Healthy', 'Progressing'])
})

test('both agree on whatever stands in the conditions', async () => {
  const status = fc.constantFrom('True', 'False', 'Unknown')
  const condition = (type: fc.Arbitrary<string>) =>
    fc.record({ type, status, reason: fc.constantFrom('A', 'B'), message: fc.string({ maxLength: 20 }) })
  const objects = fc.record({
    kind: fc.oneof(fc.constant('Instance'), fc.constantFrom(...KINDS)),
    metadata: fc.record(
      { generation: fc.nat(3), deletionTimestamp: fc.constant('2026-01-01T00:00:00Z') },
      { requiredKeys: ['generation'] },
    ),
    spec: fc.record({ runState: fc.constantFrom('Running', 'Paused', 'Stopped') }, { requiredKeys: [] }),
    status: fc.record(
      {
        observedGeneration: fc.nat(3),
        // Every status has Ready.
        conditions: fc
          .tuple(
            condition(fc.constant('Ready')),
            fc.array(condition(fc.constantFrom('Reconciling', 'Stalled', 'Booted')), { maxLength: 4 }),
            fc.nat(),
          )
          .map(([ready, others, at]) => others.toSpliced(at % (others.length + 1), 0, ready)),
      },
      { requiredKeys: ['conditions'] },
    ),
  })
  const drawn = fc.sample(objects, 2000)
  const verdicts = await judge(drawn)
  expect(verdicts.flatMap((verdict, i) => (agrees(verdict) ? [] : [{ ...verdict, of: drawn[i] }]))).toEqual([])
  // None of them only because all are the same.
  expect(new Set(verdicts.map((verdict) => verdict.health)).size).toBe(4)
}, 30_000)

describe('the tests in the form of Argo CD’s repository', () => {
  const folder = join(CUSTOMIZATIONS, 'nephele.dev/_')
  const { tests } = parse(readFileSync(join(folder, 'health_test.yaml'), 'utf8')) as {
    tests: { healthStatus: { status: string; message: string }; inputPath: string }[]
  }

  test.each(tests.map((one) => [one.inputPath, one.healthStatus] as const))('%s', async (path, { status, message }) => {
    const [verdict] = await judge([parse(readFileSync(join(folder, path), 'utf8')) as object])
    expect(verdict).toMatchObject({ health: status, message })
    expect(agrees(verdict!)).toBe(true)
  })

  test('have every object, and every word of Argo CD', () => {
    const files = readdirSync(join(folder, 'testdata')).map((name) => `testdata/${name}`)
    expect(tests.map(({ inputPath }) => inputPath).sort()).toEqual(files.sort())
    expect(new Set(tests.map(({ healthStatus }) => healthStatus.status))).toEqual(
      new Set(['Healthy', 'Progressing', 'Degraded', 'Suspended']),
    )
  })
})
