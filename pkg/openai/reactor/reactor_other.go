//go:build !linux

package reactor

import (
	"context"
	"errors"

	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// Reactor works on Linux only.
type Reactor struct{}

// New returns errors.ErrUnsupported.
func New(*sockclock.Clock, string, Dial) (*Reactor, error) { return nil, errors.ErrUnsupported }

// CapturePackets returns errors.ErrUnsupported.
func (*Reactor) CapturePackets() error { return errors.ErrUnsupported }

// Do returns errors.ErrUnsupported.
func (*Reactor) Do(context.Context, *Request, Handler) (Trace, error) {
	return Trace{}, errors.ErrUnsupported
}

// Preconnect does nothing.
func (*Reactor) Preconnect(context.Context, int) error { return errors.ErrUnsupported }

// Source returns record.ClockUser.
func (*Reactor) Source() record.ClockSource { return record.ClockUser }

// Stats returns zeros.
func (*Reactor) Stats() Stats { return Stats{} }

// Close does nothing.
func (*Reactor) Close() error { return nil }
