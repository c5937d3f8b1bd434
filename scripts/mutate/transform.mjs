// SPDX-License-Identifier: Apache-2.0
// jest's transform with one mutant in it: the file on disk stays as it is. Which mutant: NEPHELE_MUTANT, JSON of {file, start, end,
// replacement}. https://jestjs.io/docs/code-transformation
import swcJest from '@swc/jest'
import { createHash } from 'node:crypto'

const mutant = JSON.parse(process.env.NEPHELE_MUTANT ?? 'null')
const swc = swcJest.createTransformer()

function mutated(text, path) {
  if (mutant === null || path !== mutant.file) return text
  return text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end)
}

export default {
  canInstrument: false,
  process: (text, path, options) => swc.process(mutated(text, path), path, options),
  processAsync: (text, path, options) => swc.processAsync(mutated(text, path), path, options),
  getCacheKey: (text, path, options) =>
    createHash('sha256')
      .update(swc.getCacheKey(mutated(text, path), path, options))
      .update(path)
      .digest('hex'),
}
