// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { ResolverState } from '../../../lib/contract/documents.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { stored } from '../../testing/memory-deps.ts'
import { judgeResolver, showResolver } from './resolver.ts'

const since = '2026-01-01T00:00:00Z'
const well = (address: string) => ({ address, since })
const away = (address: string) => ({ address, since, error: 'no answer in time' })

describe('what is said of a resolver', () => {
  test.each<[string, ResolverState, string, string, readonly string[]]>([
    ['all answer', { from: 'cloud', upstreams: [well('a'), well('b')] }, 'True', 'UpstreamsAnswer', ['a, b', 'Cloud']],
    [
      'one of two does not',
      { from: 'node', upstreams: [away('a'), well('b')] },
      'True',
      'SomeUpstreamsSilent',
      ['b answers', `a not since ${since} (no answer in time)`, 'resolv'],
    ],
    [
      'none answers',
      { from: 'cloud', upstreams: [away('a'), away('b')] },
      'False',
      'UpstreamNotAnswering',
      ['a not since', 'b not since', 'port 53', 'spec.dns.upstreams'],
    ],
    [
      'none of a ProviderNetwork answers',
      {
        from: 'cloud',
        upstreams: [well('a')],
        ofProviderNetworks: [{ providerNetwork: 'dc', upstreams: [away('b')] }],
      },
      'False',
      'UpstreamNotAnswering',
      ['its guests on that find no names outside', 'of ProviderNetwork dc', 'b not since'],
    ],
    [
      'one of the Cloud and none of a ProviderNetwork answers',
      {
        ...{ from: 'cloud', upstreams: [well('a'), away('c')] },
        ofProviderNetworks: [{ providerNetwork: 'dc', upstreams: [away('b')] }],
      },
      'False',
      'UpstreamNotAnswering',
      ['a answers, c not since', 'of ProviderNetwork dc', 'b not since'],
    ],
    [
      'all answer, and on one ProviderNetwork nobody is to be asked',
      {
        ...{ from: 'cloud', upstreams: [well('a')] },
        ofProviderNetworks: [
          { providerNetwork: 'dc', upstreams: [well('b')] },
          { providerNetwork: 'closed', upstreams: [] },
        ],
      },
      'True',
      'UpstreamsAnswer',
      ['Cloud', 'which answer: a', 'of ProviderNetwork dc', 'which answer: b'],
    ],
    [
      'it does not run',
      { from: 'cloud', upstreams: [well('a')], awaySince: since },
      'False',
      'ResolverAway',
      [`no resolver has run there since ${since}`, 'DaemonSet nephele-resolver'],
    ],
    ['there is none', { from: 'node', upstreams: [] }, 'False', 'NoUpstreams', ['Name some in spec.dns.upstreams']],
  ])('%s', (_, state, status, reason, words) => {
    const said = judgeResolver(state)
    expect(said).toMatchObject({ status, reason })
    for (const word of words) expect(said.message).toContain(word)
  })
})

test('a node says it by a condition, with one Event each time that it fails; and nothing before its resolver has', () => {
  const node = stored<ComputeNode>('n1', {}, { namespace: '' })
  const events: string[] = []
  const run = { now: new Date(), event: ({ reason }: { reason: string }) => void events.push(reason) }
  const say = (resolver?: ResolverState) => {
    showResolver(node, inventoryOf('n1', resolver ? { resolver } : {}), run)
    return findCondition(node.status?.conditions, 'ResolverReady')?.reason
  }
  expect(say()).toBeUndefined()
  expect(say({ from: 'cloud', upstreams: [well('a')] })).toBe('UpstreamsAnswer')
  for (let n = 0; n < 2; n++) expect(say({ from: 'cloud', upstreams: [away('a')] })).toBe('UpstreamNotAnswering')
  // An agent that has just started, or a node whose resolver is gone.
  expect(say()).toBe('UpstreamNotAnswering')
  expect(say({ from: 'cloud', upstreams: [well('a')] })).toBe('UpstreamsAnswer')
  expect(say({ from: 'node', upstreams: [] })).toBe('NoUpstreams')
  expect(events).toEqual(['UpstreamNotAnswering', 'NoUpstreams'])
})
