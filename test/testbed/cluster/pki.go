package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime of every certificate. A bed lives for hours; a year outlasts a forgotten one without outliving its use.
const lifetime = 365 * 24 * time.Hour

// authority signs certificates and keeps them, with their keys, as NAME.crt and NAME.key in one folder.
type authority struct {
	dir  string
	name string
	cert *x509.Certificate
	key  crypto.Signer
}

// identity is who a certificate speaks for: a user and groups as a client, names and addresses as a server.
type identity struct {
	user   string
	groups []string
	// server adds loopback and these DNS names, so that the certificate also serves.
	server   bool
	dnsNames []string
}

func newAuthority(dir, name string) (*authority, error) {
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "testbed-" + name},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true,
	}
	a := &authority{dir: dir, name: name}
	var err error
	a.cert, a.key, err = a.sign(name, template)
	return a, err
}

// loadAuthority reads back what newAuthority wrote, for an add-on that comes later.
func loadAuthority(dir, name string) (*authority, error) {
	a := &authority{dir: dir, name: name}
	certDER, err := readPEM(a.certFile())
	if err != nil {
		return nil, err
	}
	keyDER, err := readPEM(a.keyFile())
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(certDER); err != nil {
		return nil, fmt.Errorf("read %s: %w", a.certFile(), err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", a.keyFile(), err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read %s: a %T cannot sign", a.keyFile(), key)
	}
	a.key = signer
	return a, nil
}

func (a *authority) certFile() string { return filepath.Join(a.dir, a.name+".crt") }
func (a *authority) keyFile() string  { return filepath.Join(a.dir, a.name+".key") }

// issue writes a certificate for id and its key.
func (a *authority) issue(name string, id identity) error {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: id.user, Organization: id.groups},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if id.server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.DNSNames = append([]string{"localhost"}, id.dnsNames...)
		// 10.96.0.1 is the kubernetes Service, which nothing routes here but clients inside pods would name.
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4(10, 96, 0, 1)}
	}
	_, _, err := a.sign(name, template)
	return err
}

// sign makes a key and a certificate of it, signed by the authority, or by itself when the authority has no certificate yet.
func (a *authority) sign(name string, template *x509.Certificate) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	// A minute back, for clocks that tick apart.
	template.NotBefore = time.Now().Add(-time.Minute)
	template.NotAfter = template.NotBefore.Add(lifetime)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate %s: %w", name, err)
	}
	if err := writePEM(filepath.Join(a.dir, name+".crt"), "CERTIFICATE", der); err != nil {
		return nil, nil, err
	}
	if err := writeKey(filepath.Join(a.dir, name+".key"), key); err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// writeSigningKey makes the pair with which service account tokens are signed (NAME.key) and checked (NAME.pub).
func writeSigningKey(dir, name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(dir, name+".key"), key); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, name+".pub"), "PUBLIC KEY", der)
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(file, "PRIVATE KEY", der)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func readPEM(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("read %s: no PEM block", file)
	}
	return block.Bytes, nil
}
