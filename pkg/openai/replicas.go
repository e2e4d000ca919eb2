package openai

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"multiturn/internal/field"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// ReplicaOptions describe the replicas of a server: servers that have all but
// their address in common.
type ReplicaOptions struct {
	// URL has the base address of each, as in Options. A router with servers behind
	// it is one.
	URL []string
	// Options are common to all. Their own URL is not used.
	Options
}

// Of returns the options of a replica, from 0.
func (o *ReplicaOptions) Of(replica int) Options {
	one := o.Options
	one.URL = o.URL[replica]
	return one
}

// Endpoint returns the API in use, which all replicas have in common.
func (o *ReplicaOptions) Endpoint() API {
	one := o.Of(0)
	return one.Endpoint()
}

// Validate returns everything that is wrong with the options, each error with the
// name of its field.
func (o *ReplicaOptions) Validate() error {
	if len(o.URL) == 0 {
		one := o.Options
		one.URL = ""
		return one.Validate()
	}
	for i := range o.URL {
		one := o.Of(i)
		if err := one.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// Replicas are clients of the replicas of a server, each with connections of its
// own. Their methods ask all of them at the same time. An error of one of several
// names its address.
type Replicas []*Client

// NewReplicas returns a client for each replica. It does not connect.
func NewReplicas(o ReplicaOptions) (Replicas, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	var all Replicas
	for i := range o.URL {
		c, err := New(o.Of(i))
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, c)
	}
	if err := all.check(); err != nil {
		return nil, errors.Join(err, all.Close())
	}
	return all, nil
}

// check returns an error if two replicas are one, or have different endpoints.
func (r Replicas) check() error {
	for i, c := range r {
		same := func(o *Client) bool { return o.questions.target.String() == c.questions.target.String() }
		alike := func(o *Client) bool { return o.address.String() == c.address.String() }
		switch {
		case slices.ContainsFunc(r[:i], same):
			return &field.Error{Field: "URL", Problem: c.address.Base() +
				" is given twice; give each replica once"}
		case slices.ContainsFunc(r[:i], alike):
			return &field.Error{Field: "URL", Problem: c.address.String() + " is given twice with " +
				"other secrets: records, which have none, cannot tell such replicas apart"}
		case c.endpoint.api != r[0].endpoint.api:
			return &field.Error{Field: "URL", Problem: fmt.Sprintf("%s is asked at %s, and %s at %s: "+
				"replicas have the same endpoint", r[0].address.Base(), r[0].endpoint.api.path,
				c.address.Base(), c.endpoint.api.path)}
		}
	}
	return nil
}

// Identify asks each replica what it is; see Client.Identify.
func (r Replicas) Identify(ctx context.Context) ([]server.Identity, error) {
	ids := make([]server.Identity, len(r))
	err := r.each(func(i int, c *Client) (err error) {
		ids[i], err = c.Identify(ctx)
		return err
	})
	return ids, err
}

// ResetCache empties the prefix caches of all replicas, and returns the request
// that did it on each; see Client.ResetCache.
func (r Replicas) ResetCache(ctx context.Context) ([]server.Reset, error) {
	resets := make([]server.Reset, len(r))
	err := r.each(func(i int, c *Client) (err error) {
		resets[i], err = c.ResetCache(ctx)
		return r.named(c, err)
	})
	return resets, err
}

// Preconnect opens connections until n to each replica are idle.
func (r Replicas) Preconnect(ctx context.Context, n int) error {
	return r.each(func(_ int, c *Client) error { return c.Preconnect(ctx, n) })
}

// each calls f for all replicas at the same time. The error is that of the first
// replica that has one.
func (r Replicas) each(f func(i int, c *Client) error) error {
	errs := make([]error, len(r))
	var g errgroup.Group
	for i, c := range r {
		g.Go(func() error {
			errs[i] = f(i, c)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// named returns the error with the replica's address, if there are several.
func (r Replicas) named(c *Client, err error) error {
	if err == nil || len(r) == 1 {
		return err
	}
	return fmt.Errorf("%s: %w", c.address.Base(), err)
}

// Clocks returns the worst of the sources of the replicas' times of arrival.
func (r Replicas) Clocks() record.ClockSource {
	var worst record.ClockSource
	for _, c := range r {
		if clocks := c.Clocks(); clocks.WorseThan(worst) {
			worst = clocks
		}
	}
	return worst
}

// Close closes all idle connections. No request may be in flight.
func (r Replicas) Close() error {
	var errs []error
	for _, c := range r {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
