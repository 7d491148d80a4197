//go:build tools

// Package stores pins the servers that keep repositories in the tests.
package stores

import (
	_ "github.com/minio/minio"
	_ "github.com/restic/rest-server/cmd/rest-server"
)
