// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from '@jest/globals'
import type { ConsoleAccess } from '../../lib/api/types.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import type { Context } from '../command-line/command.ts'
import { consoleCommand } from './console.ts'
import { vnc } from './vnc.ts'

let made: ConsoleAccess[]
let removed: string[]
let status: ConsoleAccess['status']
let secrets: Record<string, object>
let said: string[]

beforeEach(() => {
  ;[made, removed, said] = [[], [], []]
  secrets = { t: { data: { token: Buffer.from('x').toString('base64') } } }
  // Nobody listens there.
  status = { state: 'Ready', url: 'https://127.0.0.1:1/serial/n/m/a', tokenSecretRef: { name: 't' } }
})

const context = (more: Partial<Context> = {}): Context => ({
  client: {
    find: async ({ kind }: ResourceKind, { name }: { name: string }) =>
      kind === 'Secret' ? secrets[name] : name === 'web' ? { metadata: { name } } : undefined,
    create: async (_: ResourceKind, object: KubeObject) => {
      made.push(object as ConsoleAccess)
      return object
    },
    review: async () => ({ status: { userInfo: { username: 'ada' } } }),
    remove: async (_: ResourceKind, { name }: { name: string }) => void removed.push(name),
    listPage: async () => ({ metadata: { resourceVersion: '1' }, items: [{ ...made[0], status }] }),
  } as unknown as Context['client'],
  kubectl: async () => '',
  ...{ namespace: 'team', isEverywhere: false, output: 'table', waits: true, timeoutMs: 1000 },
  ...{
    isHard: false,
    isForced: false,
    isWeb: false,
    snapshot: {},
    restore: { isDryRun: false, lostNodes: [] },
    signal: new AbortController().signal,
    now: new Date(),
  },
  ...{ progress: () => undefined, readHidden: async () => [] },
  print: (line) => void said.push(line),
  ...more,
})

test('makes an access in one’s own name, by force where that is said, and dials what its status says', async () => {
  expect(await consoleCommand.run(context({ isForced: true }), ['web'], [])).toBe(1)
  const spec = { instanceRef: { name: 'web' }, type: 'Serial', ttlSeconds: 60, force: true, requestedBy: 'ada' }
  expect(made).toMatchObject([
    {
      kind: 'ConsoleAccess',
      metadata: { namespace: 'team', name: expect.stringMatching(/^web-console-[0-9a-f]{6}$/) },
      spec,
    },
  ])
  expect(said).toEqual([expect.stringContaining('127.0.0.1:1 does not answer')])
})

test.each([
  ['vnc', vnc, {}, 'VNC', 'web-vnc-'],
  ['console --web', consoleCommand, { isWeb: true }, 'Serial', 'web-console-'],
] as const)(
  '%s prints the URL of the page alone, with the token where a browser keeps it',
  async (_, command, more, type, name) => {
    secrets['t'] = { data: { token: Buffer.from('a+b/c').toString('base64') } }
    expect(await command.run(context(more), ['web'], [])).toBe(0)
    expect(said).toEqual(['https://127.0.0.1:1/serial/n/m/a#token=a%2Bb%2Fc'])
    expect(made).toMatchObject([
      { metadata: { name: expect.stringMatching(`^${name}`) }, spec: { type, ttlSeconds: 120, force: false } },
    ])
  },
)

test.each([
  [
    'a refused one',
    { state: 'Failed', conditions: [{ type: 'Ready', reason: 'ConsolesOff', message: 'there is none' }] },
    'no console: ConsolesOff: there is none',
  ],
  ['one that waits too long', { state: 'Pending' }, 'is not there yet after 0s: Pending'],
  [
    'one whose token is gone',
    { state: 'Ready', url: 'https://x', tokenSecretRef: { name: 'gone' } },
    'Secret "gone" has no token',
  ],
])('%s is told, and leaves nothing behind', async (_, said, message) => {
  status = said as ConsoleAccess['status']
  const client = {
    ...context().client,
    watch: async function* () {
      await new Promise((resolve) => setTimeout(resolve, 60))
      throw new DOMException('over', 'AbortError')
      yield undefined
    },
  } as unknown as Context['client']
  await expect(consoleCommand.run(context({ client, timeoutMs: 50 }), ['web'], [])).rejects.toThrow(message)
  expect(removed).toEqual([made[0]?.metadata.name])
})

test('a machine that is not there gets none', async () => {
  await expect(consoleCommand.run(context(), ['nix'], [])).rejects.toThrow('there is no Instance "nix"')
  expect(made).toEqual([])
})
