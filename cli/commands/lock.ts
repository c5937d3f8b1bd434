// SPDX-License-Identifier: Apache-2.0
// lock, unlock: the words of `openstack server` for spec.locked.
import { INSTANCE } from '../../lib/api/kinds.ts'
import { isNotFound } from '../../lib/kube/errors.ts'
import type { Command } from '../command-line/command.ts'
import { noSuchObject } from '../command-line/find-kind.ts'

export const LOCKS: readonly Command[] = [
  setLocked(
    'lock',
    true,
    'sets spec.locked of machines: only administrators of the cloud change them or do anything to them',
  ),
  setLocked('unlock', false, 'ends that; for administrators of the cloud'),
]

function setLocked(name: string, locked: boolean, summary: string): Command {
  return {
    ...{ name, usage: 'NAME...', summary, completes: 'instances', arguments: { least: 1, most: 100 } },
    async run({ client, namespace, print, signal }, names) {
      for (const one of names) {
        try {
          await client.mergePatch(INSTANCE, { namespace, name: one }, { spec: { locked } }, { signal })
        } catch (error) {
          throw isNotFound(error) ? noSuchObject(INSTANCE, one, namespace) : error
        }
        print(`instance.nephele.dev/${one} ${name}ed`)
      }
      return 0
    },
  }
}
