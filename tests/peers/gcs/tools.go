//go:build tools

// Package gcs pins the server for Google's Cloud Storage in the tests, apart from the other stores, whose modules it would move.
package gcs

import (
	_ "github.com/fsouza/fake-gcs-server"
)
