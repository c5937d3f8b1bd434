// SPDX-License-Identifier: Apache-2.0
import type { Command } from '../command-line/command.ts'
import { ACTIONS } from './actions.ts'
import { backup } from './backup.ts'
import { consoleCommand } from './console.ts'
import { completion } from './completion.ts'
import { diagram } from './diagram.ts'
import { history } from './history.ts'
import { log } from './log.ts'
import { LOCKS } from './lock.ts'
import { POWER } from './power.ts'
import { resize } from './resize.ts'
import { setPassword } from './set-password.ts'
import { restore } from './restore.ts'
import { ssh } from './ssh.ts'
import { supportBundle } from './support-bundle.ts'
import { top } from './top.ts'
import { vnc } from './vnc.ts'
import { why } from './why.ts'

/** In the order in which help has them. */
export const COMMANDS: readonly Command[] = [
  why,
  history,
  top,
  diagram,
  ssh,
  consoleCommand,
  vnc,
  log,
  ...POWER,
  ...ACTIONS,
  ...LOCKS,
  resize,
  setPassword,
  supportBundle,
  backup,
  restore,
  completion,
]
