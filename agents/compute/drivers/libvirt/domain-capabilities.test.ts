// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { toDomainCapabilities } from './domain-capabilities.ts'

const caps = (inner: string) => `<domainCapabilities>${inner}</domainCapabilities>`
const os = (inner: string) => caps(`<os supported='yes'>${inner}</os>`)
const list = (name: string, ...values: string[]) =>
  `<enum name='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</enum>`
const loader = (...values: string[]) => `<loader supported='yes'>${list('secure', ...values)}</loader>`

test.each([
  [os(list('firmware', 'bios', 'efi')), ['bios', 'uefi']],
  [os(list('firmware', 'efi') + loader('no')), ['bios', 'uefi']],
  [os(list('firmware', 'efi') + loader('yes', 'no')), ['bios', 'uefi', 'secure-boot']],
  [os(list('firmware') + loader('yes', 'no')), ['bios']],
  [os(`<loader supported='yes'>${list('type', 'efi')}</loader>`), ['bios']],
  [caps(''), ['bios']],
])('%s', (xml, firmware) => expect(toDomainCapabilities(xml)).toEqual({ firmware, tpmVersions: [] }))

const tpm = (supported: string, backend: string) =>
  caps(
    `<devices><tpm supported='${supported}'>${list('backendModel', backend)}${list('backendVersion', '1.2', '2.0')}</tpm></devices>`,
  )

test.each([
  [tpm('yes', 'emulator'), ['1.2', '2.0']],
  [tpm('yes', 'passthrough'), []],
  [tpm('no', 'emulator'), []],
])('%s', (xml, tpmVersions) => expect(toDomainCapabilities(xml)).toMatchObject({ tpmVersions }))
