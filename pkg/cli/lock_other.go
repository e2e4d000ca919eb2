//go:build !unix || aix || solaris

package cli

import (
	"errors"
	"os"
)

// lock does nothing: parts that were left cannot be recognised.
func lock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
