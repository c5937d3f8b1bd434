// SPDX-License-Identifier: Apache-2.0
import type { Writable } from 'node:stream'
import { UsageError, type Command, type Context } from '../command-line/command.ts'
import { makeConsoleAccess } from '../command-line/console-access.ts'
import { lastLines } from '../command-line/last-lines.ts'
import { toPlainText } from '../output/plain-text.ts'
import { readConsoleLog } from '../command-line/read-console-log.ts'

/** For which it may be opened: it is, at once. */
const TTL_SECONDS = 60

export const log: Command = {
  name: 'log',
  usage: 'NAME [--lines N]',
  summary:
    'what a machine has said on its serial console, the last MiB of it or the last N lines; on a terminal as plain text, elsewhere as it was said',
  completes: 'instances',
  arguments: { least: 1, most: 1 },
  takesLines: true,
  run: (context, [machine = '']) => printLog(context, machine, process.stdout),
}

/** @returns the exit code */
export async function printLog(
  context: Context,
  machine: string,
  output: Writable & { isTTY?: boolean },
): Promise<number> {
  const access = await makeConsoleAccess(context, machine, { type: 'Log', ttlSeconds: TTL_SECONDS })
  context.progress('')
  const whole = await readConsoleLog(access, context.signal)
  const bytes = context.lines === undefined ? whole : lastLines(whole, context.lines)
  const said = output.isTTY === true ? toPlainText(bytes) : bytes
  await new Promise<void>((resolve, reject) =>
    output.write(said, (error) =>
      error ? reject(new UsageError(`the log cannot be written: ${error.message}`)) : resolve(),
    ),
  )
  return 0
}
