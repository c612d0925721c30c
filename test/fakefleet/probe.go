package fakefleet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/version"
)

func (s *Server) writeVersion(w http.ResponseWriter) {
	parts := strings.Split(strings.TrimPrefix(s.version, "v"), ".")
	info := version.Info{Major: parts[0], GitVersion: s.version, Platform: "linux/amd64"}
	if len(parts) > 1 {
		info.Minor = parts[1]
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(info)
}

// writeReadyz answers as k8s.io/apiserver/pkg/server/healthz does when it is
// asked to be verbose.
func writeReadyz(w http.ResponseWriter, failing []string) {
	checks := []string{"ping", "log", "etcd", "informer-sync", "poststarthook/start-apiextensions-controllers", "shutdown"}
	for _, check := range failing {
		if !slices.Contains(checks, check) {
			checks = append(checks, check)
		}
	}
	var text strings.Builder
	for _, check := range checks {
		if slices.Contains(failing, check) {
			fmt.Fprintf(&text, "[-]%s failed: reason withheld\n", check)
		} else {
			fmt.Fprintf(&text, "[+]%s ok\n", check)
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if len(failing) > 0 {
		w.WriteHeader(http.StatusInternalServerError)
		text.WriteString("readyz check failed\n")
	} else {
		text.WriteString("readyz check passed\n")
	}
	_, _ = w.Write([]byte(text.String()))
}
