package fleet_test

import (
	"bytes"
	"context"
	"errors"
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
	release = sync.OnceFunc(func() { close(released) })
	s.webhook(t, cluster, webhook{name: "hold-" + s.name, group: group, types: types, operations: "UPDATE", mayBeGone: true}, func(ctx context.Context, r *admissionv1.AdmissionRequest) string {
		if *r.DryRun {
			heard.Store(true)
		} else if bytes.Contains(r.Object.Raw, []byte(s.name)) {
			select {
			case <-released:
			case <-ctx.Done():
			}
		}
		return ""
	})
	t.Cleanup(release)
	eventually(t, "updates are held", func() error { // the API server learns of it by a watch
		s.kubectl(t, append([]string{"--context", cluster}, append(probe, "held=yes", "--dry-run=server")...)...).want(t, 0)
		if !heard.Load() {
			return errors.New("the webhook was not asked")
		}
		return nil
	})
	return release
}
