// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { TerminalError } from '../../lib/errors.ts'
import { inspectImage, type ImageFormat } from './header.ts'
import { MAGIC_HEAD_BYTES, MAGIC_TAIL_BYTES } from './magic.ts'
import { parseQcow2, Qcow2FormatError } from './qcow2.ts'
import { sampleQcow2, sampleRaw, type SampleFields } from './testing/qcow2-samples.ts'

const bytesOf = (file: Buffer) => ({
  head: file.subarray(0, MAGIC_HEAD_BYTES),
  tail: file.subarray(Math.max(0, file.length - MAGIC_TAIL_BYTES)),
  fileBytes: file.length,
})

function verdict(file: Buffer, format: ImageFormat): string {
  try {
    return `ok ${inspectImage(bytesOf(file), format).virtualSizeBytes}`
  } catch (error) {
    if (error instanceof TerminalError) return error.reason
    throw error
  }
}

const withMagic = (at: number, magic: string, bytes = 65536): Buffer => {
  const file = Buffer.alloc(bytes, 0)
  file.write(magic, at, 'latin1')
  return file
}

describe('qcow2', () => {
  const ext = (type: number, text = '', claimedLength?: number) => ({
    type,
    data: Buffer.from(text),
    ...(claimedLength === undefined ? {} : { claimedLength }),
  })
  test.each<[string, SampleFields, string]>([
    ['version 3', {}, `ok ${2 ** 26}`],
    ['version 2', { version: 2 }, `ok ${2 ** 26}`],
    ['with a feature table', { extensions: [ext(0x6803f857, 'x'.repeat(48))] }, `ok ${2 ** 26}`],
    ['an unknown extension', { extensions: [ext(0x12345678, 'abc')] }, `ok ${2 ** 26}`],
    ['dirty', { incompatible: 1n }, `ok ${2 ** 26}`],
    ['extended L2', { incompatible: 16n }, `ok ${2 ** 26}`],
    ['a backing file', { backingFile: '/etc/passwd' }, 'ImageUnsafe'],
    ['a json: backing file', { backingFile: 'json:{"driver":"nbd"}' }, 'ImageUnsafe'],
    ['a backing file in version 2', { version: 2, backingFile: 'x' }, 'ImageUnsafe'],
    ['a backing offset without a name', { backingOffset: 4096n }, 'ImageUnsafe'],
    ['a backing name beyond the file', { backingOffset: 2n ** 63n }, 'ImageUnsafe'],
    ['a data file by feature', { incompatible: 4n }, 'ImageUnsafe'],
    ['a data file by auto-clear bit', { autoclear: 2n }, 'ImageUnsafe'],
    ['a data file by extension only', { extensions: [ext(0x44415441, '/dev/sda')] }, 'ImageUnsafe'],
    ['a data file behind another extension', { extensions: [ext(0x1, 'abc'), ext(0x44415441, 'y')] }, 'ImageUnsafe'],
    ['AES', { cryptMethod: 1 }, 'ImageUnsafe'],
    ['LUKS', { cryptMethod: 2, extensions: [ext(0x0537be77, 'x'.repeat(16))] }, 'ImageUnsafe'],
    ['internal snapshots', { snapshots: 1 }, 'ImageUnsafe'],
    ['corrupt', { incompatible: 2n }, 'ImageUnsafe'],
    ['no size', { virtualSizeBytes: 0n, l1Entries: 0 }, 'ImageUnsafe'],
    ['version 1', { version: 1 }, 'ImageFormatMismatch'],
    ['version 4', { version: 4 }, 'ImageFormatMismatch'],
    ['an unknown incompatible feature', { incompatible: 1n << 40n }, 'ImageFormatMismatch'],
    ['tiny clusters', { clusterBits: 8 }, 'ImageFormatMismatch'],
    ['huge clusters', { clusterBits: 22 }, 'ImageFormatMismatch'],
    ['cluster bits that overflow', { clusterBits: 0xffffffff }, 'ImageFormatMismatch'],
    ['a size that overflows', { virtualSizeBytes: 2n ** 64n - 1n }, 'ImageFormatMismatch'],
    ['a size that its L1 table cannot hold', { virtualSizeBytes: 2n ** 40n }, 'ImageFormatMismatch'],
    ['an L1 table beyond the end', { l1Offset: 2n ** 32n }, 'ImageFormatMismatch'],
    ['an L1 offset that wraps', { l1Offset: 2n ** 64n - 65536n }, 'ImageFormatMismatch'],
    ['an L1 table between clusters', { l1Offset: 100n }, 'ImageFormatMismatch'],
    ['an L1 table in the place of the header', { l1Offset: 0n }, 'ImageFormatMismatch'],
    ['a refcount table in the place of the header', { refcountOffset: 0n }, 'ImageFormatMismatch'],
    ['an L1 table with some entries to spare', { l1Entries: 1024 }, `ok ${2 ** 26}`],
    ['an L1 table far larger than the disk', { l1Entries: 2048 }, 'ImageFormatMismatch'],
    ['an enormous L1 table', { l1Entries: 0xffffffff }, 'ImageFormatMismatch'],
    ['a refcount table beyond the end', { refcountOffset: 2n ** 40n }, 'ImageFormatMismatch'],
    ['an enormous refcount table', { refcountClusters: 0xffffffff }, 'ImageFormatMismatch'],
    ['no refcount table', { refcountClusters: 0 }, 'ImageFormatMismatch'],
    ['an extension longer than its place', { extensions: [ext(1, 'a', 0xffffffff)] }, 'ImageFormatMismatch'],
    ['a header length of nothing', { headerLength: 0 }, 'ImageFormatMismatch'],
    ['cut off within the tables', { fileBytes: 65536 * 3 }, 'ImageFormatMismatch'],
    ['cut off within the header', { fileBytes: 80 }, 'ImageFormatMismatch'],
  ])('%s', (_name, fields, expected) => {
    expect(verdict(sampleQcow2(fields), 'qcow2')).toBe(expected)
  })

  test('never throws anything but a format error, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(8191), fc.nat(255)), { maxLength: 40 }),
        fc.nat(300_000),
        fc.constantFrom(2, 3),
        (pokes, fileBytes, version) => {
          const file = sampleQcow2({ version, fileBytes: Math.max(fileBytes, 4) })
          for (const [at, value] of pokes) if (at >= 4 && at < file.length) file[at] = value
          try {
            const header = parseQcow2(file.subarray(0, MAGIC_HEAD_BYTES), file.length)
            expect(header.l1Offset + header.l1Entries * 8).toBeLessThanOrEqual(file.length)
            expect(header.virtualSizeBytes).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER)
          } catch (error) {
            expect(error).toBeInstanceOf(Qcow2FormatError)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('no file with a backing offset other than 0 passes', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 2n ** 64n - 1n), fc.nat(0xffffffff), (offset, size) => {
        const file = sampleQcow2()
        file.writeBigUInt64BE(offset, 8)
        file.writeUInt32BE(size, 16)
        expect(verdict(file, 'qcow2')).toMatch(/^Image/)
      }),
    )
  })
})

