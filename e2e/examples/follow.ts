// SPDX-License-Identifier: Apache-2.0
// READMEs of examples/ followed as written, on a cloud that has the first machine.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, test } from '@jest/globals'
import { FLOATING_IP, INSTANCE, NAMESPACE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { programPath } from '../../local/build/programs.ts'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import { renderExample } from '../../local/commands/example.ts'
import { waitUntil } from '../../local/host/wait.ts'
import { readCommands } from '../../scripts/examples/commands.ts'
import type { Saying } from '../../scripts/examples/sayings.ts'
import { openTestCloud, type TestCloud } from '../harness/cloud.ts'
import { consoleText } from '../harness/console.ts'
import { lastBoot, parseMarks } from '../harness/marks.ts'
import { waitForGone, waitForReady } from '../harness/wait.ts'
import { Shell, type Answer } from './shell.ts'

const FIRST = 'first-machine'

/** What `npm run cloud` leaves, with the first machine's address outside. */
async function applyFirstMachine(): Promise<TestCloud> {
  const test = openTestCloud()
  const folder = await renderExample({ cloud: test.cloud, sha256: test.guestImage.sha256 }, FIRST)
  await test.cloud.kubectl(['apply', '-f', folder])
  for (const name of ['first', 'second']) {
    const machine = await waitForReady<Instance>(test.client, INSTANCE, { namespace: FIRST, name }, 180_000)
    const hasLogin = () => lastBoot(parseMarks(consoleText(test.cloud, machine))).some(({ what }) => what === 'login')
    await waitUntil(`login of ${name}`, hasLogin, { timeoutMs: 120_000 })
  }
  await waitForReady(test.client, FLOATING_IP, { namespace: FIRST, name: 'first' })
  return test
}

async function removeFirstMachine({ cloud, client }: TestCloud): Promise<void> {
  await cloud.kubectl(['delete', '--ignore-not-found', '-f', join(cloud.layout.examples, FIRST)], {
    timeoutMs: 120_000,
  })
  await waitForGone(client, NAMESPACE, { name: FIRST })
}

/** Guests boot while the reader goes on: what speaks to one is typed again until it answers. */
const speaksToGuest = (command: string) => /cloud -- ssh |^curl /.test(command)

/** Types every command of examples/NAME/README.md. @throws with what was printed when one does other than it should */
async function follow({ cloud }: TestCloud, name: string, says: readonly Saying[]): Promise<void> {
  const commands = readCommands(readFileSync(join(REPOSITORY, 'examples', name, 'README.md'), 'utf8'))
  const shell = new Shell(cloud, await programPath('kubectl'))
  try {
    for (const command of commands) {
      const said = says.filter((one) => command.includes(one.command))
      const isAsSaid = ({ code, output }: Answer) =>
        (code !== 0) === said.some(({ fails }) => fails) && said.every(({ prints }) => !prints || prints.test(output))
      let last: Answer | undefined
      const type = async () => isAsSaid((last = await shell.run(command, 150_000)))
      if (said.length > 0 || speaksToGuest(command))
        await waitUntil(command, type, { timeoutMs: 90_000, everyMs: 1_000 }).catch(() => undefined)
      else await type()
      if (!last || !isAsSaid(last)) throw new Error(`${command}\nended with ${last?.code} and printed\n${last?.output}`)
    }
  } finally {
    shell.close()
  }
}

/** A test for each of these READMEs, with the first machine before and after them. */
export function followEach(sayings: Readonly<Record<string, readonly Saying[]>>): void {
  let on: TestCloud
  beforeAll(async () => {
    on = await applyFirstMachine()
  }, 240_000)
  afterAll(() => removeFirstMachine(on), 150_000)
  test.each(Object.entries(sayings))('examples/%s', (name, says) => follow(on, name, says), 300_000)
}
