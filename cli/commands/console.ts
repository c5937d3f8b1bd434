// SPDX-License-Identifier: Apache-2.0
import { attachTerminal } from '../command-line/attach-terminal.ts'
import { makeConsoleAccess, printConsoleUrl } from '../command-line/console-access.ts'
import type { Command } from '../command-line/command.ts'

/** For which it may be opened: it is, at once. */
const TTL_SECONDS = 60

export const consoleCommand: Command = {
  name: 'console',
  usage: 'NAME [--force] [--web]',
  summary:
    'the serial console of a machine, in this terminal: Ctrl-] leaves it; --force takes it over from another; --web prints its URL for a browser',
  completes: 'instances',
  arguments: { least: 1, most: 1 },
  takesForce: true,
  takesWeb: true,
  async run(context, [machine = '']) {
    if (context.isWeb) return printConsoleUrl(context, machine, 'Serial')
    const { url, token } = await makeConsoleAccess(context, machine, { type: 'Serial', ttlSeconds: TTL_SECONDS })
    context.progress('')
    return attachTerminal({ url, token, name: machine, print: context.print, signal: context.signal })
  },
}
