// SPDX-License-Identifier: Apache-2.0

// kind-config says whether kind would take a configuration: `go run . ../kind.yaml`. It is kind's own reading and checking, which kind
// runs only once a container runtime has answered; both are internal to kind, hence this module's path.
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/kind/pkg/internal/apis/config/encoding"
)

func main() {
	cluster, err := encoding.Load(os.Args[1])
	if err == nil {
		err = cluster.Validate()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
