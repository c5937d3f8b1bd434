// SPDX-License-Identifier: Apache-2.0
// What is done to machines by commands, on a fake apiserver: the objects that they make, and what they say of their ends.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { InstanceAction, Secret } from '../../lib/api/types.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import type { Context } from '../command-line/command.ts'
import { ACTIONS } from './actions.ts'
import { parseTarget, setPassword } from './set-password.ts'

type End = InstanceAction['status']
let made: KubeObject[]
let removed: string[]
let said: string[]
let end: End
let typed: string[]
let fails: { create?: string; review?: boolean }

const context = (more: Partial<Context> = {}): Context => ({
  client: {
    find: async (_: ResourceKind, { name }: { name: string }) => (name === 'web' ? { metadata: { name } } : undefined),
    create: async ({ kind }: ResourceKind, object: KubeObject) => {
      if (fails.create === kind) throw new ApiError('create', 403, { message: 'not allowed' })
      const stored = { ...object, kind, metadata: { ...object.metadata, uid: `uid-${kind}`, resourceVersion: '1' } }
      made.push(stored)
      return stored
    },
    review: async () => {
      if (fails.review) throw new ApiError('create', 403, {})
      return { status: { userInfo: { username: 'ada' } } }
    },
    mergePatch: async (_: ResourceKind, __: object, patch: object) => Object.assign(made[0]!, { patch }),
    remove: async (_: ResourceKind, { name }: { name: string }) => void removed.push(name),
    listPage: async () => ({ metadata: { resourceVersion: '1' }, items: [{ ...made.at(-1), status: end }] }),
  } as unknown as Context['client'],
  ...{
    namespace: 'team',
    isEverywhere: false,
    output: 'table',
    waits: true,
    timeoutMs: 1000,
    isHard: false,
    isForced: false,
    isWeb: false,
    snapshot: {},
    restore: { isDryRun: false, lostNodes: [] },
  },
  ...{ signal: new AbortController().signal, now: new Date(), progress: () => undefined },
  kubectl: async () => '',
  print: (line) => void said.push(line),
  readHidden: async (prompts) => (typed.length === 0 ? prompts.map(() => '') : typed),
  ...more,
})
const run = (name: string, words: string[], more?: Partial<Context>) =>
  ACTIONS.find((one) => one.name === name)!.run(context(more), words, [])
const specs = () => made.map(({ spec }) => spec as InstanceAction['spec'])

beforeEach(() => {
  made = []
  removed = []
  said = []
  typed = ['s3cret']
  fails = {}
  end = { state: 'Succeeded' }
})

test.each<[string, Partial<Context>, object, string]>([
  ['reboot', {}, { type: 'Reboot' }, 'rebooted'],
  ['reboot', { isHard: true }, { type: 'Reboot', reboot: { type: 'Hard' } }, 'rebooted'],
  ['reset', {}, { type: 'Reset' }, 'reset'],
  ['crash-dump', {}, { type: 'CrashDump' }, 'interrupted'],
  ['rebuild', {}, { type: 'Rebuild' }, 'rebuilt'],
  ['rescue', {}, { type: 'Rescue' }, 'rescued'],
  ['rescue', { image: 'tools' }, { type: 'Rescue', rescue: { imageRef: { name: 'tools' } } }, 'rescued'],
  [
    'rescue',
    { image: 'shared/tools' },
    { type: 'Rescue', rescue: { imageRef: { name: 'tools', namespace: 'shared' } } },
    'rescued',
  ],
  ['unrescue', {}, { type: 'Unrescue' }, 'boots from its own root disk'],
  ['reset-state', {}, { type: 'ResetState' }, 'tried again'],
  ['snapshot', {}, { type: 'Snapshot', snapshot: { quiesce: 'IfPossible' } }, 'copied to an Image'],
  [
    'snapshot',
    { snapshot: { imageName: 'before', store: 'main', quiesce: 'Required', backup: 'daily', keep: 3 } },
    {
      type: 'Snapshot',
      snapshot: {
        ...{ quiesce: 'Required', imageName: 'before', imageStoreRef: { name: 'main' } },
        backup: { type: 'daily', keep: 3 },
      },
    },
    'copied to an Image',
  ],
])('%s %j', async (name, more, spec, done) => {
  expect(await run(name, ['web'], more)).toBe(0)
  expect(specs()).toEqual([{ instanceRef: { name: 'web' }, requestedBy: 'ada', ...spec }])
  expect(made[0]!.metadata.name).toMatch(new RegExp(`^web-${name}-[0-9a-f]{6}$`))
  expect(said).toEqual([`instance.nephele.dev/web ${done}`])
})

