// SPDX-License-Identifier: Apache-2.0
// `node scripts/run.mjs scripts/monitoring/write-page.ts`: writes the tables of docs/monitoring.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAlerts } from './alerts.ts'
import { exportedMetrics } from './exported-metrics.ts'
import { renderPage } from './metrics-page.ts'

const page = join(import.meta.dirname, '..', '..', 'docs/monitoring.md')
writeFileSync(page, renderPage(readFileSync(page, 'utf8'), exportedMetrics(), readAlerts()))
