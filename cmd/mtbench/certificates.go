package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"strings"

	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
	"multiturn/pkg/cli"
)

// caFlag is the value of --ca: the file is read as the flag is.
func (f *runFlags) caFlag() cli.Value {
	parse := func(name string) (*x509.CertPool, error) {
		f.caFile = name
		text, err := limits.ReadFile(name, limits.Settings)
		if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
			err = errors.New("cannot be read: " + pathErr.Err.Error())
		}
		if err != nil { // which goes on from the name
			return nil, errors.New(strings.TrimPrefix(err.Error(), name+" "))
		}
		return httpclient.ParseCA(text)
	}
	show := func(*x509.CertPool) string { return f.caFile }
	return cli.Parsed(&f.openai.CA, "FILE", parse, show)
}

// readCertificate reads the client's certificate and its key.
func (f *runFlags) readCertificate(c *cli.Call) error {
	if f.clientCert == "" {
		if f.clientKey != "" {
			return cli.UsageErrorf("--client-key is the key of --client-cert, which is missing")
		}
		return nil
	}
	certificate, err := readWhole(c, f.clientCert)
	if err != nil {
		return err
	}
	name, key := "--client-cert "+f.clientCert, certificate
	if f.clientKey != "" && f.clientKey != f.clientCert {
		name = "--client-key " + f.clientKey
		if key, err = readWhole(c, f.clientKey); err != nil {
			return err
		}
	}
	pair, err := httpclient.ParseCertificate(certificate, key)
	if err != nil {
		return cli.UsageErrorf("%s: %w", name, err)
	}
	f.openai.Certificates = []tls.Certificate{pair}
	return nil
}

func readWhole(c *cli.Call, name string) ([]byte, error) {
	r, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := limits.ReadAll(r, limits.Settings, name)
	return text, cli.Exit(cli.Usage, err)
}
