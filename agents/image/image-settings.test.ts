// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { DEFAULT_IMAGE_SETTINGS, ImageSettings } from './image-settings.ts'

interface Schema {
  properties: Record<string, Schema>
  default?: unknown
}

test('the defaults are those of the Cloud’s schema', () => {
  const crd = parse(readFileSync(join(import.meta.dirname, '../../crds/clouds.yaml'), 'utf8')) as {
    spec: { versions: { schema: { openAPIV3Schema: Schema } }[] }
  }
  const { images } = crd.spec.versions[0]!.schema.openAPIV3Schema.properties['spec']!.properties
  const defaults = Object.entries(images!.properties).flatMap(([name, field]) =>
    field.default === undefined ? [] : [[name, field.default]],
  )
  expect(Object.fromEntries(defaults)).toEqual(DEFAULT_IMAGE_SETTINGS)
})

test('says whether anything changed, and goes back to the defaults when nothing is told', () => {
  const settings = new ImageSettings()
  expect(settings.tell(undefined)).toBe(false)
  expect(settings.tell({ maxSizeGiB: 1, allowedNetworks: ['10.0.0.0/8'] })).toBe(true)
  expect(settings.tell({ maxSizeGiB: 1, allowedNetworks: ['10.0.0.0/8'] })).toBe(false)
  expect([settings.maxImageBytes, settings.allowedNetworks]).toEqual([2 ** 30, ['10.0.0.0/8']])
  expect(settings.tell(undefined)).toBe(true)
  expect([settings.maxImageBytes, settings.allowedNetworks]).toEqual([64 * 2 ** 30, []])
  expect(settings.maxCacheBytes(200)).toBe(100)
})

test('the limit of one image is for web servers, not for what nodes of the cloud hand over', () => {
  const settings = new ImageSettings()
  settings.tell({ maxSizeGiB: 1 })
  const sha256 = '0'.repeat(64)
  expect([settings.maxBytesOf({}), settings.maxBytesOf({ sha256 })]).toEqual([2 ** 30, 2 ** 30])
  expect(settings.maxBytesOf({ peer: 's1', sha256 })).toBeGreaterThan(2 ** 50)
  // Nobody could say that it is what it should be.
  expect(settings.maxBytesOf({ peer: 's1' })).toBe(2 ** 30)
})