test.each([
  ['KDMV', 0, 'a VMDK disk; convert it to qcow2 or raw (qemu-img convert) and publish that'],
  ['\x7f\x10\xda\xbe', 64, 'a VDI disk; convert it to qcow2 or raw (qemu-img convert) and publish that'],
  ['CD001', 32769, 'a CD image (ISO 9660); publish an installed disk, or a hybrid image that has a boot sector'],
  ['QFI\xfb', 0, 'a qcow2 file; make an Image with format: qcow2'],
  ['LUKS\xba\xbe', 0, 'an encrypted disk (LUKS); publish it without encryption'],
  ['\xfd7zXZ\0', 0, 'an xz file and no disk image; give the URL of the unpacked image'],
])('%j declared raw: what is advised is possible', (magic, at, message) => {
  expect(() => inspectImage(bytesOf(withMagic(at, magic)), 'raw')).toThrow(message)
})

test('an error page is not to be unpacked', () => {
  const page = Buffer.from('<html>'.padEnd(1024, ' '))
  expect(() => inspectImage(bytesOf(page), 'raw')).toThrow('plain text and no disk image; give the URL of the image')
  expect(() => inspectImage(bytesOf(page), 'qcow2')).toThrow('spec.format says qcow2, but the source is plain text')
})

describe('raw', () => {
  const vhd = sampleRaw(65536)
  vhd.write('conectix', vhd.length - 512, 'latin1')
  const hybrid = withMagic(32769, 'CD001')
  hybrid.writeUInt16BE(0x55aa, 510)
  test.each<[string, Buffer, string]>([
    ['a disk with a boot sector', sampleRaw(1024 * 1024), `ok ${1024 * 1024}`],
    ['an empty disk', Buffer.alloc(4096), 'ok 4096'],
    ['a hybrid CD image', hybrid, 'ok 65536'],
    ['a qcow2 file', sampleQcow2(), 'ImageUnsafe'],
    ['a qcow2 file behind a boot sector only', Buffer.concat([sampleRaw(512), sampleQcow2()]), 'ok 262656'],
    ['a VMDK', withMagic(0, 'KDMV'), 'ImageUnsafe'],
    ['a VMDK descriptor', withMagic(0, '# Disk DescriptorFile\nRW 1 FLAT "/etc/shadow" 0\n'), 'ImageUnsafe'],
    ['a VDI', withMagic(64, '\x7f\x10\xda\xbe'), 'ImageUnsafe'],
    ['a VHD with its mark at the end', vhd, 'ImageUnsafe'],
    ['a VHDX', withMagic(0, 'vhdxfile'), 'ImageUnsafe'],
    ['a QED', withMagic(0, 'QED\0'), 'ImageUnsafe'],
    ['LUKS', withMagic(0, 'LUKS\xba\xbe'), 'ImageUnsafe'],
    ['a CD image', withMagic(32769, 'CD001'), 'ImageUnsafe'],
    ['gzip', withMagic(0, '\x1f\x8b'), 'ImageFormatMismatch'],
    ['xz', withMagic(0, '\xfd7zXZ\0'), 'ImageFormatMismatch'],
    ['tar', withMagic(257, 'ustar'), 'ImageFormatMismatch'],
    ['an error page', Buffer.from('<html>'.padEnd(1024, ' ')), 'ImageFormatMismatch'],
    ['cut off within a sector', sampleRaw(1000), 'ImageFormatMismatch'],
    ['nothing', Buffer.alloc(0), 'ImageFormatMismatch'],
  ])('%s', (_name, file, expected) => {
    expect(verdict(file, 'raw')).toBe(expected)
  })

  test('a raw disk declared as qcow2', () => expect(verdict(sampleRaw(65536), 'qcow2')).toBe('ImageFormatMismatch'))

  test('any bytes get a verdict', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2048 }), fc.constantFrom<ImageFormat>('raw', 'qcow2'), (bytes, format) => {
        expect(verdict(Buffer.from(bytes), format)).toMatch(/^(ok \d+|ImageUnsafe|ImageFormatMismatch)$/)
      }),
    )
  })
})
