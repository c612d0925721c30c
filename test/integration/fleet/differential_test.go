package fleet_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

//go:embed testdata/differential.yaml
var differentialObjects string

// differentialNamespace is the one of differentialObjects.
const differentialNamespace = "differential"

// unlike are the types that are not compared, and why.
func unlike() map[string]string {
	return map[string]string{
		"componentstatuses":    "each answer probes anew",
		"nodes.metrics.k8s.io": "each answer measures anew",
		"pods.metrics.k8s.io":  "each answer measures anew",
	}
}

// One cluster selected and its column left out, get prints what kubectl get
// prints: for every type that the server has, of each version of Kubernetes in
// the fleet, and for every flag of output.
func TestGetIsKubectls(t *testing.T) {
	p := newPlugin(t)
	versions := map[string]bool{}
	for _, cluster := range p.fleet.Clusters() {
		version, err := p.client(t, cluster).Discovery().ServerVersion()
		if err != nil {
			t.Fatal(err)
		}
		if versions[version.GitVersion] {
			continue
		}
		first := len(versions) == 0
		versions[version.GitVersion] = true
		t.Run(version.GitVersion, func(t *testing.T) {
			d := &differential{plugin: p, cluster: cluster}
			d.seed(t)
			t.Run("types", d.everyType)
			if first {
				t.Run("flags", d.everyFlag)
				t.Run("forms", d.everyForm)
			}
		})
	}
}

// differential compares the plugin with kubectl on one cluster.
type differential struct {
	*plugin
	cluster string
}

// seed makes the objects, those of types that this version has.
func (d *differential) seed(t *testing.T) {
	t.Helper()
	d.namespace(t, differentialNamespace, 0)
	manifest := func(verb string, args ...string) result {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, d.fleet.Binary(t, "kubectl"), append([]string{"--context", d.cluster, verb, "-f", "-"}, args...)...)
		var stdout, stderr bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Stdin = d.env, &stdout, &stderr, strings.NewReader(differentialObjects)
		_ = cmd.Run()
		return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
	t.Cleanup(func() { manifest("delete", "--ignore-not-found", "--wait=false") })
	eventually(t, "objects", func() error { // a custom type takes a moment to be there
		for line := range strings.Lines(manifest("apply", "--server-side").stderr) {
			if !strings.Contains(line, "no matches for kind \"MutatingAdmissionPolicy") && !strings.Contains(line, "ensure CRDs are installed first") {
				return errors.New(line)
			}
			if strings.Contains(line, "Widget") {
				return errors.New(line)
			}
		}
		return nil
	})
	d.signingRequest(t)
	for _, pod := range []string{"solo", "db-0", "db-1"} {
		d.running(t, d.cluster, differentialNamespace, pod)
	}
}

// signingRequest needs a key, which does not belong into a file.
func (d *differential) signingRequest(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "differential"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	requests := d.client(t, d.cluster).CertificatesV1().CertificateSigningRequests()
	_, err = requests.Create(t.Context(), &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "differential"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
			SignerName: "example.invalid/none", Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth},
		},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = requests.Delete(context.WithoutCancel(t.Context()), "differential", metav1.DeleteOptions{})
	})
}

// types lists what can be listed, as kubectl names it.
func (d *differential) types(t *testing.T) []string {
	t.Helper()
	return strings.Fields(d.kubectl(t, "--context", d.cluster, "api-resources", "--verbs=list", "-o", "name").want(t, 0).stdout)
}

func (d *differential) everyType(t *testing.T) {
	types := d.types(t)
	if len(types) < 50 {
		t.Fatalf("only %d types: %v", len(types), types)
	}
	for _, kind := range types {
		if unlike()[kind] != "" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			rows := d.kubectl(t, "--context", d.cluster, "get", kind, "-A", "--no-headers").want(t, 0)
			if rows.stdout == "" {
				t.Errorf("there is no object of it: add one to testdata/differential.yaml")
			}
			d.same(t, kind, "-A")
			if kind != "ipaddresses.networking.k8s.io" { // the server's rows have a cell more than columns: kubectl shows that as labels
				d.same(t, kind, "-A", "-o", "wide", "--show-labels")
			}
			d.same(t, kind, "-A", "-o", "json")
		})
	}
}

// everyFlag crosses the flags with types whose tables are of different makes:
// printed by the server, by a custom resource's columns, with and without a
// namespace, with dates, with hidden columns.
func (d *differential) everyFlag(t *testing.T) {
	for kind, name := range map[string]string{
		"pods": "solo", "deployments": "web", "services": "web", "events": "noise", "configmaps": "settings", "secrets": "token",
		"jobs": "once", "widgets": "gear", "persistentvolumes": "differential", "horizontalpodautoscalers": "web", "nodes": d.cluster + "-node-1",
		"persistentvolumeclaims": "data",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, flags := range [][]string{
				{}, {"-o", "wide"}, {"--show-labels"}, {"--show-kind"}, {"--no-headers"}, {"-L", "app"}, {"-L", "app,kubernetes.io/hostname", "--show-labels", "-o", "wide"},
				{"-l", "app=web"}, {"-l", "app notin (web)"}, {"--field-selector", "metadata.name=" + name}, {"--sort-by", ".metadata.name"},
				{"--sort-by", "{.metadata.uid}"}, {"--chunk-size", "1"}, {"-A", "--show-kind", "-L", "app"}, {"-o", "name"}, {"-o", "name", "--show-kind"}, {"-o", "yaml"},
				{"-o", "json", "-l", "app=web"}, {"-o", "json", "--show-managed-fields"}, {"-o", "json", "--sort-by", ".metadata.uid"},
				{"-o", `jsonpath={range .items[*]}{.metadata.name}{"\t"}{.metadata.labels}{"\n"}{end}`},
				{"-o", "custom-columns=NAME:.metadata.name,APP:.metadata.labels.app,NONE:.nothing"}, {"-o", "custom-columns=NAME:.metadata.name", "--no-headers"},
			} {
				d.same(t, append([]string{kind, "-n", differentialNamespace}, flags...)...)
			}
		})
	}
}

