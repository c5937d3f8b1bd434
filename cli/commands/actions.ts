// SPDX-License-Identifier: Apache-2.0
// reboot, reset, crash-dump, rebuild, rescue, unrescue, snapshot, reset-state: what is done to machines once, by InstanceActions.
import type { InstanceAction } from '../../lib/api/types.ts'
import { UsageError, type Command, type Context, type SnapshotOptions } from '../command-line/command.ts'
import { createAction, waitForEnd } from '../command-line/do-action.ts'

type Spec = Pick<InstanceAction['spec'], 'type' | 'reboot' | 'rescue' | 'snapshot'>
const QUIESCE = ['IfPossible', 'Required', 'Never'] as const
interface Verb {
  summary: string
  done: string
  specOf: (context: Pick<Context, 'isHard' | 'image' | 'snapshot'>) => Spec
  takesHard?: true
  takesImage?: true
  /** After its name; NAME... when absent. */
  usage?: string
  takesSnapshot?: true
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
  action('rebuild', {
    summary: 'makes the root disks of machines anew from the Image that spec.imageRef names: what was on them is lost',
    done: 'rebuilt',
    specOf: () => ({ type: 'Rebuild' }),
  }),
  action('rescue', {
    summary:
      'has machines boot from a disk of their own Image, or of --image, with their own disks beside it; unrescue ends that',
    done: 'rescued',
    specOf: ({ image }) => ({
      type: 'Rescue',
      ...(image === undefined ? {} : { rescue: { imageRef: parseImage(image) } }),
    }),
    takesImage: true,
  }),
  action('unrescue', {
    summary: 'has machines boot from their own root disks again, and takes the rescue disks away',
    done: 'boots from its own root disk',
    specOf: () => ({ type: 'Unrescue' }),
  }),
  action('snapshot', {
    summary:
      'makes Images of the root disks of machines, which go on meanwhile; with --backup the last ones of that kind are kept',
    done: 'copied to an Image',
    specOf: ({ snapshot }) => ({ type: 'Snapshot', snapshot: toSnapshot(snapshot) }),
    usage: '[--image-name NAME] [--store NAME] [--quiesce Required] [--backup KIND --keep N] NAME...',
    takesSnapshot: true,
  }),
  action('reset-state', {
    summary: 'for administrators: what failed of machines is forgotten, and tried again from the start',
    done: 'tried again',
    specOf: () => ({ type: 'ResetState' }),
  }),
]

/** `IMAGE`, or `NAMESPACE/IMAGE`. @throws UsageError */
function parseImage(text: string): { name: string; namespace?: string } {
  const [, namespace, name = ''] = /^(?:([a-z0-9-]{1,63})\/)?([a-z0-9][-.a-z0-9]{0,252})$/.exec(text) ?? []
  if (name === '') throw new UsageError(`--image ${text}: the name of an Image, or NAMESPACE/NAME`)
  return { name, ...(namespace === undefined ? {} : { namespace }) }
}

/** @throws UsageError */
function toSnapshot({ imageName, store, quiesce, backup, keep }: SnapshotOptions): NonNullable<Spec['snapshot']> {
  const how = QUIESCE.find((word) => word === (quiesce ?? 'IfPossible'))
  if (!how) throw new UsageError(`--quiesce=${quiesce ?? ''}: one of ${QUIESCE.join(', ')}`)
  if ((backup === undefined) !== (keep === undefined))
    throw new UsageError('--backup says of which kind, --keep how many of them there may be: write both, or neither')
  return {
    quiesce: how,
    ...(imageName === undefined ? {} : { imageName }),
    ...(store === undefined ? {} : { imageStoreRef: { name: store } }),
    ...(backup === undefined || keep === undefined ? {} : { backup: { type: backup, keep } }),
  }
}

function action(name: string, verb: Verb): Command {
  const { summary, done, specOf, takesHard, takesImage, takesSnapshot } = verb
  return {
    name,
    usage: verb.usage ?? `${takesHard ? '[--hard] ' : ''}NAME...${takesImage ? ' [--image IMAGE]' : ''}`,
    summary,
    completes: 'instances',
    arguments: { least: 1, most: 100 },
    ...(takesHard ? { takesHard } : {}),
    ...(takesImage ? { takesImage } : {}),
    ...(takesSnapshot ? { takesSnapshot } : {}),
    async run(context, names) {
      if (context.snapshot.imageName !== undefined && names.length > 1)
        throw new UsageError('--image-name is of one machine: leave it out, and each Image has the name of its action')
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
