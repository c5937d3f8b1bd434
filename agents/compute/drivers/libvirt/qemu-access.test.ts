// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { clientTlsDir } from '../../../storage/exports/tls-files.ts'
import { computeDir, imageBaseDir, instancesDir, vhostUserDir, type ComputePaths } from '../../paths.ts'
import { fakeLibvirt, refuse } from './fake-client.ts'
import { QemuAccess, readQemuUser, type QemuAccessOptions } from './qemu-access.ts'

const model = (name: string, label: string) =>
  `<secmodel><model>${name}</model><doi>0</doi><baselabel type='kvm'>${label}</baselabel><baselabel type='qemu'>${label}</baselabel></secmodel>`
const capabilities = (...models: string[]) =>
  `<capabilities><host><uuid>x</uuid>${models.join('')}</host></capabilities>`

test.each([
  ['alone', capabilities(model('dac', '+64055:+993'))],
  ['beside AppArmor', capabilities(model('apparmor', ''), model('dac', '+64055:+993'))],
])('QEMU’s user is what libvirt says, %s', (_, xml) => {
  expect(readQemuUser(xml)).toEqual({ uid: 64055, gid: 993 })
})

test.each([
  ['nothing', capabilities()],
  ['another model', capabilities(model('selinux', 'system_u:system_r:svirt_t:s0'))],
  ['a name', capabilities(model('dac', 'root:root'))],
  ['what another model says so', capabilities(model('other', '+1:+1'))],
])('%s is not guessed at', (_, xml) => {
  expect(() => readQemuUser(xml)).toThrow('which user')
})

describe('what QEMU opens by itself', () => {
  const { signal } = new AbortController()
  const GROUP = 993
  let dir: string
  let paths: ComputePaths
  beforeEach(async () => {
    dir = await makeMemoryFolder('nephele-access-')
    paths = { dataDir: join(dir, 'data'), runDir: join(dir, 'run') }
  })
  afterEach(() => rm(dir, { recursive: true }))
  const answers = { getCapabilities: () => ({ xml: capabilities(model('dac', `+64055:+${GROUP}`)) }) }
  const access = (more: Partial<QemuAccessOptions> = {}, at = fakeLibvirt(answers)) =>
    new QemuAccess(at.client, { paths, ...more })
  const modeOf = async (path: string) => {
    const { mode, gid } = await stat(path)
    return `${(mode & 0o7777).toString(8)} ${gid === GROUP ? 'its' : 'ours'}`
  }

  test('folders are passed through by whoever knows a name in them; what is its group’s is', async () => {
    for (const folder of [paths.dataDir, paths.runDir]) await mkdir(folder, { mode: 0o700 })
    await mkdir(instancesDir(paths), { mode: 0o755 })
    for (let i = 0; i < 2; i++) await access().ensure(signal)
    const folders = [
      paths.dataDir,
      instancesDir(paths),
      computeDir(paths),
      join(imageBaseDir(paths), '..'),
      paths.runDir,
    ]
    expect(await Promise.all(folders.map(modeOf))).toEqual([
      ...['711 ours', '755 ours', '711 ours', '711 ours', '711 ours'],
    ])
    expect(await Promise.all([imageBaseDir(paths), vhostUserDir(paths)].map(modeOf))).toEqual(['750 its', '770 its'])
    await expect(stat(clientTlsDir(paths.dataDir))).rejects.toThrow('ENOENT')
  })

  test('its credentials are its group’s alone, and those of now', async () => {
    const file = async (name: string, text: string) => {
      await writeFile(join(dir, name), text)
      return join(dir, name)
    }
    const client = {
      keyFile: await file('key', 'KEY'),
      certificateFile: await file('certificate', 'CERTIFICATE'),
      authorityFile: await file('authority', 'AUTHORITY'),
    }
    const credentials = { nbd: { client }, identity: { authorityFile: await file('cloud', 'CLOUD') } }
    const tls = clientTlsDir(paths.dataDir)
    // As an older version left it.
    await mkdir(join(tls, '..'), { recursive: true, mode: 0o700 })
    await access({ credentials }).ensure(signal)
    expect(await modeOf(tls)).toBe('750 its')
    expect(await modeOf(join(tls, '..'))).toBe('711 ours')
    expect(await readFile(join(tls, 'client-key.pem'), 'utf8')).toBe('KEY')
    expect(await modeOf(join(tls, 'client-key.pem'))).toBe('640 its')
    await chmod(tls, 0o777)
    await file('key', 'NEXT')
    await access({ credentials }).ensure(signal)
    expect([await modeOf(tls), await readFile(join(tls, 'client-key.pem'), 'utf8')]).toEqual(['750 its', 'NEXT'])
  })

  test('who QEMU runs as is asked once, again after a failure, and again when libvirtd came anew', async () => {
    const at = fakeLibvirt({ getCapabilities: () => Promise.reject(refuse('internal', 'away')) })
    const one = access({}, at)
    await expect(one.ensure(signal)).rejects.toThrow('away')
    at.answers['getCapabilities'] = answers.getCapabilities
    for (let i = 0; i < 2; i++) await one.ensure(signal)
    expect(at.calls).toHaveLength(2)
    one.forget()
    await one.ensure(signal)
    expect(at.calls).toHaveLength(3)
  })

  test('a place that something else has is not taken for a folder', async () => {
    await writeFile(paths.dataDir, '')
    await expect(access().ensure(signal)).rejects.toMatchObject({ code: 'ENOTDIR' })
  })
})