test.each(['a/b/c', '/a', '', 'a b', '-a'])('--image %j names none, and nothing is made', async (image) => {
  await expect(run('rescue', ['web'], { image })).rejects.toThrow(expect.objectContaining({ name: 'UsageError' }))
  expect(made).toEqual([])
})

test('what fails is told with its reason, and has the code 1', async () => {
  const ready = {
    type: 'Ready',
    status: 'False' as const,
    reason: 'StartFailed',
    message: 'why',
    lastTransitionTime: '',
  }
  end = { state: 'Failed', conditions: [ready] }
  expect(await run('reboot', ['web'])).toBe(1)
  expect(said).toEqual(['instance.nephele.dev/web not rebooted: StartFailed: why'])
})

test.each<[Partial<Context>, string[], string]>([
  [{ snapshot: { quiesce: 'maybe' } }, ['web'], 'one of IfPossible, Required, Never'],
  [{ snapshot: { backup: 'daily' } }, ['web'], 'write both, or neither'],
  [{ snapshot: { imageName: 'one' } }, ['web', 'db'], 'is of one machine'],
])('a snapshot that cannot be meant makes nothing: %j', async (more, names, says) => {
  await expect(run('snapshot', names, more)).rejects.toThrow(says)
  expect(made).toEqual([])
})

test('a machine that is not there is a mistake, and nothing is made', async () => {
  await expect(run('reset', ['typo'])).rejects.toThrow('there is no Instance "typo"')
  expect(made).toEqual([])
})

test('who does not wait is told the name of what was made; who has no name for the apiserver stays unnamed', async () => {
  fails.review = true
  expect(await run('reset', ['web'], { waits: false })).toBe(0)
  expect(said[0]).toMatch(/^instanceaction\.nephele\.dev\/web-reset-[0-9a-f]{6} created$/)
  expect(specs()[0]).not.toHaveProperty('requestedBy')
})

describe('set-password', () => {
  const set = (target = 'web', more?: Partial<Context>) => setPassword.run(context(more), [target], [])
  test('has it in a marked Secret, which belongs to the action and goes at its end', async () => {
    expect(await set('ada@web')).toBe(0)
    const [secret, action] = made as [Secret & { patch: object }, InstanceAction]
    expect(secret.metadata.labels).toEqual({ 'nephele.dev/admin-password': 'true' })
    expect(Buffer.from(secret.data?.['password'] ?? '', 'base64').toString()).toBe('s3cret')
    expect(secret.patch).toMatchObject({ metadata: { ownerReferences: [{ uid: 'uid-InstanceAction' }] } })
    expect(action.spec).toMatchObject({
      type: 'SetAdminPassword',
      setAdminPassword: { userName: 'ada', passwordSecretRef: { name: secret.metadata.name } },
    })
    expect(removed).toEqual([secret.metadata.name])
    expect(JSON.stringify([action, said])).not.toContain('s3cret')
  })
  test.each<[string, () => void]>([
    ['the action is refused', () => (fails.create = 'InstanceAction')],
    ['there is no such machine', () => undefined],
  ])('%s: the Secret goes all the same', async (what, happens) => {
    happens()
    await expect(set(what.includes('no such') ? 'typo' : 'web')).rejects.toThrow()
    expect(removed).toEqual([made[0]!.metadata.name])
  })
  test.each([[['a', 'b']], [['']], [['two\nlines']], [['x'.repeat(129)]]])('%j is refused', async (lines) => {
    typed = lines
    await expect(set()).rejects.toThrow(expect.objectContaining({ name: 'UsageError' }))
    expect(made).toEqual([])
  })
  test('does not go without waiting', async () => {
    await expect(set('web', { waits: false })).rejects.toThrow('leave --wait=false out')
  })
  test.each([
    ['web', { machine: 'web' }],
    ['ada@web', { user: 'ada', machine: 'web' }],
  ])('%s', (target, parsed) => expect(parseTarget(target)).toEqual(parsed))
  test.each(['@web', 'a b@web', 'root:x@web'])('%s names no user', (target) => {
    expect(() => parseTarget(target)).toThrow('is no name of a user')
  })
})
