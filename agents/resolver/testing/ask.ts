// SPDX-License-Identifier: Apache-2.0
// Run in a guest's namespace: asks one question and prints the answer. Arguments: server, udp or tcp, name, type as a number.
import { ask, type Transport } from '../exchange.ts'
import { rcodeOf, readQuery } from '../message.ts'
import { question } from './questions.ts'

const [address = '', transport = 'udp', name = '', type = '1'] = process.argv.slice(2)
const read = readQuery(question(name, { type: Number(type) }))
const query = read?.query
if (!query) throw new Error('no question')
const bytes = await ask({ address, port: 53 }, query, transport as Transport, 3000)
const truncated = (bytes.readUInt16BE(2) & 0x0200) !== 0 ? 'truncated' : ''
console.log(
  `rcode ${rcodeOf(bytes)}`,
  `answers ${bytes.readUInt16BE(6)}`,
  truncated,
  ...recordsIn(bytes, query.questionEnd),
)

/** Addresses, and texts as they are. */
function recordsIn(answer: Buffer, from: number): string[] {
  const records: string[] = []
  let at = from
  for (let left = answer.readUInt16BE(6); left > 0 && at < answer.length; left--) {
    // A pointer, or the name again as OVN writes it.
    while ((answer[at] ?? 0) < 0xc0 && answer[at] !== 0) at += 1 + (answer[at] ?? 0)
    at += answer[at] === 0 ? 1 : 2
    const length = answer.readUInt16BE(at + 8)
    const data = answer.subarray(at + 10, at + 10 + length)
    if (length === 4) records.push(data.join('.'))
    else if (length === 16) records.push(toIPv6(data))
    else records.push(data.toString('latin1'))
    at += 10 + length
  }
  return records
}

function toIPv6(data: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => data.readUInt16BE(2 * i).toString(16))
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')
}
