// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

export const TRUNK: RuleCase[] = [
  changed('Trunk', 'spec.portRef', 'portRef cannot change', { 'spec.portRef.name': 'other' }),
  {
    ...{ kind: 'Trunk', path: 'spec', says: 'cannot be a subport of itself' },
    bad: { 'spec.portRef.name': 'blue' },
    good: [{ 'spec.subports': undefined }],
  },
  {
    ...{ kind: 'Trunk', path: 'spec.subports', says: 'write each Port once in subports' },
    bad: {
      'spec.subports': [
        { portRef: { name: 'a' }, segmentationID: 1 },
        { portRef: { name: 'a' }, segmentationID: 2 },
      ],
    },
    good: [{ 'spec.subports': [] }],
  },
  {
    ...{ kind: 'Trunk', path: 'spec.subports', says: 'cannot have the same segmentationID' },
    bad: {
      'spec.subports': [
        { portRef: { name: 'a' }, segmentationID: 1 },
        { portRef: { name: 'b' }, segmentationID: 1 },
      ],
    },
    good: [
      {
        'spec.subports': [
          { portRef: { name: 'a' }, segmentationID: 1 },
          { portRef: { name: 'b' }, segmentationID: 4094 },
        ],
      },
    ],
  },
]
