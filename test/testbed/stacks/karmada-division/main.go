// Command karmada-division divides replicas with Karmada's own code, so that ours
// can be compared with it. It reads cases, JSON one after the other, and writes the
// answer to each.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"github.com/karmada-io/karmada/pkg/scheduler/core"
	"github.com/karmada-io/karmada/pkg/scheduler/core/spreadconstraint"
	"github.com/karmada-io/karmada/pkg/util"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// question is one case: replicas to be divided, or, with nodes, how many fit.
type question struct {
	Replicas int32
	// UID is the object's. Its hash breaks ties.
	UID      types.UID
	Clusters []cluster
	// ByRoom divides by dynamic weight instead of static.
	ByRoom bool

	Nodes    []node
	Requests corev1.ResourceList
}

type cluster struct {
	Name   string
	Weight int64
	Room   int32
}

type node struct{ Allocatable, Requested corev1.ResourceList }

type answer struct {
	Replicas map[string]int32
	Fits     int64
	Error    string `json:",omitempty"`
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var q question
		err := in.Decode(&q)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = out.Encode(q.answer())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	}
}

func (q question) answer() answer {
	if q.Nodes != nil {
		return answer{Fits: q.fits()}
	}
	placed, err := core.AssignReplicas(q.candidates(), q.binding(), &workv1alpha2.ResourceBindingStatus{})
	if err != nil {
		return answer{Error: err.Error()}
	}
	a := answer{Replicas: map[string]int32{}}
	for _, target := range placed {
		a.Replicas[target.Name] = target.Replicas
	}
	return a
}

func (q question) candidates() []spreadconstraint.ClusterDetailInfo {
	var list []spreadconstraint.ClusterDetailInfo
	for _, c := range q.Clusters {
		list = append(list, spreadconstraint.ClusterDetailInfo{
			Name: c.Name, Cluster: &clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: c.Name}},
			AllocatableReplicas: c.Room, AvailableReplicas: int64(c.Room),
		})
	}
	return list
}

func (q question) binding() *workv1alpha2.ResourceBindingSpec {
	var preferences policyv1alpha1.ClusterPreferences
	if q.ByRoom {
		preferences.DynamicWeight = policyv1alpha1.DynamicWeightByAvailableReplicas
	} else {
		for _, c := range q.Clusters {
			preferences.StaticWeightList = append(preferences.StaticWeightList, policyv1alpha1.StaticClusterWeight{
				TargetCluster: policyv1alpha1.ClusterAffinity{ClusterNames: []string{c.Name}}, Weight: c.Weight,
			})
		}
	}
	return &workv1alpha2.ResourceBindingSpec{
		Resource: workv1alpha2.ObjectReference{UID: q.UID},
		Replicas: q.Replicas,
		// Without them, no replicas are no workload, which goes everywhere.
		ReplicaRequirements: &workv1alpha2.ReplicaRequirements{},
		Placement: &policyv1alpha1.Placement{ReplicaScheduling: &policyv1alpha1.ReplicaSchedulingStrategy{
			ReplicaSchedulingType:     policyv1alpha1.ReplicaSchedulingTypeDivided,
			ReplicaDivisionPreference: policyv1alpha1.ReplicaDivisionPreferenceWeighted,
			WeightPreference:          &preferences,
		}},
	}
}

// fits counts node by node, as Karmada's estimator in a member does.
func (q question) fits() int64 {
	var sum int64
	for _, n := range q.Nodes {
		sum += util.NewResource(n.Allocatable).SubResource(util.NewResource(n.Requested)).MaxDivided(q.Requests)
	}
	return sum
}
