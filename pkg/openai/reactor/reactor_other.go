//go:build !linux

package reactor

import (
	"context"
	"errors"

	"multiturn/pkg/sockclock"
)

// Reactor is for Linux.
type Reactor struct{}

// New fails with errors.ErrUnsupported.
func New(*sockclock.Clock, string, Dial) (*Reactor, error) { return nil, errors.ErrUnsupported }

// CapturePackets fails with errors.ErrUnsupported.
func (*Reactor) CapturePackets() error { return errors.ErrUnsupported }

// Do does nothing.
func (*Reactor) Do(context.Context, *Request, Handler) (Trace, error) {
	return Trace{}, errors.ErrUnsupported
}

// Preconnect does nothing.
func (*Reactor) Preconnect(context.Context, int) error { return errors.ErrUnsupported }

// Source is that of a connection without stamps.
func (*Reactor) Source() sockclock.Source { return sockclock.User }

// Stats are none.
func (*Reactor) Stats() Stats { return Stats{} }

// Close does nothing.
func (*Reactor) Close() error { return nil }
