// SPDX-License-Identifier: Apache-2.0
import { DIGEST } from '../samples.ts'
import { changed, type RuleCase } from './rule-case.ts'

const SNAPSHOT = { instanceActionRef: { name: 'snap' }, imageStoreRef: { name: 'default' } }

export const IMAGE: RuleCase[] = [
  {
    kind: 'Image',
    path: 'spec.source.http.url',
    says: 'write an http:// or https:// URL',
    bad: [
      'file:///etc/passwd',
      'ftp://example.com/a',
      'not a url',
      'http:///path',
      '--output=/etc/passwd',
      'https:nohost',
    ].map((url) => ({ 'spec.source.http.url': url })),
    good: [{ 'spec.source.http.url': 'http://[fd00::1]:80/a.raw' }],
  },
  {
    kind: 'Image',
    path: 'spec.source.http.url',
    says: 'put no user name or password into the URL',
    bad: { 'spec.source.http.url': 'https://user:secret@example.com/a' },
    good: [{ 'spec.source.http.url': 'https://example.com/a@b' }],
  },
  {
    kind: 'Image',
    path: 'spec.source.http.caBundle',
    says: 'write PEM',
    bad: { 'spec.source.http.caBundle': '/etc/ssl/cert.pem' },
  },
  {
    kind: 'Image',
    path: 'spec.source',
    says: 'write where the bytes come from: http',
    bad: [{ 'spec.source': {} }, { 'spec.source.snapshot': SNAPSHOT }],
    good: [{ 'spec.source': { snapshot: SNAPSHOT } }],
  },
  changed(
    'Image',
    'spec.source',
    'a snapshot is what its InstanceAction made',
    [
      { 'spec.source': { http: { url: 'http://example.com/a' } } },
      { 'spec.source.snapshot.imageStoreRef.name': 'other' },
      { 'spec.source.snapshot.instanceActionRef.name': 'other' },
    ],
    { sample: 1, good: [{ 'spec.minDiskGiB': 2 }] },
  ),
  {
    kind: 'Image',
    path: 'spec.sha256',
    says: 'write the SHA-256 digest as 64',
    bad: [{ 'spec.sha256': 'A'.repeat(64) }, { 'spec.sha256': 'g'.repeat(64) }],
  },
  changed(
    'Image',
    '',
    'sha256 cannot change once the image is imported',
    { 'spec.sha256': '0'.repeat(64) },
    { observed: true },
  ),
  changed(
    'Image',
    '',
    'sha256 cannot change once the image is imported',
    { 'spec.sha256': undefined },
    { observed: true },
  ),
  // An object of version 0.1.0, where a digest could be written after the import: it can be put right.
  changed(
    'Image',
    '',
    'sha256 cannot change once the image is imported',
    { 'spec.sha256': '0'.repeat(64) },
    {
      before: { 'spec.sha256': '1'.repeat(64) },
      observed: true,
      good: [{ 'spec.minDiskGiB': 2 }, { 'spec.sha256': DIGEST }],
    },
  ),
  changed(
    'Image',
    'spec.format',
    'format cannot change',
    { 'spec.format': 'raw' },
    { good: [{ 'spec.minDiskGiB': 2 }] },
  ),
  changed('Image', 'spec.architecture', 'architecture cannot change', { 'spec.architecture': 'aarch64' }),
  {
    kind: 'Image',
    path: 'spec',
    says: 'sharedWith has an effect with visibility: shared only',
    bad: [{ 'spec.visibility': 'private' }, { 'spec.visibility': undefined }],
    good: [{ 'spec.visibility': 'public', 'spec.sharedWith': [] }],
  },
]
