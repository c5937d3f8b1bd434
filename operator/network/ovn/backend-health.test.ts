// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { OvsdbConnectionError, OvsdbNotLeaderError } from '../../../lib/ovsdb/errors.ts'
import { setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { judgeBackend, PATIENCE, type BackendFacts } from './backend-health.ts'
import { isDisturbance } from './northbound.ts'
import { NorthdPulse } from './northd-pulse.ts'

const up = { synced: true, downMs: 0, failure: undefined }
const down = (code: string | undefined, downMs = PATIENCE.downMs) => ({
  synced: false,
  downMs,
  failure: new OvsdbConnectionError('cannot connect', { cause: Object.assign(new Error('x'), code ? { code } : {}) }),
})
const facts = (more: Partial<BackendFacts> = {}): BackendFacts => ({
  northbound: up,
  southbound: up,
  northdBehindMs: 0,
  ...more,
})

describe('judgeBackend', () => {
  test.each<[string, Partial<BackendFacts>, string | undefined, string?]>([
    ['all is well', {}, 'Healthy'],
    ['nobody reads the southbound database', { southbound: undefined }, 'Healthy'],
    ['a server that is being restarted', { northbound: down('ECONNREFUSED', PATIENCE.downMs - 1) }, undefined],
    ['refused', { northbound: down('ECONNREFUSED') }, 'Unreachable', '(ECONNREFUSED)'],
    ['silent', { northbound: down(undefined) }, 'Unreachable', 'look whether its server runs'],
    ['expired', { northbound: down('CERT_HAS_EXPIRED') }, 'CertificateRefused', '(CERT_HAS_EXPIRED)'],
    ['another authority', { northbound: down('UNABLE_TO_VERIFY_LEAF_SIGNATURE') }, 'CertificateRefused'],
    ['another name', { northbound: down('ERR_TLS_CERT_ALTNAME_INVALID') }, 'CertificateRefused'],
    ['refused by the server', { northbound: down('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA') }, 'CertificateRefused'],
    [
      'a follower',
      { northbound: { ...down(undefined), failure: new OvsdbNotLeaderError('not the leader') } },
      'NotLeader',
      'more than half',
    ],
    ['northd is slow', { northdBehindMs: PATIENCE.northdMs - 1 }, 'Healthy'],
    ['northd is behind', { northdBehindMs: PATIENCE.northdMs }, 'NorthdBehind', 'ovn-northd'],
    ['nobody sees claims', { southbound: down('ECONNREFUSED') }, 'ClaimsNotWatched', 'southbound'],
    ['for a moment', { southbound: down('ECONNREFUSED', 100) }, 'Healthy'],
    ['worst first', { northbound: down('ECONNREFUSED'), northdBehindMs: 60_000 }, 'Unreachable'],
  ])('%s', (_, more, reason, words = '') => {
    const found = judgeBackend(facts(more))
    expect(found?.reason).toBe(reason)
    expect(found?.status).toBe(reason && (reason === 'Healthy' ? 'True' : 'False'))
    expect(found?.message ?? '').toContain(words)
  })
})

describe('northd’s sign of life', () => {
  const global = (nb_cfg: number, sb_cfg: number, external_ids: OvsRow[string] = setOf([])): OvsRow => ({
    nb_cfg,
    sb_cfg,
    external_ids,
  })
  test('time runs from the first question without an answer until there is one', () => {
    const pulse = new NorthdPulse()
    expect([pulse.behindMs(0), pulse.isWaiting]).toEqual([0, false])
    pulse.update(global(1, 1), 10)
    pulse.update(global(2, 1), 20)
    pulse.update(global(3, 1), 30)
    expect([pulse.behindMs(50), pulse.isWaiting]).toEqual([30, true])
    pulse.update(global(3, 2), 60)
    expect(pulse.behindMs(60)).toBe(40)
    pulse.update(global(3, 3), 70)
    expect([pulse.behindMs(90), pulse.isWaiting]).toEqual([0, false])
  })

  test('is no disturbance, and a word of another hand in the same row is', () => {
    const change = (before: OvsRow | undefined, after: OvsRow | undefined, table = 'NB_Global') =>
      isDisturbance({ table, uuid: 'u', ...(before ? { before } : {}), ...(after ? { after } : {}) })
    expect(change(global(1, 1), global(2, 1))).toBe(false)
    expect(change(global(2, 1), global(2, 2))).toBe(false)
    expect(change(global(1, 1), global(1, 1, 'x'))).toBe(true)
    expect(change(undefined, global(0, 0))).toBe(true)
    expect(change(global(1, 1), undefined)).toBe(true)
    expect(change({}, {}, 'ACL')).toBe(true)
  })
})