// everyForm is the ways to say what is wanted.
func (d *differential) everyForm(t *testing.T) {
	in := []string{"-n", differentialNamespace}
	for _, args := range [][]string{
		{"pod/solo"}, {"pod", "solo"}, {"pod", "solo", "homeless"}, {"pod/solo", "svc/web"}, {"po,svc,deploy"}, {"deploy,cm", "-o", "wide"},
		{"deploy,cm", "--no-headers"}, {"deploy,cm", "--show-labels"}, {"po,svc", "-o", "name"}, {"po,svc", "-o", "json"}, {"deploy.apps"}, {"deployments.v1.apps", "web"}, {"Deployment"}, {"wd"},
		{"widget.differential.example", "gear"}, {"all"}, {"all", "-l", "app=web"}, {"all", "-o", "name"}, {"all", "-o", "json"}, {"all", "-l", "app=nobody"}, {"cm,all"}, {"cm,all", "-o", "name"}, {"deploy/web", "--subresource=scale"}, {"deploy/web", "--subresource=status"},
		{"deploy/web", "--subresource=scale", "-o", "json"}, {"pod", "nobody"}, {"pod", "solo", "nobody"}, {"pod/nobody", "--ignore-not-found"}, {"pod", "solo", "nobody", "--ignore-not-found"},
		{"cm", "-l", "app=nobody"}, {"cm", "-l", "app=nobody", "-o", "json"}, {"cm", "-l", "app=nobody", "-o", "name"}, {"nonsense"}, {"pods", "--field-selector", "spec.nonsense=1"},
		{"pods", "--sort-by", ".spec.nodeName"}, {"svc", "web", "-o", "wide", "--show-kind"}, {"ns", "differential", "--show-labels"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			d.same(t, slices.Concat(args, in)...)
		})
	}
}

// same fails the test unless both print the same. What they print of ages and of
// leases goes on by itself, so ours must be that of kubectl just before or just
// after; or, where all rows are young, the same but for ages.
func (d *differential) same(t *testing.T, args ...string) {
	t.Helper()
	kubectl := func() result { return d.kubectl(t, slices.Concat([]string{"--context", d.cluster, "get"}, args)...) }
	var difference string
	const exactly = 3
	for try := range 10 {
		loose := try >= exactly
		before := kubectl()
		ours := d.run(t, slices.Concat([]string{"get", "--context", d.cluster, "--no-cluster-column"}, args)...)
		if difference = d.difference(ours, before, args, loose); difference == "" {
			return
		}
		if difference = d.difference(ours, kubectl(), args, loose); difference == "" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("get %s: %s", strings.Join(args, " "), difference)
}

// difference says where ours is not what kubectl prints, as the contract would
// have it: the exit code, and what is on stdout.
func (d *differential) difference(ours, theirs result, args []string, loose bool) string {
	if ours.code != theirs.code {
		return fmt.Sprintf("exit code %d, kubectl's is %d\n%s\n%s", ours.code, theirs.code, ours.stderr, theirs.stderr)
	}
	format := ""
	if at := slices.Index(args, "-o"); at >= 0 {
		format = args[at+1]
	}
	got, want := any(ours.stdout), any(theirs.stdout)
	switch format {
	case "name":
		got = strings.ReplaceAll("\n"+ours.stdout, "\n"+d.cluster+"/", "\n")[1:]
	case "json", "yaml":
		var err, other error
		got, err = d.withoutFleet(ours.stdout)
		want, other = asList(theirs.stdout)
		if err := errors.Join(err, other); err != nil {
			return err.Error()
		}
	}
	if loose && format != "json" && format != "yaml" && sameButAges(got.(string), want.(string)) {
		return ""
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("\n%s\nkubectl says:\n%s", ours.stdout, theirs.stdout)
	}
	return ""
}

// withoutFleet takes away what is ours alone: the annotation of each object, and
// the list of failures, which must be there and empty.
func (d *differential) withoutFleet(text string) (any, error) {
	list := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	failures, is := list["failures"].([]any)
	if !is || len(failures) > 0 {
		return nil, fmt.Errorf("failures: %v", list["failures"])
	}
	items, _ := list["items"].([]any)
	for _, item := range items {
		metadata, _ := item.(map[string]any)["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		if annotations[v1alpha1.ClusterAnnotation] != d.cluster {
			return nil, fmt.Errorf("an object of %v, want %s", annotations[v1alpha1.ClusterAnnotation], d.cluster)
		}
		delete(annotations, v1alpha1.ClusterAnnotation)
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
	}
	return items, nil
}

// asList are the objects that kubectl prints: a list, or one alone.
func asList(text string) (any, error) {
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		return nil, err
	}
	if object["kind"] != "List" {
		return []any{object}, nil
	}
	return object["items"], nil
}

// sameButAges compares word by word, and takes ages for equal that are seconds
// apart.
func sameButAges(a, b string) bool {
	return slices.EqualFunc(strings.Split(a, "\n"), strings.Split(b, "\n"), func(a, b string) bool {
		return slices.EqualFunc(strings.Fields(a), strings.Fields(b), func(a, b string) bool {
			one, err := time.ParseDuration(a)
			other, otherErr := time.ParseDuration(b)
			return a == b || (err == nil && otherErr == nil && (one-other).Abs() <= time.Minute)
		})
	})
}
