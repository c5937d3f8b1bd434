// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { NodeDocument, Orphan, Unlisted } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import { createLogger } from '../../lib/log.ts'
import type { KindReconciler, RunContext } from '../runtime/reconciler.ts'
import type { OrphanListing } from '../runtime/orphan-list.ts'
import type { NodeIdentity } from './identity.ts'
import type { NbdIdentity } from './nbd-identity.ts'
import { NodeReconciler } from './node-reconciler.ts'
import type { AgentRole } from './role.ts'

const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
const header = { v: 1 as const, uid: 'node-1', node: 'n1', name: 'n1', versions }
const document: NodeDocument = { ...header, kind: 'node', tombstone: false, spec: { roles: {} } }
const orphan: Orphan = { kind: 'volume', uid: 'v', what: 'volume' }
const roleOf = (name: string, kind: string, configure?: AgentRole['configure']): AgentRole => ({
  ...{ name, reconcilers: [{ kind } as KindReconciler] },
  ...(configure ? { configure } : {}),
})

let certified: boolean
let roles: AgentRole[]
let failures: unknown[]
let listing: OrphanListing | undefined
let late: (() => void) | undefined
let woken: number
let calls: string[]
let reconciler: NodeReconciler
const context = { node: 'n1', signal: new AbortController().signal, log: createLogger('test', 'silent') } as RunContext
const run = () => reconciler.reconcile(document, context)

beforeEach(async () => {
  ;[certified, roles, failures, woken, late, calls] = [true, [roleOf('compute', 'instance')], [], 0, undefined, []]
  listing = { orphans: [orphan], unlisted: [] }
  reconciler = new NodeReconciler({
    identity: { accept: async () => (calls.push('identity'), certified) } as unknown as NodeIdentity,
    nbd: { accept: async () => void calls.push('nbd') } as unknown as NbdIdentity,
    ensureRoles: async () => (calls.push('roles'), { roles, failures }),
    listOrphans: (changed) => {
      calls.push('list')
      late = changed
      return listing && Promise.resolve(listing)
    },
  })
  await reconciler.start({ one: () => undefined, all: () => woken++ })
})
const pool: Unlisted = { kind: 'volume', what: 'pool a', reason: 'PoolUnavailable', message: 'mount it' }

test('certificates first, then the roles that use them, then what is there', async () => {
  roles = [roleOf('compute', 'instance', async () => void calls.push('configure'))]
  expect(await run()).toEqual({
    state: 'ready',
    facts: { roles: ['compute'], certified: true, orphans: [orphan] },
    retryAfterMs: 300_000,
  })
  expect(calls).toEqual(['identity', 'nbd', 'roles', 'configure', 'list'])
})

test('without its certificate it is degraded, with all that it found', async () => {
  certified = false
  expect(await run()).toMatchObject({
    state: 'degraded',
    facts: { orphans: [orphan], certified: false },
    error: { reason: 'CertificatePending', terminal: false },
    retryAfterMs: 300_000,
  })
})

test('before all documents came, nothing is said of orphans', async () => {
  listing = undefined
  expect((await run()).facts).toEqual({ roles: ['compute'], certified: true })
  expect(reconciler.standingFacts(document, { find: () => undefined })).toEqual({})
})

describe('what could not be looked at', () => {
  test.each<[string, Partial<Unlisted>, string]>([
    ['a pool', {}, 'ready'],
    ['images', { kind: 'image', reason: 'AgentError' }, 'ready'],
    ['machines', { kind: 'instance', reason: 'HypervisorUnreachable' }, 'degraded'],
    ['ports', { kind: 'port', reason: 'SwitchNotReady' }, 'degraded'],
    ['machines, which takes long', { kind: 'instance', reason: 'StillListing' }, 'ready'],
  ])(
    '%s: said beside the rest, soon looked at again, and in the way of what needs it alone',
    async (_, more, state) => {
      const unlisted = [{ ...pool, ...more }]
      listing = { orphans: [orphan], unlisted }
      const said = await run()
      expect(said).toMatchObject({ state, facts: { orphans: [orphan], unlisted }, retryAfterMs: 60_000 })
      expect(said.error).toEqual(
        state === 'ready' ? undefined : { reason: unlisted[0]!.reason, message: 'mount it', terminal: false },
      )
    },
  )

  test('when it is looked at late, the node is asked again', async () => {
    await run()
    late!()
    expect(woken).toBe(1)
  })
})

describe('a role', () => {
  test.each<[string, () => Promise<void>, string]>([
    ['says why', () => Promise.reject(new TransientError('SwitchNotReady', 'away')), 'SwitchNotReady'],
    ['does not say why', () => Promise.reject(new Error('/secret')), 'RoleNotConfigured'],
  ])('that fails and %s keeps no other from its configuration, and orphans stand', async (_, fail, reason) => {
    roles = [roleOf('network', 'port', fail), roleOf('compute', 'instance', async () => void calls.push('compute'))]
    await expect(run()).rejects.toMatchObject({ name: 'TransientError', reason })
    expect(calls).toContain('compute')
    expect(reconciler.standingFacts(document, { find: () => undefined })).toEqual({ orphans: [orphan] })
  })

  test('that is not there has nothing looked at: what it would find is not none', async () => {
    failures = [new Error('no libvirt')]
    roles = [roleOf('network', 'port'), roleOf('image', 'image')]
    await expect(run()).rejects.toMatchObject({ reason: 'RoleNotConfigured' })
    const { unlisted } = reconciler.standingFacts(document, { find: () => undefined })
    expect(unlisted?.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual([
      'imagecopy RoleNotConfigured',
      'volume RoleNotConfigured',
      'balancer RoleNotConfigured',
      'vpn RoleNotConfigured',
      'probe RoleNotConfigured',
      'instance RoleNotConfigured',
    ])
  })
})

test('whichever of several orphans has its document come, the node is asked again', async () => {
  listing = { orphans: [orphan, { ...orphan, uid: 'w' }], unlisted: [] }
  await run()
  reconciler.documentCame({ kind: 'volume', uid: 'w' })
  expect(woken).toBe(1)
})

test('an orphan whose document came is none, whatever the run comes to; a delete of it is none yet', async () => {
  await run()
  const held = (tombstone: boolean) => reconciler.standingFacts(document, { find: () => ({ tombstone }) as never })
  expect([held(false).orphans, held(true).orphans]).toEqual([[], [orphan]])
  reconciler.documentCame({ kind: 'port', uid: 'v' })
  expect(woken).toBe(0)
  reconciler.documentCame(orphan)
  expect(woken).toBe(1)
})

test('its tombstone removes nothing, and nothing of the node itself is an orphan', async () => {
  expect(await reconciler.remove()).toEqual({ state: 'gone' })
  expect(await reconciler.listOwned()).toEqual([])
})
