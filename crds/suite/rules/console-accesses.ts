// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

export const CONSOLE_ACCESS: RuleCase[] = [
  changed('ConsoleAccess', 'spec', 'a ConsoleAccess cannot change', [
    { 'spec.instanceRef': { name: 'web-2' } },
    { 'spec.ttlSeconds': 600 },
    { 'spec.force': false },
    { 'spec.requestedBy': 'bob' },
    { 'spec.requestedBy': undefined },
  ]),
]
