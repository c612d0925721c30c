package mark

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// server is an API server with one node. It refuses what was read before another
// write, and lets somebody else write before the first writes come.
type server struct {
	mu      sync.Mutex
	node    corev1.Node
	version int
	others  int // how many writes somebody else is faster than
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodPut {
		var sent corev1.Node
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			panic(err)
		}
		if s.others > 0 {
			s.others--
			s.version++
		}
		if sent.ResourceVersion != strconv.Itoa(s.version) {
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonConflict, Code: http.StatusConflict})
			return
		}
		s.node = sent
		s.version++
	}
	s.node.APIVersion, s.node.Kind, s.node.ResourceVersion = "v1", "Node", strconv.Itoa(s.version)
	_ = json.NewEncoder(w).Encode(s.node)
}

type access struct{ config *rest.Config }

func (a access) RESTConfig(context.Context) (*rest.Config, error) { return a.config, nil }

// What a run writes on a node it takes back, and what was there before stays: a cordon,
// a label, taints of others, annotations.
func TestOnlyOursIsUndone(t *testing.T) {
	t.Parallel()
	foreign := corev1.Taint{Key: "dedicated", Value: "db", Effect: corev1.TaintEffectNoSchedule}
	for name, test := range map[string]struct {
		cordoned, excluded bool
		// also is the run that has marked it before, and ended without taking that back.
		also   string
		others int
	}{
		"a node as any other":                     {},
		"it was cordoned":                         {cordoned: true},
		"load balancers leave it alone already":   {excluded: true},
		"both":                                    {cordoned: true, excluded: true},
		"a run before had marked it":              {also: "before"},
		"and it was cordoned before that":         {also: "before", cordoned: true},
		"its kubelet writes meanwhile, each time": {others: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "u1", Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}}}
			node.Spec.Taints, node.Spec.Unschedulable = []corev1.Taint{foreign}, test.cordoned
			if test.excluded {
				node.Labels[corev1.LabelNodeExcludeBalancers] = ""
			}
			labels := maps.Clone(node.Labels)
			s := &server{node: node, version: 1, others: test.others}
			serving := httptest.NewServer(s)
			defer serving.Close()
			m, err := member.NewPool(member.Options{}).Member(t.Context(), inventory.Cluster{Name: "c1", Server: serving.URL, Access: access{&rest.Config{Host: serving.URL}}})
			if err != nil {
				t.Fatal(err)
			}
			runs := []string{"run"}
			if test.also != "" {
				runs = []string{test.also, "run"}
			}
			for _, run := range runs {
				marks := Nodes{m, run}
				if err := errors.Join(marks.Later(t.Context(), "n1", "u1"), marks.Leaving(t.Context(), "n1", "u1"), marks.Leaving(t.Context(), "n1", "u1")); err != nil {
					t.Fatal(err)
				}
				if _, excluded := s.node.Labels[corev1.LabelNodeExcludeBalancers]; !marks.IsMarked(&s.node) || !excluded || len(s.node.Spec.Taints) != 2 {
					t.Errorf("marked, it is %+v", s.node)
				}
			}
			other := Nodes{m, "another"}
			if err := other.Stays(t.Context(), "n1", "u1"); err != nil || !(Nodes{m, "run"}).IsMarked(&s.node) {
				t.Errorf("another run takes our marks: %v, %+v", err, s.node)
			}
			ours := Nodes{m, "run"}
			for range 2 { // the second time there is nothing to do
				if err := ours.Stays(t.Context(), "n1", "u1"); err != nil {
					t.Fatal(err)
				}
				is := s.node
				if is.Spec.Unschedulable != test.cordoned || !maps.Equal(is.Labels, labels) || !maps.Equal(is.Annotations, map[string]string{"c": "d"}) || len(is.Spec.Taints) != 1 || is.Spec.Taints[0] != foreign {
					t.Errorf("left is %+v", is)
				}
			}
			// Emptied and kept, as kubectl drain leaves it; that is ours to take back, too.
			if err := errors.Join(ours.Leaving(t.Context(), "n1", "u1"), ours.Rests(t.Context(), "n1", "u1")); err != nil {
				t.Fatal(err)
			}
			if is := s.node; !is.Spec.Unschedulable || !maps.Equal(is.Labels, labels) || len(is.Spec.Taints) != 1 {
				t.Errorf("kept, it is %+v", is)
			}
			if err := ours.Stays(t.Context(), "n1", "u1"); err != nil || s.node.Spec.Unschedulable != test.cordoned {
				t.Errorf("taken back: %v, %+v", err, s.node.Spec)
			}
			// Another node of that name is not meant.
			if _, gone := errors.AsType[*GoneError](ours.Leaving(t.Context(), "n1", "u2")); !gone || RunOf(&s.node) != "" {
				t.Errorf("another of its name: %+v", s.node)
			}
		})
	}
}
