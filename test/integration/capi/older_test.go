package capi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
)

// older removes nodes of c1 as if its server served v1beta1 of Cluster API alone, as
// releases before 1.11 do. What it reads is what Cluster API itself converts.
func (e *estate) older(t *testing.T) *remove.ClusterAPI {
	t.Helper()
	const group, newer = "cluster.x-k8s.io", "v1beta2"
	hides := func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/apis/"+group+"/"+newer):
			http.NotFound(w, r)
		case r.URL.Path == "/apis":
			r.Header.Set("Accept", "application/json") // not all types of all groups at once
			r.Header.Del("Accept-Encoding")
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, r)
			var groups metav1.APIGroupList
			if err := json.Unmarshal(answer.Body.Bytes(), &groups); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			for i := range groups.Groups {
				if g := &groups.Groups[i]; g.Name == group {
					g.Versions = slices.DeleteFunc(g.Versions, func(v metav1.GroupVersionForDiscovery) bool { return v.Version == newer })
					g.PreferredVersion = g.Versions[0]
				}
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(groups)
		default:
			server.ServeHTTP(w, r)
		}
	}
	before := meddle.Before(t, e.Fleet.RESTConfig(t, "c1"), hides)
	m := memberAt(t, "c1", &rest.Config{Host: before.Server, TLSClientConfig: rest.TLSClientConfig{CAData: before.CertificateAuthorityData}})
	if r, err := m.Resource(t.Context(), "machines."+group); err != nil || r.Version != "v1beta1" {
		t.Fatalf("Machines are %v, %v", r, err)
	}
	return &remove.ClusterAPI{Member: m, Management: m, Patience: patience}
}
