// Package sql runs statements on the component's own database. It is there if the world
// imports wares:platform/sql, for which the component needs the grant sql.
package sql

import (
	"fmt"

	"wares/imports/wares_platform_sql"
	"wares/rows"
)

// Query runs one statement that reads. Parameters are nil, bool, int, int64, float64, string
// or []byte.
func Query(statement string, parameters ...any) ([]rows.Row, error) {
	found := wares_platform_sql.Query(statement, values(parameters))
	if found.IsErr() {
		return nil, Failure{found.Err()}
	}
	packed := found.Ok()
	return rows.Unpack(packed.Columns, packed.Count, packed.Data)
}

// Execute runs one statement that writes, in a transaction of its own, and returns the number
// of rows that it changed. Several that belong together are a Transaction of the package
// wares/imports/wares_platform_sql.
func Execute(statement string, parameters ...any) (uint64, error) {
	done := wares_platform_sql.Execute(statement, values(parameters))
	if done.IsErr() {
		return 0, Failure{done.Err()}
	}
	return done.Ok(), nil
}

// Failure is why a statement was not carried out. It changed nothing.
type Failure struct{ Cause wares_platform_sql.Error }

func (failure Failure) Error() string {
	cause := failure.Cause
	switch cause.Tag() {
	case wares_platform_sql.Error_Constraint:
		return fmt.Sprintf("a rule of the schema refuses it: %v", cause.Constraint().Columns)
	case wares_platform_sql.Error_Busy:
		return "another writer holds the database"
	case wares_platform_sql.Error_Timeout:
		return "it ran longer than its time"
	case wares_platform_sql.Error_LimitExceeded:
		return cause.LimitExceeded()
	case wares_platform_sql.Error_Invalid:
		return cause.Invalid()
	}
	return cause.Unavailable()
}

func values(parameters []any) []wares_platform_sql.Value {
	values := make([]wares_platform_sql.Value, len(parameters))
	for index, parameter := range parameters {
		values[index] = value(parameter)
	}
	return values
}

func value(parameter any) wares_platform_sql.Value {
	switch parameter := parameter.(type) {
	case nil:
		return wares_platform_sql.MakeValueNull()
	case bool:
		if parameter {
			return wares_platform_sql.MakeValueInteger(1)
		}
		return wares_platform_sql.MakeValueInteger(0)
	case int:
		return wares_platform_sql.MakeValueInteger(int64(parameter))
	case int64:
		return wares_platform_sql.MakeValueInteger(parameter)
	case float64:
		return wares_platform_sql.MakeValueReal(parameter)
	case string:
		return wares_platform_sql.MakeValueText(parameter)
	case []byte:
		return wares_platform_sql.MakeValueBlob(parameter)
	}
	panic(fmt.Sprintf("a parameter of a statement cannot be a %T", parameter))
}
