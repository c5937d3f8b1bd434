// SPDX-License-Identifier: Apache-2.0
// reboot, reset, crash-dump, reset-state: what is done to machines once, by InstanceActions.
import type { InstanceAction } from '../../lib/api/types.ts'
import type { Command, Context } from '../command-line/command.ts'
import { createAction, waitForEnd } from '../command-line/do-action.ts'

type Spec = Pick<InstanceAction['spec'], 'type' | 'reboot'>
interface Verb {
  summary: string
  done: string
  specOf: (context: Pick<Context, 'isHard'>) => Spec
  takesHard?: true
}

export const ACTIONS: readonly Command[] = [
  action('reboot', {
    summary: 'asks the guests to shut down and starts machines again; --hard cuts them off',
    done: 'rebooted',
    specOf: ({ isHard }) => ({ type: 'Reboot', ...(isHard ? { reboot: { type: 'Hard' } } : {}) }),
    takesHard: true,
  }),
  action('reset', {
    summary: 'presses the reset button of machines: guests begin anew at once, and lose what they have not written',
    done: 'reset',
    specOf: () => ({ type: 'Reset' }),
  }),
  action('crash-dump', {
    summary: 'sends machines a non-maskable interrupt, on which a guest that is set up for it dumps its memory',
    done: 'interrupted',
    specOf: () => ({ type: 'CrashDump' }),
  }),
  action('reset-state', {
    summary: 'for administrators: what failed of machines is forgotten, and tried again from the start',
    done: 'tried again',
    specOf: () => ({ type: 'ResetState' }),
  }),
]

function action(name: string, { summary, done, specOf, takesHard }: Verb): Command {
  return {
    name,
    usage: takesHard ? '[--hard] NAME...' : 'NAME...',
    summary,
    completes: 'instances',
    arguments: { least: 1, most: 100 },
    ...(takesHard ? { takesHard } : {}),
    async run(context, names) {
      const results = await Promise.all(names.map((one) => act(context, one)))
      return results.every(Boolean) ? 0 : 1
    },
  }

  async function act(context: Context, machine: string): Promise<boolean> {
    const made = await createAction(context, machine, name, specOf(context))
    if (context.waits) return waitForEnd(context, made, done)
    context.print(`instanceaction.nephele.dev/${made.metadata.name} created`)
    return true
  }
}
