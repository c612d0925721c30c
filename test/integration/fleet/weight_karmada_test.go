package fleet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// division is a question to karmada-division, a program made of Karmada's own
// scheduler, with ours beside it.
type division struct {
	Replicas int32             `json:",omitempty"`
	UID      string            `json:",omitempty"`
	Clusters []divisionCluster `json:",omitempty"`
	ByRoom   bool              `json:",omitempty"`

	Nodes    []weight.NodeFree   `json:",omitempty"`
	Requests corev1.ResourceList `json:",omitempty"`
}

type divisionCluster struct {
	Name   string
	Weight int64
	Room   int64
}

// divided is its answer.
type divided struct {
	Replicas map[string]int64
	Fits     int64
	Error    string
}

// What we divide is what Karmada's scheduler divides, but for ties, which its hash
// breaks; and as many pods fit.
func TestWeightsAreKarmadas(t *testing.T) {
	const each = 3000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var questions []division
	for range each {
		questions = append(questions, randomDivision(r, false), randomDivision(r, true), randomNodes(r))
	}
	answers := askKarmada(t, questions)

	turned, short := 0, 0
	for i, q := range questions {
		theirs := answers[i]
		if q.Nodes != nil {
			if fits := weight.Fits(q.Nodes, q.Requests); fits != theirs.Fits {
				t.Errorf("%s: %d fit, with Karmada %d", asJSON(t, q), fits, theirs.Fits)
			}
			continue
		}
		ours, of, err := q.split()
		var room *weight.NoRoomError
		switch {
		case errors.As(err, &room) && strings.Contains(theirs.Error, "not enough"):
			short++
		case err != nil || theirs.Error != "":
			t.Errorf("%s: %v, with Karmada %q", asJSON(t, q), err, theirs.Error)
		default:
			differ, err := sameButForTies(of, ours, theirs.Replicas)
			if err != nil {
				t.Errorf("%s: %v", asJSON(t, q), err)
			}
			if differ {
				turned++
			}
		}
	}
	t.Logf("of %d: %d ties that Karmada breaks the other way, %d without room", len(questions), turned, short)
	if turned == 0 || short == 0 {
		t.Error("the questions are too easy")
	}
}

// split is our answer, by the weights or the room of the clusters.
func (q division) split() (shares []weight.Share, of []weight.Weight, err error) {
	var rooms []weight.Room
	for _, c := range q.Clusters {
		of = append(of, weight.Weight{Cluster: c.Name, Weight: c.Weight + c.Room})
		rooms = append(rooms, weight.Room{Cluster: c.Name, Fits: c.Room})
	}
	if q.ByRoom {
		shares, err = weight.ByFree(int64(q.Replicas), rooms)
	} else {
		shares, err = weight.Split(int64(q.Replicas), of)
	}
	return shares, of, err
}

// sameButForTies compares our shares with Karmada's: clusters of one weight may have
// theirs in another order if we say that they are tied.
func sameButForTies(of []weight.Weight, ours []weight.Share, theirs map[string]int64) (differ bool, err error) {
	our, their := map[int64][]int64{}, map[int64][]int64{}
	for i, s := range ours {
		if s.Replicas != theirs[s.Cluster] {
			differ = true
			if !s.Tied {
				return true, fmt.Errorf("%+v, with Karmada %v", ours, theirs)
			}
		}
		our[of[i].Weight] = append(our[of[i].Weight], s.Replicas)
		their[of[i].Weight] = append(their[of[i].Weight], theirs[s.Cluster])
	}
	for w := range our {
		slices.Sort(our[w])
		slices.Sort(their[w])
		if !slices.Equal(our[w], their[w]) {
			return true, fmt.Errorf("%+v, with Karmada %v", ours, theirs)
		}
	}
	return differ, nil
}

func randomDivision(r *rand.Rand, byRoom bool) division {
	// Small numbers have ties. The largest are below what Karmada, which compares
	// quotients as float64, can tell apart.
	largest := []int64{3, 10, 1000, weight.Max}[r.IntN(4)]
	q := division{Replicas: int32(r.IntN([]int{10, 100, 10000}[r.IntN(3)])), UID: fmt.Sprint(r.Uint64()), ByRoom: byRoom}
	for _, i := range r.Perm(1 + r.IntN(12)) {
		c := divisionCluster{Name: fmt.Sprintf("c%d", i)}
		if byRoom {
			c.Room = r.Int64N(min(largest, 1<<20) + 1)
		} else {
			c.Weight = r.Int64N(largest + 1)
		}
		q.Clusters = append(q.Clusters, c)
	}
	if !byRoom && !slices.ContainsFunc(q.Clusters, func(c divisionCluster) bool { return c.Weight > 0 }) {
		q.Clusters[0].Weight = 1 // where nobody has one, Karmada gives all the same, and we refuse
	}
	return q
}

