// Package export_wares_module_migrations answers the host's calls of wares:module/migrations.
package export_wares_module_migrations

import (
	"wares/imports/wares_module_migrations"
	"wares/migrations"
)

func Every(dialect string) []wares_module_migrations.Migration {
	if dialect != "sqlite" {
		return nil
	}
	return migrations.Every()
}

func CountRequired() uint32 { return migrations.CountRequired() }
