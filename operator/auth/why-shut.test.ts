// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ComputeNode, KubeNode } from '../../lib/api/types.ts'
import { authorize } from './authorize.ts'
import { AGENT_USERNAME } from './token-review.ts'
import { BUS_ACCESS, TOO_MUCH_WRITTEN, whyShut } from './why-shut.ts'

const metadata = { name: 'n1', uid: 'u', resourceVersion: '1' }
const node: KubeNode = { metadata }
const computeNode = (more: Partial<ComputeNode> = {}): ComputeNode => ({
  apiVersion: 'nephele.dev/v1alpha1',
  kind: 'ComputeNode',
  metadata,
  spec: {},
  ...more,
})
const access = (status: 'True' | 'False', reason: string) =>
  computeNode({
    status: {
      conditions: [{ type: BUS_ACCESS, status, reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  })

const CASES: [string, KubeNode | undefined, ComputeNode | undefined, RegExp | undefined][] = [
  ['no Node, as after its deletion', undefined, computeNode(), /no Node/],
  ['a Node without a role', node, undefined, /no ComputeNode/],
  ['a ComputeNode', node, computeNode(), undefined],
  ['one that is Terminating', node, computeNode({ metadata: { ...metadata, deletionTimestamp: 't' } }), undefined],
  ['one that is confirmed lost', node, computeNode({ spec: { lost: 'Confirmed' } }), /confirmed lost/],
  ['one that is cut off', node, access('False', TOO_MUCH_WRITTEN), /more than its share/],
  ['one without access for another reason', node, access('False', 'Other'), undefined],
  ['one that was cut off', node, access('True', 'WithinShare'), undefined],
]

test.each(CASES)('%s', (_, kubeNode, its, why) => {
  if (why) expect(whyShut(kubeNode, its)).toMatch(why)
  else expect(whyShut(kubeNode, its)).toBeUndefined()
})

test.each(CASES)('%s: asked with a good token', async (_, kubeNode, its, why) => {
  const user = { username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': ['n1'] } }
  const answer = authorize(
    'token',
    {
      createTokenReview: async ({ spec }) => ({ status: { authenticated: true, audiences: spec.audiences, user } }),
      whyShut: async (name) => whyShut(name === 'n1' ? kubeNode : undefined, its),
    },
    AbortSignal.timeout(1_000),
  )
  if (why) await expect(answer).rejects.toThrow(why)
  else expect((await answer).name).toBe('agent:n1')
})
