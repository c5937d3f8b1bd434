// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OPERATOR_FLAGS } from './processes.ts'

test('the operator runs in an image as it does here', () => {
  const stages = readFileSync(join(import.meta.dirname, '..', '..', 'Dockerfile'), 'utf8').split(/^FROM /m)
  const operator = stages.find((stage) => stage.startsWith('${BASE} AS operator\n'))
  const [, entryPoint = '[]'] = /^ENTRYPOINT (.*)$/m.exec(operator ?? '') ?? []
  expect(JSON.parse(entryPoint)).toEqual(['/usr/local/bin/node', ...OPERATOR_FLAGS])
})
