//go:build !linux

package sockclock

import (
	"errors"
	"net"
)

// stamper has no stamps on this system.
type stamper struct{ one bool }

func (*stamper) enable(net.Conn) bool { return false }

func (*stamper) read([]byte) (int, int64, error) { return 0, 0, errors.ErrUnsupported }

func (*stamper) write([]byte) (int, int64) { return 0, 0 }
