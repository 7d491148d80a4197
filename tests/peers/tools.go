//go:build tools

// Package peers pins the stock tools that the tests hold varve against.
package peers

import (
	_ "github.com/mongodb/mongo-tools/bsondump/main"
	_ "github.com/mongodb/mongo-tools/mongodump/main"
	_ "github.com/mongodb/mongo-tools/mongorestore/main"
	_ "github.com/restic/restic/cmd/restic"
)
