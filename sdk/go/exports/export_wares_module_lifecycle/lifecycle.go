// Package export_wares_module_lifecycle answers the host's calls of wares:module/lifecycle.
package export_wares_module_lifecycle

import (
	types "go.bytecodealliance.org/pkg/wit/types"
	"wares"
	"wares/imports/wares_module_lifecycle"
)

func Describe() wares_module_lifecycle.Description {
	described := wares.Described()
	return wares_module_lifecycle.Description{
		Name:    described.Name,
		Version: described.Version,
		Summary: described.Summary,
	}
}

func CheckSettings() types.Result[types.Unit, []string] {
	if check := wares.Described().CheckSettings; check != nil {
		if faults := check(wares.Settings()); len(faults) > 0 {
			return types.Err[types.Unit](faults)
		}
	}
	return types.Ok[types.Unit, []string](types.Unit{})
}
