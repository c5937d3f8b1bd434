// SPDX-License-Identifier: Apache-2.0
import type { Command } from '../command-line/command.ts'

/**
 * What kubectl (1.26 and later) asks what may follow a plug-in's words, in all shells that it completes in itself: a program of this name in PATH.
 * https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
 */
export const COMPLETION_PROGRAM = `#!/bin/sh
# kubectl_complete-nephele: what may follow "kubectl nephele".
exec kubectl-nephele __complete "$@"
`

export const completion: Command = {
  name: 'completion',
  usage: '',
  summary: 'the program kubectl_complete-nephele, by which kubectl completes names in bash, zsh and fish',
  arguments: { least: 0, most: 0 },
  run({ print }) {
    print(COMPLETION_PROGRAM.trimEnd())
    return Promise.resolve(0)
  },
}
