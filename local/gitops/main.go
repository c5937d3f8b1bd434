// SPDX-License-Identifier: Apache-2.0

// gitops does what Flux and Argo CD do with objects, by their own code, for tests. Objects are read from standard input, the answer is JSON.
//
//	gitops judge HEALTH.LUA           of a JSON list of objects, what Flux's kstatus says of each, and what Argo CD does with that script
//	gitops apply KUBECONFIG NAME      applies them as a Kustomization of that name does; says of each whether it was created, configured or unchanged
//	gitops wait KUBECONFIG SECONDS    waits as a Kustomization with wait: true does
//	gitops prune KUBECONFIG NAME      deletes those that the Kustomization owns, in Flux's order
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	answer, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) (any, error) {
	if len(args) == 2 && args[0] == "judge" {
		return judge(os.Stdin, args[1])
	}
	if len(args) == 3 {
		flux, err := connect(args[1])
		if err != nil {
			return nil, err
		}
		switch args[0] {
		case "apply":
			return flux.apply(context.Background(), os.Stdin, args[2])
		case "wait":
			return flux.wait(context.Background(), os.Stdin, args[2])
		case "prune":
			return flux.prune(context.Background(), os.Stdin, args[2])
		}
	}
	return nil, fmt.Errorf("usage: judge HEALTH.LUA, apply KUBECONFIG NAME, wait KUBECONFIG SECONDS, prune KUBECONFIG NAME")
}
