package query_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kubeconfig"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

// fleetOf is a fleet of fake API servers as queries see it.
func fleetOf(t *testing.T, names ...string) (*fakefleet.Fleet, query.Fleet) {
	t.Helper()
	fakes := fakefleet.New()
	t.Cleanup(fakes.Close)
	if err := fakes.Up(names...); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := fakes.Kubeconfig.Write(path); err != nil {
		t.Fatal(err)
	}
	config, err := kubeconfig.Load(&clientcmd.ClientConfigLoadingRules{Precedence: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := kubeconfig.Provider{Config: config}.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(clusters, func(a, b inventory.Cluster) int { return strings.Compare(a.Name, b.Name) })
	return fakes, query.Fleet{Clusters: clusters, Members: member.NewPool(member.Options{}), Fanout: fanout.Options{}}
}

// pods asks for the pods of every cluster; shown are the clusters of the rows,
// one string a call of show.
func pods(t *testing.T, f query.Fleet, patience time.Duration) (shown []string, report query.Report) {
	t.Helper()
	r := query.Request{Items: []query.Item{{Type: "pods"}}, Columns: query.Columns{Cluster: true}, ChunkSize: 1}
	report, err := query.Tables(t.Context(), f, r, patience, func(tables []*metav1.Table) error {
		var clusters []string
		for _, row := range tables[0].Rows {
			clusters = append(clusters, fmt.Sprint(row.Cells[0]))
		}
		shown = append(shown, strings.Join(clusters, " "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return shown, report
}

func slow(t *testing.T, fakes *fakefleet.Fleet, name string) {
	t.Helper()
	s, err := fakes.Server(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddFault(fakefleet.Fault{Kind: fakefleet.FaultSlow, Text: "600ms"}); err != nil {
		t.Fatal(err)
	}
}

// On a terminal a cluster still awaited does not hold up the others.
func TestLateClustersGoBelow(t *testing.T) {
	fakes, f := fleetOf(t, "c1", "c2", "c3")
	slow(t, fakes, "c1")
	shown, report := pods(t, f, 300*time.Millisecond)
	if got := strings.Join(shown, " | "); !strings.HasPrefix(got, "c2 c2 c3 c3") || !strings.HasSuffix(got, "c1 c1") {
		t.Errorf("shown: %s; want c1 last", got)
	}
	if report.Shown != 6 || len(report.Failures) > 0 {
		t.Errorf("%+v", report)
	}
}

// Piped, the order is that of the clusters, always.
func TestWithoutPatienceTheOrderIsStable(t *testing.T) {
	fakes, f := fleetOf(t, "c1", "c2", "c3")
	slow(t, fakes, "c1")
	if shown, _ := pods(t, f, 0); !slices.Equal(shown, []string{"c1 c1 c2 c2 c3 c3"}) {
		t.Errorf("shown: %q", shown)
	}
}

func TestAShowThatFailsEndsTheQuery(t *testing.T) {
	_, f := fleetOf(t, "c1", "c2")
	r := query.Request{Items: []query.Item{{Type: "pods"}}}
	_, err := query.Tables(t.Context(), f, r, 0, func([]*metav1.Table) error { return context.DeadlineExceeded })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
