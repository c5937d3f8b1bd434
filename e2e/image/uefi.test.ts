// SPDX-License-Identifier: Apache-2.0
// A guest whose Image asks for UEFI firmware: placed where there is some, and booted by it.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, IMAGE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Image } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('uefi', { withImage: false, net: '10.97.0.0/24' })
  const { client, guestImage } = project.test
  await project.create(
    IMAGE,
    draft.image(project.at('guest'), guestImage, { properties: { hw_firmware_type: 'uefi' } }),
  )
  await waitForReady<Image>(client, IMAGE, project.at('guest'))
}, 60_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('its guest finds the firmware’s tables, on a node that says that it has it', async () => {
  const { vm, door } = await project.bootGuests({ vm: {} })
  expect(await door.ssh(vm, 'ls /sys/firmware/efi')).toContain('efivars')
  const node = await project.test.client.get<ComputeNode>(COMPUTE_NODE, { name: vm.status?.node ?? '' })
  expect(node.status?.inventory?.firmware).toEqual(['bios', 'uefi', 'secure-boot'])
}, 180_000)
