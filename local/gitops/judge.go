// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	luajson "layeh.com/gopher-json"
)

type verdict struct {
	// Of Flux.
	Status  status.Status `json:"status"`
	Because string        `json:"because"`
	// Of Argo CD.
	Health  string `json:"health"`
	Message string `json:"message"`
}

func judge(input io.Reader, scriptPath string) ([]verdict, error) {
	script, err := os.ReadFile(scriptPath)
	if err != nil {
		return nil, err
	}
	var objects []map[string]any
	text, err := io.ReadAll(input)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &objects); err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(objects))
	for i, object := range objects {
		result, err := status.Compute(&unstructured.Unstructured{Object: object})
		if err != nil {
			return nil, fmt.Errorf("object %d: kstatus: %w", i, err)
		}
		verdicts[i] = verdict{Status: result.Status, Because: result.Message}
		if err := runHealth(string(script), object, &verdicts[i]); err != nil {
			return nil, fmt.Errorf("object %d: %s: %w", i, scriptPath, err)
		}
	}
	return verdicts, nil
}

// runHealth runs the script as util/lua of Argo CD does where argocd-cm has it: in the same interpreter, which has no more than its base and
// its tables, with the object in obj, for a table of status and message.
func runHealth(script string, object map[string]any, into *verdict) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return err
		}
	}
	state.SetGlobal("obj", valueOf(state, object))
	if err := state.DoString(script); err != nil {
		return err
	}
	answer, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return fmt.Errorf("it returns %s where Argo CD expects a table", state.Get(-1).Type())
	}
	text, err := luajson.Encode(answer)
	if err != nil {
		return err
	}
	said := struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}{}
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	into.Health, into.Message = said.Status, said.Message
	return nil
}

func valueOf(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(valueOf(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetH(lua.LString(key), valueOf(state, item))
		}
		return table
	}
	return lua.LNil
}
