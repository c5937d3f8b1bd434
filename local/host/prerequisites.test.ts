// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { isDebian, isOldGo, planInstallation, type Prerequisite } from './prerequisites.ts'

const ip: Prerequisite = { program: 'ip', package: 'iproute2', why: 'links' }
const unshare: Prerequisite = { program: 'unshare', package: 'util-linux', why: 'namespaces' }
const nsenter: Prerequisite = { program: 'nsenter', package: 'util-linux', why: 'enters' }
const go: Prerequisite = { program: 'go', why: 'builds' }

describe('host prerequisites', () => {
  test.each([
    { missing: [], debian: true, root: true, packages: [], byHand: [] },
    { missing: [ip, unshare, nsenter], debian: true, root: true, packages: ['iproute2', 'util-linux'], byHand: [] },
    { missing: [ip, go], debian: true, root: true, packages: ['iproute2'], byHand: [go] },
    { missing: [ip], debian: true, root: false, packages: [], byHand: [ip] },
    { missing: [ip, go], debian: false, root: true, packages: [], byHand: [ip, go] },
  ])('debian $debian, root $root, missing $missing.length', ({ missing, debian, root, packages, byHand }) => {
    expect(planInstallation(missing, { debian, root })).toEqual({ packages, byHand })
  })

  test.each([
    ['go1.19.8\n', true],
    ['go1.21.0', false],
    ['go1.26', false],
    ['go2.0', false],
    ['devel +abc', false],
  ])('Go %j is too old: %s', (version, is) => expect(isOldGo(version)).toBe(is))

  test.each([
    ['ID=debian\n', true],
    ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', true],
    ['ID_LIKE="rhel fedora"\n', false],
    ['NAME="debian"\nID=alpine\n', false],
  ])('%j', (text, is) => expect(isDebian(text)).toBe(is))
})
