// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path'
import { NODE } from '../../lib/api/kinds.ts'
import { UsageError, type Command } from '../command-line/command.ts'
import { BundleFolder } from '../support-bundle/bundle-folder.ts'
import { collect } from '../support-bundle/collect.ts'
import { describeBundle } from '../support-bundle/describe-bundle.ts'

export const supportBundle: Command = {
  name: 'support-bundle',
  usage: '[NODE ...]',
  summary:
    'objects, Events, logs and versions as an archive for those who help, without Secrets; of nodes also their state',
  arguments: { least: 0, most: 50 },
  async run(context, nodes) {
    const { client, signal, now, print, progress } = context
    for (const name of nodes)
      if (!(await client.find(NODE, { name }, { signal }))) throw new UsageError(`there is no node "${name}"`)
    // 20261130T123005Z, ISO 8601.
    const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '')
    const name = `nephele-support-${stamp}`
    await using folder = await BundleFolder.create(name, signal)
    await collect(context, folder, nodes)
    await folder.add('README.txt', () => Promise.resolve(describeBundle({ now, nodes, missing: folder.missing })))
    const archive = resolve(`${name}.tar.gz`)
    await folder.pack(archive)
    progress('')
    print(archive)
    if (folder.missing.length > 0)
      print(`${folder.missing.length} things could not be read: README.txt in it says which, and why`)
    print('no Secret was read, and user data and logins in URLs are left out; names, addresses and logs are in it')
    return 0
  },
}
