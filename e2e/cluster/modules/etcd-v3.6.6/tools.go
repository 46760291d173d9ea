//go:build tools

// Package tools names the program that scripts/build-tools builds from this module. `go install` cannot
// build it: its go.mod has replace directives, which only count in the main module.
package tools

import _ "go.etcd.io/etcd/server/v3"
