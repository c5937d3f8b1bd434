// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, TRUNK } from '../../lib/api/kinds.ts'
import type { Port, Trunk } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('trunk-min', { withImage: false, net: '10.86.0.0/24' })
  for (const name of ['eth', 'blue']) await project.create(PORT, draft.port(project.at(name), 'net'))
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('one of no machine is down, with its parent alone, with a subport, and with another tag', async () => {
  const { client } = project.test
  await project.create(TRUNK, draft.trunk(project.at('t'), { portRef: { name: 'eth' } }))
  const { status } = await waitForReady<Trunk>(client, TRUNK, project.at('t'))
  expect(status).toMatchObject({ state: 'DOWN', parentUID: (await client.get(PORT, project.at('eth'))).metadata.uid })
  expect(status).not.toHaveProperty('subports')
  for (const segmentationID of [1, 4094]) {
    await project.patch(TRUNK, 't', { spec: { subports: [{ portRef: { name: 'blue' }, segmentationID }] } })
    const { status } = await waitForReady<Trunk>(client, TRUNK, project.at('t'))
    expect(status).toMatchObject({ state: 'DOWN', subports: [{ port: 'blue', segmentationID }] })
    await waitUntilTrue('the Port says so, too', async () => {
      const port = await client.get<Port>(PORT, project.at('blue'))
      return port.status?.trunk?.name === 't' && port.status.trunk.segmentationID === segmentationID
    })
  }
}, 60_000)
