package fleet_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// list is what -o json prints.
type list[T any] struct {
	Kind     string             `json:"kind"`
	Items    []T                `json:"items"`
	Failures []v1alpha1.Failure `json:"failures"`
}

func decode[T any](t *testing.T, r result) list[T] {
	t.Helper()
	var l list[T]
	if err := json.Unmarshal([]byte(r.stdout), &l); err != nil {
		t.Fatalf("%v\n%s", err, r.stdout)
	}
	return l
}

func TestRoster(t *testing.T) {
	p := newPlugin(t)
	roster := decode[v1alpha1.Cluster](t, p.run(t, "get", "-o", "json", "--usage").want(t, 0))
	if len(roster.Items) != len(p.fleet.Clusters()) || len(roster.Failures) > 0 {
		t.Fatalf("%d clusters and %v, want %v", len(roster.Items), roster.Failures, p.fleet.Clusters())
	}
	for _, c := range roster.Items {
		client := p.client(t, c.Name)
		version, err := client.Discovery().ServerVersion()
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		system, err := client.CoreV1().Namespaces().Get(t.Context(), metav1.NamespaceSystem, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s := c.Status
		if s.Phase != "Ready" || s.Version != version.GitVersion || s.UID != string(system.UID) || !c.CreationTimestamp.Equal(&system.CreationTimestamp) {
			t.Errorf("%s: %+v", c.Name, s)
		}
		if s.Nodes == nil || s.Nodes.Total != len(nodes.Items) || s.Nodes.Ready != len(nodes.Items) {
			t.Errorf("%s: nodes %+v, want %d", c.Name, s.Nodes, len(nodes.Items))
		}
		if s.Pods == nil || s.LatencyMilliseconds == nil || s.ServingCertificateExpires == nil || s.ClientCertificateExpires == nil || s.Usage == nil || s.Unknown != nil {
			t.Errorf("%s: something was not learned: %+v", c.Name, s)
		}
	}
}

// What one cluster's rows say is what kubectl says of that cluster.
func TestRowsAreKubectls(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "rows", 3)
	for _, args := range [][]string{
		{"nodes"}, {"nodes", "-o", "wide"}, {"namespaces"}, {"configmaps", "-n", "rows"}, {"cm,svc", "-n", "rows"},
		{"services", "-A", "-o", "wide"}, {"clusterroles"}, {"endpointslices", "-A"}, {"configmap/thing-001", "-n", "rows"}, {"cm", "-n", "rows", "-l", "cluster=c1"},
	} {
		difference := ""
		for range 20 { // other tests' namespaces may be on their way out between two commands
			if difference = p.differenceFromKubectl(t, args); difference == "" {
				break
			}
			time.Sleep(time.Second)
		}
		if difference != "" {
			t.Error(difference)
		}
	}
}

// differenceFromKubectl compares our rows with what kubectl prints for each
// cluster, and is empty where they agree.
func (p *plugin) differenceFromKubectl(t *testing.T, args []string) string {
	t.Helper()
	all := p.run(t, append([]string{"get"}, args...)...).want(t, 0)
	ours := map[string][]string{}
	for _, row := range all.rows() {
		if row[0] != "CLUSTER" { // the header of a second table
			ours[row[0]] = append(ours[row[0]], withoutAges(row[1:]))
		}
	}
	for _, cluster := range p.fleet.Clusters() {
		theirs := p.kubectl(t, append([]string{"--context", cluster, "get"}, args...)...).want(t, 0)
		var want []string
		for _, row := range theirs.rows() {
			if row[0] != "NAME" && row[0] != "NAMESPACE" {
				want = append(want, withoutAges(row))
			}
		}
		if !slices.Equal(ours[cluster], want) {
			return fmt.Sprintf("get %s of %s:\n%s\nkubectl says:\n%s", strings.Join(args, " "), cluster, strings.Join(ours[cluster], "\n"), strings.Join(want, "\n"))
		}
	}
	return ""
}

// withoutAges joins the fields of a row but for ages, which go on between two
// commands.
func withoutAges(fields []string) string {
	var kept []string
	for _, f := range fields {
		if strings.Trim(f, "0123456789smhdy") != "" || f == "" || strings.Trim(f, "0123456789") == "" {
			kept = append(kept, f)
		}
	}
	return strings.Join(kept, " ")
}

func TestJSONIsEveryObjectOnceWithItsCluster(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "objects", 7)
	got := decode[metav1.PartialObjectMetadata](t, p.run(t, "get", "cm", "-n", "objects", "-o", "json", "--chunk-size", "2").want(t, 0))
	seen := map[string]int{}
	for _, item := range got.Items {
		cluster := item.Annotations[v1alpha1.ClusterAnnotation]
		if item.Kind != "ConfigMap" || item.APIVersion != "v1" || len(item.ManagedFields) > 0 {
			t.Errorf("%s/%s is a %s of %s", cluster, item.Name, item.Kind, item.APIVersion)
		}
		if item.Labels["cluster"] != cluster && item.Name != "kube-root-ca.crt" {
			t.Errorf("%s of %s is said to be of %s", item.Name, item.Labels["cluster"], cluster)
		}
		seen[cluster+"/"+item.Name]++
	}
	for _, cluster := range p.fleet.Clusters() {
		for i := range 7 {
			if name := fmt.Sprintf("%s/thing-%03d", cluster, i); seen[name] != 1 {
				t.Errorf("%s appears %d times", name, seen[name])
			}
		}
	}
}

