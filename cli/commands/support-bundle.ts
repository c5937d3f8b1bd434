// SPDX-License-Identifier: Apache-2.0
import { NODE } from '../../lib/api/kinds.ts'
import { UsageError, type Command } from '../command-line/command.ts'
import { makeBundle } from '../support-bundle/make-bundle.ts'
import { byKubectl } from '../support-bundle/pod-access.ts'

export const supportBundle: Command = {
  name: 'support-bundle',
  usage: '[NODE ...]',
  summary:
    'objects, Events, logs and versions as an archive for those who help, without Secrets; of nodes also their state',
  arguments: { least: 0, most: 50 },
  async run(context, nodes) {
    const { client, signal, print, progress } = context
    for (const name of nodes)
      if (!(await client.find(NODE, { name }, { signal }))) throw new UsageError(`there is no node "${name}"`)
    const { archive, missing } = await makeBundle(context, { dir: process.cwd(), nodes, pods: byKubectl(context) })
    progress('')
    print(archive)
    if (missing.length > 0) print(`${missing.length} things could not be read: README.txt in it says which, and why`)
    print('no Secret was read, and user data and logins in URLs are left out; names, addresses and logs are in it')
    return 0
  },
}
