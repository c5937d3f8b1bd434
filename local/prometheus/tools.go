// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Programs of other modules, so that go.mod keeps what they need.
package tools

import _ "github.com/prometheus/prometheus/cmd/promtool"
