// SPDX-License-Identifier: Apache-2.0
import { CUSTOM_KINDS } from '../lib/api/kinds.ts'
import { COMMANDS } from './commands/all.ts'
import type { Context } from './command-line/command.ts'
import { findKind } from './command-line/find-kind.ts'

/** cobra's ShellCompDirectiveNoFileComp: shells offer no files beside. */
const NO_FILES = ':4'

/**
 * What may stand for the last word, whose beginning is known, a line each, and cobra's directive, which kubectl reads:
 * https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md
 */
export async function complete(
  context: Pick<Context, 'client' | 'namespace' | 'signal'>,
  before: readonly string[],
  last: string,
): Promise<string[]> {
  const offered = await offers(before)
  return [...offered.filter((one) => one.startsWith(last)).sort(), NO_FILES]

  async function offers([name, ...before]: readonly string[]): Promise<string[]> {
    if (name === undefined) return COMMANDS.map((command) => command.name)
    const command = COMMANDS.find((one) => one.name === name)
    if (name === 'top') return before.length === 0 ? ['nodes', 'instances'] : []
    if (name === 'resize' && before.length === 1) return names('Flavor')
    if (!command?.completes || before.length >= command.arguments.most) return []
    if (command.completes === 'instances') return names('Instance')
    if (before.length === 0)
      return [...(await names('Instance')), ...CUSTOM_KINDS.map(({ kind }) => kind.toLowerCase())]
    return names(before[0] ?? '')
  }

  async function names(kindName: string): Promise<string[]> {
    const kind = findKind(kindName)
    const scope = kind.namespaced ? { namespace: context.namespace } : {}
    const page = await context.client.listPage(kind, {
      ...scope,
      limit: 500,
      signal: context.signal,
    })
    return page.items.map(({ metadata }) => metadata.name)
  }
}
