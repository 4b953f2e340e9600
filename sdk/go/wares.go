// Package wares describes a component to its host, reads its settings and writes to its log.
//
// What belongs to one interface is in a package of its own: routes, customer, sql, migrations.
// All are over the bindings in `imports` and `exports`, which `wares go bindings` makes from the
// contracts in `wit`.
package wares

import (
	"fmt"

	types "go.bytecodealliance.org/pkg/wit/types"
	"wares/imports/wasi_config_store"
	"wares/imports/wasi_logging_logging"
)

// Component is what the host asks of every component.
type Component struct {
	// Name is the name of the component's slot, and of its section in wares.toml.
	Name string
	// Version is the component's own, in semver.
	Version string
	// Summary is one sentence for a person.
	Summary string
	// CheckSettings returns what is wrong with the settings: lines that begin with their keys.
	// A component with a fault is not served.
	CheckSettings func(settings []Setting) []string
}

// Setting is one setting of the operator, whose value is text whatever it is in the file.
type Setting struct{ Key, Value string }

var component Component

// Describe names the component. Call it in an init function of the main package.
func Describe(described Component) { component = described }

// Described returns what Describe was called with.
func Described() Component { return component }

// Settings returns all settings of the operator.
func Settings() []Setting {
	found := wasi_config_store.GetAll()
	if found.IsErr() {
		panic("the settings cannot be read")
	}
	var settings []Setting
	for _, setting := range found.Ok() {
		settings = append(settings, Setting{setting.F0, setting.F1})
	}
	return settings
}

// Lookup returns one setting, and whether the operator set it.
func Lookup(key string) (string, bool) {
	found := wasi_config_store.Get(key)
	if found.IsErr() {
		panic("the settings cannot be read")
	}
	value := found.Ok()
	return value.SomeOr(""), value.IsSome()
}

// Debug, Info, Warn and Error add a line to the log of the component. The first argument says
// where in the component it comes from.
func Debug(context, format string, values ...any) {
	log(wasi_logging_logging.Level_Debug, context, format, values)
}

func Info(context, format string, values ...any) {
	log(wasi_logging_logging.Level_Info, context, format, values)
}

func Warn(context, format string, values ...any) {
	log(wasi_logging_logging.Level_Warn, context, format, values)
}

func Error(context, format string, values ...any) {
	log(wasi_logging_logging.Level_Error, context, format, values)
}

func log(level wasi_logging_logging.Level, context, format string, values []any) {
	wasi_logging_logging.Log(level, context, fmt.Sprintf(format, values...))
}

// Map returns an optional value with a function applied to what is there.
func Map[T, U any](value types.Option[T], change func(T) U) types.Option[U] {
	if value.IsNone() {
		return types.None[U]()
	}
	return types.Some(change(value.Some()))
}
