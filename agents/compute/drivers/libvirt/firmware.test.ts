// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { findFirmware } from './firmware.ts'

const caps = (os: string) => `<domainCapabilities><os supported='yes'>${os}</os></domainCapabilities>`

test.each([
  [caps("<enum name='firmware'><value>bios</value><value>efi</value></enum>"), ['bios', 'uefi']],
  [caps("<enum name='firmware'/>"), ['bios']],
  [caps("<loader supported='yes'><enum name='type'><value>efi</value></enum></loader>"), ['bios']],
  [caps(''), ['bios']],
])('%s', (xml, firmware) => expect(findFirmware(xml)).toEqual(firmware))
