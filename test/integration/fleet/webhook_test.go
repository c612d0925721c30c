package fleet_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// webhook is which writes an API server asks about.
type webhook struct {
	// operations are CREATE and such, separated by commas, as types are.
	name, group, types, operations string
	// mayBeGone: what the webhook does not answer in time is admitted.
	mayBeGone bool
}

// webhook has an API server ask denied about writes, dry runs too, until the test ends or
// gone is called: those are refused of which it says why.
func (p *plugin) webhook(t *testing.T, cluster string, w webhook, denied func(context.Context, *admissionv1.AdmissionRequest) (why string)) (gone func()) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		review := admissionv1.AdmissionReview{}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil || review.Request.DryRun == nil {
			http.Error(answer, "no review", http.StatusBadRequest)
			return
		}
		why := denied(r.Context(), review.Request)
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: why == ""}
		if why != "" {
			review.Response.Result = &metav1.Status{Message: why}
		}
		review.Request = nil
		_ = json.NewEncoder(answer).Encode(review)
	}))
	t.Cleanup(server.Close)
	policy := "Fail"
	if w.mayBeGone {
		policy = "Ignore"
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	file := filepath.Join(t.TempDir(), "webhook.yaml")
	err := os.WriteFile(file, fmt.Appendf(nil, `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s}
webhooks:
- name: %[1]s.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: %[2]s
  timeoutSeconds: 30
  clientConfig: {url: %[3]q, caBundle: %[4]s}
  rules: [{apiGroups: [%[5]q], apiVersions: ["*"], operations: [%[7]s], resources: [%[6]s]}]
`, w.name, policy, server.URL, base64.StdEncoding.EncodeToString(ca), w.group, w.types, w.operations), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p.kubectl(t, "--context", cluster, "apply", "-f", file).want(t, 0)
	gone = func() {
		p.kubectl(t, "--context", cluster, "delete", "validatingwebhookconfiguration", w.name, "--ignore-not-found").want(t, 0)
	}
	t.Cleanup(gone)
	return gone
}
