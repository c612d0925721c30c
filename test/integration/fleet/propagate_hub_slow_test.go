package fleet_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

// Karmada takes its time. A label or annotation that a template has no longer is waited
// for as all else is: in the Works, and in the clusters themselves. And no template is
// changed before the Works of the later waves are seen to be suspended.
func (l *karmadaLab) testHubWaits(t *testing.T) {
	s := newHubShop(t, l, "viaslow")
	const object = "metadata: {name: web, namespace: NAME"
	const labelled = "metadata: {name: web, namespace: viaslow, labels: {tier: front}"
	s.write(t, object+"}\ndata", labelled+", annotations: {example.com/of: us}}\ndata", object+"}\nspec", labelled+"}\nspec")
	s.byHub(t).want(t, 0)
	s.write(t)
	waits := func(what string) {
		t.Helper()
		got := s.byHub(t, "--timeout", "4s").want(t, 6)
		got.says(t, "ConfigMap viaslow/web: "+what, "Deployment viaslow/web: "+what)
	}
	const in = "karmada-es-c2"
	holdWorks := func() (release func()) {
		return s.hold(t, s.hub, "work.karmada.io", "works", "annotate", "work", s.works(t, in)[0], "-n", in)
	}
	works := holdWorks()
	waits("its Work does not have the change yet")
	objects := s.hold(t, "c2", "*", "configmaps,deployments", "annotate", "cm/web", "-n", s.name)
	works()
	waits("the cluster does not have the change yet")
	objects()
	s.byHub(t).want(t, 0)
	for _, cluster := range []string{"c1", "c2"} {
		for _, what := range []string{"cm/web", "deploy/web"} {
			got := s.kubectl(t, "--context", cluster, "get", what, "-n", s.name, "-o", "jsonpath={.metadata.labels.tier}{.metadata.annotations.example\\.com/of}").want(t, 0)
			if got.stdout != "" {
				t.Errorf("%s of %s still has %s", what, cluster, got.stdout)
			}
		}
	}

	works = holdWorks()
	s.write(t, "web:1", "web:2")
	w := s.follow(t, "propagate", "-f", s.file, "--name", s.name, "-C", "c1,c2", "--via", "karmada="+s.hub, "--waves", "1,100%", "--yes")
	eventually(t, "c2 is to be suspended", func() error {
		if got := s.onHub(t, "get", "propagationpolicy", s.name, "-n", s.name, "-o", "jsonpath={.spec.suspension}").want(t, 0); !strings.Contains(got.stdout, "c2") {
			return errors.New("it is not")
		}
		return nil
	})
	time.Sleep(time.Second) // what does not happen has no end to wait for
	if image := s.image(t, s.hub); image != "web:1" {
		t.Errorf("the template has %s, and the Work in c2 is not suspended yet", image)
	}
	works()
	w.ends(t, 0)
	s.withdraw(t)
}

// hold keeps all updates of some types waiting that are about the set, in a cluster or
// on the hub, until release is called. probe is an update of such an object, for
// kubectl.
func (s *hubShop) hold(t *testing.T, cluster, group, types string, probe ...string) (release func()) {
	t.Helper()
	released := make(chan struct{})
	var heard atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		review := admissionv1.AdmissionReview{}
		if err := json.Unmarshal(body, &review); err != nil || review.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		if dry := review.Request.DryRun; dry != nil && *dry {
			heard.Store(true)
		} else if bytes.Contains(body, []byte(s.name)) {
			select {
			case <-released:
			case <-r.Context().Done():
			}
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		review.Request = nil
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	name := "hold-" + s.name
	file := filepath.Join(t.TempDir(), "webhook.yaml")
	err := os.WriteFile(file, fmt.Appendf(nil, `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %s}
webhooks:
- name: hold.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  timeoutSeconds: 30
  clientConfig: {url: %q, caBundle: %s}
  rules: [{apiGroups: [%q], apiVersions: ["*"], operations: [UPDATE], resources: [%s]}]
`, name, server.URL, base64.StdEncoding.EncodeToString(ca), group, types), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s.kubectl(t, "--context", cluster, "apply", "-f", file).want(t, 0)
	t.Cleanup(func() {
		s.kubectl(t, "--context", cluster, "delete", "validatingwebhookconfiguration", name, "--ignore-not-found").want(t, 0)
	})
	eventually(t, "updates are held", func() error { // the API server learns of it by a watch
		s.kubectl(t, append([]string{"--context", cluster}, append(probe, "held=yes", "--dry-run=server")...)...).want(t, 0)
		if !heard.Load() {
			return errors.New("the webhook was not asked")
		}
		return nil
	})
	return release
}
