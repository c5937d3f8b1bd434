// SPDX-License-Identifier: Apache-2.0
import { stringify } from 'yaml'
import type { Context } from '../command-line/command.ts'

/** For programs: `-o json` and `-o yaml`. False: people are to be told. */
export function printData({ output, print }: Pick<Context, 'output' | 'print'>, data: unknown): boolean {
  if (output === 'json') print(JSON.stringify(data, null, 2))
  else if (output === 'yaml') print(stringify(data).trimEnd())
  else return false
  return true
}
