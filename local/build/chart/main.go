// SPDX-License-Identifier: Apache-2.0

// Command chart renders a chart as `helm template` does, by Helm's own packages: the whole program brings clients of registries and
// clusters with it, which take a minute to build. Reads a request from standard input, writes the manifests to standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

type request struct {
	Chart       string         `json:"chart"`
	Release     string         `json:"release"`
	Namespace   string         `json:"namespace"`
	APIVersions []string       `json:"apiVersions"`
	Values      map[string]any `json:"values"`
}

func main() {
	if err := render(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render() error {
	var want request
	if err := json.NewDecoder(os.Stdin).Decode(&want); err != nil {
		return err
	}
	loaded, err := loader.LoadDir(want.Chart)
	if err != nil {
		return err
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.APIVersions = slices.Concat(capabilities.APIVersions, want.APIVersions)
	release := common.ReleaseOptions{Name: want.Release, Namespace: want.Namespace, Revision: 1, IsInstall: true}
	values, err := util.ToRenderValues(loaded, want.Values, release, capabilities)
	if err != nil {
		return err
	}
	files, err := engine.Render(loaded, values)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(files[name]) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Printf("---\n# Source: %s\n%s\n", name, files[name])
	}
	return nil
}
