package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"multiturn/internal/field"
	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// keyVariable is where OpenAI's own clients look for a key.
const keyVariable = record.KeyEnvironment

// keyValue is a key that can be sent; the error says where another one came from.
func keyValue(p *string) cli.Value {
	parse := func(s string) (string, error) { return s, httpclient.CheckKey(s) }
	return cli.Parsed(p, "TEXT", parse, func(string) string { return httpclient.Masked })
}

// findKey sets the API key and returns its source: the flag, else the file, else
// the environment. A key of the environment is not sent if the user gave another
// way to sign in, or an empty --api-key.
func (f *runFlags) findKey(c *cli.Call) (source string, err error) {
	key := &f.openai.APIKey
	switch {
	case *key != "":
		return record.KeyFlag, nil
	case f.keyFile != "":
		*key, err = readKey(c, f.keyFile)
		return record.KeyFile, err
	case c.IsSet("api-key") || f.signsIn() || c.Getenv(keyVariable) == "":
		return record.KeyNone, nil
	}
	*key = strings.TrimRight(c.Getenv(keyVariable), "\r\n")
	if err := httpclient.CheckKey(*key); err != nil {
		return "", cli.UsageErrorf("environment variable %s %w", keyVariable, err)
	}
	return record.KeyEnvironment, nil
}

// signsIn reports whether a header or an address has what a server may ask for
// in place of a key.
func (f *runFlags) signsIn() bool {
	for name := range f.openai.Header {
		if httpclient.SecretName(name) {
			return true
		}
	}
	return slices.ContainsFunc(f.openai.URL, func(text string) bool {
		a, err := server.ParseAddress(text)
		return err == nil && (a.User() != nil || len(a.Secrets()) > 0)
	})
}

// readKey reads a key from a file. A line break at its end is no part of it.
func readKey(c *cli.Call, name string) (string, error) {
	r, err := c.Open(name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := limits.ReadAll(r, limits.Key, "it")
	if tooLong := (*limits.Exceeded)(nil); errors.As(err, &tooLong) {
		return "", cli.UsageErrorf("--api-key-file %s: %w, too long for a key", name, err)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	key := strings.TrimRight(string(text), "\r\n")
	switch {
	case key == "":
		return "", cli.UsageErrorf("--api-key-file %s: there is no key in it", name)
	}
	if err := httpclient.CheckKey(key); err != nil {
		return "", cli.UsageErrorf("--api-key-file %s: the key %w", name, err)
	}
	if len(key) < len(text) {
		c.Remarkf("%s: the line break at the end is no part of the key", name)
	}
	return key, nil
}

// keyAdvice adds to an error about the key where it came from, or where else one
// may be.
func (f *runFlags) keyAdvice(err error) error {
	about := (*field.Error)(nil)
	if !errors.As(err, &about) || about.Field != "APIKey" {
		return err
	}
	switch f.keySource {
	case record.KeyFile:
		return fmt.Errorf("%w (the key is that of --api-key-file)", err)
	case record.KeyEnvironment:
		return fmt.Errorf("%w (the key is that of the variable %s)", err, keyVariable)
	}
	return fmt.Errorf("%w (--api-key-file FILE and the variable %s hold one, too)",
		err, keyVariable)
}
