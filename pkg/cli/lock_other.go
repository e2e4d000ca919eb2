//go:build !unix || aix || solaris

package cli

import (
	"errors"
	"os"
)

// lock does nothing: parts that were left are not told from others.
func lock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