// The main promise: one cluster that hangs and one that refuses, beside live
// ones. All live rows are there, both are named with their reasons, exit code 3.
func TestOneHungAndOneRefusing(t *testing.T) {
	p := newPlugin(t)
	names := p.fleet.Clusters()
	if len(names) < 3 {
		t.Fatalf("the fleet has %v; this test needs three clusters", names)
	}
	hung, refusing, live := names[len(names)-1], names[len(names)-2], names[:len(names)-2]
	p.namespace(t, "promise", 5)
	before := p.run(t, "get", "cm", "-n", "promise").want(t, 0).rowsOf()
	p.fleet.Hang(t, hung)
	p.fleet.Kill(t, refusing)

	table := p.run(t, "get", "cm", "-n", "promise", "--cluster-timeout", "3s").want(t, 3)
	want := maps.Clone(before)
	delete(want, hung)
	delete(want, refusing)
	if got := table.rowsOf(); !maps.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	for cluster, reason := range map[string]string{hung: "Timeout", refusing: "Unreachable"} {
		if !strings.Contains(table.stderr, "error: "+cluster+": "+reason+": ") {
			t.Errorf("stderr does not name %s with %s:\n%s", cluster, reason, table.stderr)
		}
	}

	objects := decode[metav1.PartialObjectMetadata](t, p.run(t, "get", "cm", "-n", "promise", "-o", "json", "--cluster-timeout", "3s").want(t, 3))
	perCluster := map[string]int{}
	for _, item := range objects.Items {
		perCluster[item.Annotations[v1alpha1.ClusterAnnotation]]++
	}
	if !maps.Equal(perCluster, want) {
		t.Errorf("objects %v, want %v", perCluster, want)
	}
	reasons := map[string]string{}
	for _, f := range objects.Failures {
		reasons[f.Cluster] = f.Reason
	}
	if !maps.Equal(reasons, map[string]string{hung: "Timeout", refusing: "Unreachable"}) {
		t.Errorf("failures %v", objects.Failures)
	}

	roster := decode[v1alpha1.Cluster](t, p.run(t, "get", "-o", "json", "--cluster-timeout", "3s").want(t, 3))
	for _, c := range roster.Items {
		phase := "Ready"
		if !slices.Contains(live, c.Name) {
			phase = reasons[c.Name]
		}
		if c.Status.Phase != phase {
			t.Errorf("%s is %s, want %s", c.Name, c.Status.Phase, phase)
		}
	}
	if down := p.run(t, "get", "cm", "-C", hung+","+refusing, "--cluster-timeout", "3s").want(t, 1); down.stdout != "" {
		t.Errorf("rows of dead clusters:\n%s", down.stdout)
	}
}

// A user with few rights sees what those allow, and is told what they do not.
func TestFewRights(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "rights", 1)
	for _, cluster := range p.fleet.Clusters() {
		client := p.client(t, cluster)
		role := &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Name: "reader"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}}},
		}
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "reader"},
			Subjects:   []rbacv1.Subject{{Kind: "User", Name: "jane"}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		}
		if _, err := client.RbacV1().Roles("rights").Create(t.Context(), role, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
		if _, err := client.RbacV1().RoleBindings("rights").Create(t.Context(), binding, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	n := len(p.fleet.Clusters())
	if rows := p.run(t, "get", "cm/thing-000", "-n", "rights", "--as", "jane").want(t, 0).rows(); len(rows) != n {
		t.Errorf("%d rows, want %d", len(rows), n)
	}
	secrets := p.run(t, "get", "secrets", "-n", "rights", "--as", "jane").want(t, 1)
	if !strings.Contains(secrets.stderr, "Forbidden") || !strings.Contains(secrets.stderr, `cannot list resource "secrets"`) {
		t.Errorf("stderr:\n%s", secrets.stderr)
	}
	roster := p.run(t, "get", "--as", "jane").want(t, 0)
	for _, row := range roster.rows() {
		// NAME STATUS VERSION NODES PODS LATENCY AGE
		if row[1] != "Ready" || row[3] != "<forbidden>" || row[4] != "<forbidden>" || row[6] != "<forbidden>" {
			t.Errorf("row %v", row)
		}
	}
}

func TestVersionServer(t *testing.T) {
	p := newPlugin(t)
	got := p.run(t, "version", "--server").want(t, 0)
	for _, cluster := range p.fleet.Clusters() {
		if !strings.Contains(got.stdout, cluster) {
			t.Errorf("%s is missing:\n%s", cluster, got.stdout)
		}
	}
}
