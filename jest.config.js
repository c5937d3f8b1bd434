// SPDX-License-Identifier: Apache-2.0
// Lanes as in docs/testing.md. `unit` needs neither root nor network; `integration` starts real servers (apiserver, NATS,
// libvirt, OVSDB ...) and is named *.integration.test.ts; `e2e` runs against the local cloud, and so does `chaos`, which breaks it.
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  modulePathIgnorePatterns: ['<rootDir>/dist'],
}
export default {
  // Jest's five seconds are a busy machine's with real work in a unit test: a chart rendered, a kind made. It only tells one that hangs.
  testTimeout: 30_000,
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['<rootDir>/{cli,console,lib,operator,agents,local,bench,scripts,crds,clients,examples}/**/*.test.ts'],
      testPathIgnorePatterns: ['\\.integration\\.test\\.ts$'],
    },
    {
      ...common,
      displayName: 'integration',
      testMatch: ['<rootDir>/{cli,console,lib,operator,agents,local,crds,charts}/**/*.integration.test.ts'],
    },
    {
      ...common,
      displayName: 'e2e',
      testMatch: ['<rootDir>/e2e/**/*.test.ts'],
      testPathIgnorePatterns: ['<rootDir>/e2e/(cluster|faults)/'],
    },
    { ...common, displayName: 'chaos', testMatch: ['<rootDir>/e2e/faults/**/*.test.ts'] },
    { ...common, displayName: 'cluster', testMatch: ['<rootDir>/e2e/cluster/**/*.test.ts'] },
  ],
}
