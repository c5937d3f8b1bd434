// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { readCommands } from './commands.ts'
import { NETWORKS, OTHERS, SERVICES } from './sayings.ts'

const examples = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'examples')

test('every example is followed as its README says, or it is said why not', () => {
  const known = [NETWORKS, SERVICES, OTHERS].flatMap((list) => Object.keys(list))
  expect(known.sort()).toEqual(readdirSync(examples).sort())
})

test.each(Object.entries({ ...NETWORKS, ...SERVICES }))(
  'what is said of examples/%s is in its README',
  (name, says) => {
    const commands = readCommands(readFileSync(join(examples, name, 'README.md'), 'utf8'))
    expect(commands.filter((one) => /^npm run cloud( +#.*)?$/.test(one))).toHaveLength(1)
    for (const { command } of says) expect(commands.some((one) => one.includes(command))).toBe(true)
  },
)

test('commands are the indented lines: without what they print, and with the line after a backslash', () => {
  const page = '# A\n\ntext\n\n    a b   # why\n    # printed\n    c \\\n      --d\n\nmore\n\n    e\n'
  expect(readCommands(page)).toEqual(['a b   # why', 'c --d', 'e'])
  expect(() => readCommands('    c \\\n')).toThrow('a command that does not end: c')
})