func randomNodes(r *rand.Rand) division {
	names := map[corev1.ResourceName][]string{
		corev1.ResourceCPU:              {"0", "100m", "250m", "1500u", "1", "2.5", "64"},
		corev1.ResourceMemory:           {"0", "1", "128Mi", "1G", "1.5Gi", "64Gi"},
		corev1.ResourceEphemeralStorage: {"0", "1Gi", "100G"},
		"example.com/gpu":               {"0", "1", "2", "8"},
		"hugepages-2Mi":                 {"0", "2Mi", "1Gi"},
		corev1.ResourcePods:             {"0", "1", "3", "110"},
	}
	list := func(of ...corev1.ResourceName) corev1.ResourceList {
		l := corev1.ResourceList{}
		for _, name := range of {
			if r.IntN(4) > 0 {
				l[name] = resource.MustParse(names[name][r.IntN(len(names[name]))])
			}
		}
		return l
	}
	all := []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, "example.com/gpu", "hugepages-2Mi"}
	q := division{Requests: list(all[:1+r.IntN(len(all))]...)}
	for range 1 + r.IntN(5) {
		q.Nodes = append(q.Nodes, weight.NodeFree{Allocatable: list(append(all, corev1.ResourcePods)...), Requested: list(append(all, corev1.ResourcePods)...)})
	}
	return q
}

// askKarmada has the program answer, which is built if it is not there.
func askKarmada(t *testing.T, questions []division) []divided {
	t.Helper()
	root, err := stack.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	program, err := karmada.Division(root)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := stack.UserCache()
	if err != nil {
		t.Fatal(err)
	}
	programs, err := cache.Ensure(t.Context(), []stack.Program{program}, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	var in, stderr bytes.Buffer
	for _, q := range questions {
		in.WriteString(asJSON(t, q))
	}
	cmd := exec.CommandContext(t.Context(), programs[0])
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program.Name, err, &stderr)
	}
	var answers []divided
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var a divided
		err := decoder.Decode(&a)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	return answers
}

func asJSON(t *testing.T, of any) string {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// And a Karmada that runs divides so, from policies as users write them. Nothing
// gets to its members: dispatching is suspended.
func (l *karmadaLab) testDivides(t *testing.T) {
	t.Parallel()
	type rule struct {
		Clusters string
		Weight   int64
	}
	cases := map[string]struct {
		replicas, scaled int64
		rules            []rule
		weights          string
	}{
		"nine-to-one": {10, 25, []rule{{"c1", 90}, {"c2", 10}}, "c1=90,c2=10"},
		"few":         {5, 3, []rule{{"c1", 90}, {"c2", 10}}, "c1=90,c2=10"},
		"tie":         {7, 8, []rule{{"c1", 2}, {"c2", 2}}, "c1=2,c2=2"},
		"fewer-first": {2, 6, []rule{{"c1", 3}, {"c2", 1}}, "c1=3,c2=1"},
		"many":        {100000, 99999, []rule{{"c1", 1}, {"c2", 2147483648}}, "c1=1,c2=2147483648"},
		// Of several rules for a cluster the largest counts; without one it gets nothing.
		"largest-rule": {12, 4, []rule{{"c1", 3}, {"c1, c2", 1}}, "c1=3,c2=1"},
		"no-rule":      {4, 9, []rule{{"c2", 5}}, "c1=0,c2=5"},
	}
	var manifest strings.Builder
	for name, tc := range cases {
		fmt.Fprintf(&manifest, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: default}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: web, image: example.com/web:1}]}}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: %[1]s, namespace: default}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: %[1]s}]
  suspension: {dispatching: true}
  placement:
    clusterAffinity: {clusterNames: [c1, c2]}
    replicaScheduling:
      replicaSchedulingType: Divided
      replicaDivisionPreference: Weighted
      weightPreference:
        staticWeightList:
`, name, tc.replicas)
		for _, rule := range tc.rules {
			fmt.Fprintf(&manifest, "        - {targetCluster: {clusterNames: [%s]}, weight: %d}\n", rule.Clusters, rule.Weight)
		}
		manifest.WriteString("---\n")
	}
	path := filepath.Join(t.TempDir(), "divided.yaml")
	if err := os.WriteFile(path, []byte(manifest.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	l.onHub(t, "apply", "-f", path).want(t, 0)
	t.Cleanup(func() { l.onHub(t, "delete", "-f", path).want(t, 0) })

	for name, tc := range cases {
		of, err := weight.Parse(tc.weights)
		if err != nil {
			t.Fatal(err)
		}
		divides := func(replicas int64) {
			ours, err := weight.Split(replicas, of)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, fmt.Sprintf("Karmada divides %d of %s by %s", replicas, name, tc.weights), func() error {
				var binding struct {
					Spec struct {
						Clusters []struct {
							Name     string
							Replicas int64
						}
					}
				}
				if err := json.Unmarshal([]byte(l.onHub(t, "get", "resourcebinding", name+"-deployment", "-n", "default", "-o", "json").stdout), &binding); err != nil {
					return err
				}
				theirs := map[string]int64{}
				for _, c := range binding.Spec.Clusters {
					theirs[c.Name] = c.Replicas
				}
				_, err := sameButForTies(of, ours, theirs)
				return err
			})
		}
		divides(tc.replicas)
		// Scaled, it divides anew: what a cluster had does not count.
		l.onHub(t, "scale", "deployment", name, "-n", "default", fmt.Sprintf("--replicas=%d", tc.scaled)).want(t, 0)
		divides(tc.scaled)
	}
}
