// SPDX-License-Identifier: Apache-2.0
// Named values of several types, as statistics have them: virTypedParameter. Only read.
import { text } from './error.ts'
import { int, uhyper, uint, XdrError, type Codec, type XdrReader } from './xdr.ts'

export interface TypedParam {
  field: string
  value: number | bigint | string
}

/** virTypedParameterType */
const VALUES: Readonly<Record<number, (reader: XdrReader) => TypedParam['value']>> = {
  1: (reader) => int.decode(reader),
  2: (reader) => uint.decode(reader),
  3: (reader) => BigInt.asIntN(64, uhyper.decode(reader)),
  4: (reader) => uhyper.decode(reader),
  5: (reader) => toDouble(uhyper.decode(reader)),
  6: (reader) => int.decode(reader),
  7: (reader) => text.decode(reader),
}

export const typedParam: Codec<TypedParam> = {
  encode: () => {
    throw new XdrError('a typed parameter is only read')
  },
  decode: (reader) => {
    const field = text.decode(reader)
    const type = reader.int()
    const read = VALUES[type]
    if (!read) throw new XdrError(`a typed parameter is of type ${type}`)
    return { field, value: read(reader) }
  },
}

function toDouble(bits: bigint): number {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64BE(bits)
  return buffer.readDoubleBE()
}
