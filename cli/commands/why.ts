// SPDX-License-Identifier: Apache-2.0
import { isForbidden } from '../../lib/kube/errors.ts'
import { getObject, parseObject } from '../command-line/find-kind.ts'
import type { Command } from '../command-line/command.ts'
import { printData } from '../output/print-data.ts'
import { explain, linesOf, type Described, type Find } from '../why/explain.ts'

export const why: Command = {
  name: 'why',
  usage: 'KIND NAME',
  summary: 'why it is as it is: its conditions, and what it waits for, as sentences',
  completes: 'objects',
  arguments: { least: 1, most: 2 },
  async run(context, words) {
    const { client, signal, now, print } = context
    const { kind, name } = parseObject(words)
    const object = await getObject<Described>(context, kind, name)
    const find: Find = async (of, ref) => {
      try {
        return (await client.find<Described>(of, ref, { signal })) ?? 'missing'
      } catch (error) {
        if (isForbidden(error)) return 'forbidden'
        throw error
      }
    }
    const explained = await explain(kind, object, find, now)
    if (!printData(context, explained)) for (const line of linesOf(explained)) print(line)
    return 0
  },
}
