// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ApiStatusError } from '../control-plane/api.ts'
import { waitForAdmission } from './admission.ts'

/** An apiserver that answers with these in turn, the last one for good; 201 is what was asked for. */
function answering(...answers: (number | Error)[]) {
  const asked: string[] = []
  const request = async (method: string, path: string) => {
    const answer = answers[Math.min(asked.push(`${method} ${path}`), answers.length) - 1]
    if (answer instanceof Error) throw answer
    if (answer !== 201) throw new ApiStatusError(method, path, answer ?? 0, '')
    return {} as never
  }
  return { asked, api: { request } }
}

test.each<[string, (number | Error)[], number]>([
  ['admits', [201], 1],
  ['says what is wrong with the object', [422], 1],
  ['has no such kind', [404], 1],
  ['does not know the kind yet', [503, 503, 422], 3],
  ['is not reached', [new Error('ECONNREFUSED'), 201], 2],
])('an apiserver that %s', async (_, answers, times) => {
  const { api, asked } = answering(...answers)
  await waitForAdmission(api)
  expect(asked).toEqual(
    Array.from({ length: times }, () => 'POST /apis/nephele.dev/v1alpha1/namespaces/default/keypairs?dryRun=All'),
  )
})
