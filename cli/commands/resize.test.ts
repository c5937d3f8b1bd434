// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from '@jest/globals'
import type { Instance } from '../../lib/api/types.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import type { ResourceKind } from '../../lib/kube/object.ts'
import type { Context } from '../command-line/command.ts'
import { resize } from './resize.ts'

let patched: object[]
let said: string[]
let seen: Instance['status'][]
beforeEach(() => {
  ;[patched, said, seen] = [[], [], []]
})

const machine = (status: Instance['status']): Instance =>
  ({ metadata: { name: 'web', namespace: 'team', generation: 3 }, status }) as Instance

const context = (more: Partial<Context> = {}): Context =>
  ({
    client: {
      find: async ({ kind }: ResourceKind, { name }: { name: string }) =>
        kind === 'Flavor' && name === 'large' ? { metadata: { name } } : undefined,
      mergePatch: async (_: ResourceKind, { name }: { name: string }, patch: object) => {
        if (name !== 'web') throw new ApiError('PATCH', 404, { reason: 'NotFound' })
        patched.push(patch)
        return machine({})
      },
      listPage: async () => ({ metadata: { resourceVersion: '1' }, items: [machine(seen[0])] }),
      watch: async function* () {
        for (const status of seen.slice(1)) yield { type: 'MODIFIED', object: machine(status) }
        await new Promise((resolve) => setTimeout(resolve, 60))
      },
    } as unknown as Context['client'],
    ...{ namespace: 'team', waits: true, timeoutMs: 1000, signal: new AbortController().signal },
    ...{ print: (line: string) => void said.push(line), progress: () => undefined },
    ...more,
  }) as Context

const pending = (reason: string) => ({
  observedGeneration: 3,
  conditions: [
    {
      type: 'ResizePending',
      status: 'True' as const,
      reason,
      message: 'because',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ],
})

test.each([
  ['at once', { observedGeneration: 3 }, 0, 'resized to large'],
  ['at its next start', pending('AtNextStart'), 0, 'when it starts next'],
  ['not', pending('DiskCannotShrink'), 1, 'keeps its size: DiskCannotShrink: because'],
])('the size comes %s', async (_, status, code, line) => {
  // What was said of the spec before is no answer.
  seen = [{ ...pending('NoRoom'), observedGeneration: 2 }, status]
  expect(await resize.run(context(), ['web', 'large'], [])).toBe(code)
  expect(patched).toEqual([{ spec: { flavorRef: { name: 'large' } } }])
  expect(said).toEqual([expect.stringContaining(line)])
})

test('without waiting it says what was written', async () => {
  expect(await resize.run(context({ waits: false }), ['web', 'large'], [])).toBe(0)
  expect(said).toEqual(['instance.nephele.dev/web: flavorRef is large'])
})

test('a Flavor or a machine that is not there changes nothing', async () => {
  await expect(resize.run(context(), ['web', 'lagre'], [])).rejects.toThrow('there is no Flavor "lagre"')
  await expect(resize.run(context(), ['nix', 'large'], [])).rejects.toThrow('there is no Instance "nix"')
  expect(patched).toEqual([])
})
