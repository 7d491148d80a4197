//go:build tools

// Package pbm pins Percona Backup for MongoDB, which only the benchmark wants. It is a module of its own so that the other
// peers keep their pins, and their builds, when this one changes.
package pbm

import (
	_ "github.com/percona/percona-backup-mongodb/cmd/pbm"
	_ "github.com/percona/percona-backup-mongodb/cmd/pbm-agent"
)
