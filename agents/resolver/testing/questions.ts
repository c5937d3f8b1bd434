// SPDX-License-Identifier: Apache-2.0
// Questions and answers as bytes, for tests.

export const TYPE = { a: 1, ns: 2, aaaa: 28, axfr: 252 } as const

export function question(name: string, { id = 7, type = 1, flags = 0x0100, of = 1, count = 1 } = {}): Buffer {
  const labels = name === '' ? [] : name.split('.')
  const encoded = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')])
  const [header, end] = [Buffer.alloc(12), Buffer.alloc(5)]
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(flags, 2)
  header.writeUInt16BE(count, 4)
  end.writeUInt16BE(type, 1)
  end.writeUInt16BE(of, 3)
  return Buffer.concat([header, ...encoded, end])
}

/** An answer to a question that came as bytes: an A record, or just a code. */
export function answerTo(asked: Buffer, { address, rcode = 0 }: { address?: string; rcode?: number } = {}): Buffer {
  const answer = Buffer.from(asked)
  answer.writeUInt16BE(0x8180 | rcode, 2)
  if (address === undefined) return answer
  answer.writeUInt16BE(1, 6)
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)]
  return Buffer.concat([answer, Buffer.from(record)])
}
