// Package migrations is the schema of the component's own database. It is there if the world
// exports wares:module/migrations.
package migrations

import "wares/imports/wares_module_migrations"

// Migration is one forward-only change of the schema.
type Migration = wares_module_migrations.Migration

var (
	schema   []Migration
	required uint32
)

// Schema sets every migration since the first version, oldest first, in the dialect of SQLite,
// and how many of them an older version has to know to run on a database that all have run on.
// Call it in an init function of the main package.
func Schema(countRequired uint32, migrations ...Migration) {
	required, schema = countRequired, migrations
}

// Every returns the migrations.
func Every() []Migration { return schema }

// CountRequired returns their number that an older version has to know.
func CountRequired() uint32 { return required }
