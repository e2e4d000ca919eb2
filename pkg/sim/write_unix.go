//go:build unix

package sim

import "golang.org/x/sys/unix"

const directWrites = true

// writeNow writes what fits into a non-blocking socket. It returns 0 and no
// error if the socket is full.
func writeNow(fd uintptr, b []byte) (int, error) {
	for {
		n, err := unix.Write(int(fd), b)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		}
		return 0, err
	}
}
