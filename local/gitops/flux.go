// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const namespace = "flux-system"

// flux is the engine of kustomize-controller, with that controller's field manager and labels.
type flux struct{ *ssa.ResourceManager }

func connect(kubeconfig string) (*flux, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	api, err := client.New(config, client.Options{})
	if err != nil {
		return nil, err
	}
	poller := polling.NewStatusPoller(api, api.RESTMapper(), polling.Options{})
	owner := ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"}
	return &flux{ssa.NewResourceManager(api, poller, owner)}, nil
}

func (flux *flux) apply(ctx context.Context, input io.Reader, name string) (map[string]ssa.Action, error) {
	objects, err := utils.ReadObjects(input)
	if err != nil {
		return nil, err
	}
	flux.SetOwnerLabels(objects, name, namespace)
	changes, err := flux.ApplyAllStaged(ctx, objects, ssa.DefaultApplyOptions())
	if err != nil {
		return nil, err
	}
	return changes.ToMap(), nil
}

func (flux *flux) wait(_ context.Context, input io.Reader, seconds string) (string, error) {
	objects, err := utils.ReadObjects(input)
	if err != nil {
		return "", err
	}
	limit, err := strconv.Atoi(seconds)
	if err != nil {
		return "", err
	}
	options := ssa.DefaultWaitOptions()
	options.Interval, options.Timeout = time.Second/2, time.Duration(limit)*time.Second
	options.FailFast = true
	return "ready", flux.Wait(objects, options)
}

func (flux *flux) prune(ctx context.Context, input io.Reader, name string) (map[string]ssa.Action, error) {
	objects, err := utils.ReadObjects(input)
	if err != nil {
		return nil, err
	}
	options := ssa.DefaultDeleteOptions()
	options.Inclusions = flux.GetOwnerLabels(name, namespace)
	options.Exclusions = map[string]string{"kustomize.toolkit.fluxcd.io/prune": "disabled"}
	changes, err := flux.DeleteAll(ctx, objects, options)
	if err != nil {
		return nil, err
	}
	return changes.ToMap(), nil
}
