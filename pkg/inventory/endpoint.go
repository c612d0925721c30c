package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
)

// Endpoint is where an API server is and how it proves who it is.
type Endpoint struct {
	Server        string
	ProxyURL      string
	TLSServerName string
	Insecure      bool
	// CA are the certificates that verify the server, in PEM.
	CA []byte
}

// Identity is equal for two endpoints at which the same server answers.
func (e Endpoint) Identity() string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q %t ", NormalServer(e.Server), e.ProxyURL, e.TLSServerName, e.Insecure)
	hash.Write(certificates(e.CA))
	return hex.EncodeToString(hash.Sum(nil))
}

// certificates are the bytes of the certificates alone: hubs and people break
// the lines of PEM, and end it, differently.
func certificates(text []byte) []byte {
	var der []byte
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		der = append(der, block.Bytes...)
	}
	if der == nil {
		return bytes.TrimSpace(text)
	}
	return der
}

// NormalServer makes equal spellings of an API server's address equal.
func NormalServer(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return server
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme+"://"+u.Hostname()) + ":" + port + strings.TrimRight(u.Path, "/")
}
