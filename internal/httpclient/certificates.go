package httpclient

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// ParseCA returns the system's certificates and those in PEM text.
func ParseCA(text []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil { // a system without any
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("has no certificate in PEM form")
	}
	return pool, nil
}

// ParseCertificate returns the certificate of a client. Certificate and key are
// PEM text; they may be the same.
func ParseCertificate(certificate, key []byte) (tls.Certificate, error) {
	switch kind, locked := privateKey(key); {
	case kind == "":
		return tls.Certificate{}, errors.New("the private key is missing: want PEM text")
	case locked:
		return tls.Certificate{}, errors.New("the private key has a passphrase: write it without")
	}
	return tls.X509KeyPair(certificate, key)
}

// privateKey returns the kind of the first private key in PEM text, "" if there
// is none, and whether a passphrase is needed to read it.
func privateKey(text []byte) (kind string, locked bool) {
	for {
		block, rest := pem.Decode(text)
		switch {
		case block == nil:
			return "", false
		case bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")):
			return block.Type, block.Type == "ENCRYPTED PRIVATE KEY" ||
				block.Headers["DEK-Info"] != ""
		}
		text = rest
	}
}
