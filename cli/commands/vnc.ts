// SPDX-License-Identifier: Apache-2.0
import type { Command } from '../command-line/command.ts'
import { printConsoleUrl } from '../command-line/console-access.ts'

export const vnc: Command = {
  name: 'vnc',
  usage: 'NAME [--force]',
  summary:
    'the URL of the screen of a machine, for a browser, once, within two minutes; --force takes it over from another',
  completes: 'instances',
  arguments: { least: 1, most: 1 },
  takesForce: true,
  run: (context, [machine = '']) => printConsoleUrl(context, machine, 'VNC'),
}
