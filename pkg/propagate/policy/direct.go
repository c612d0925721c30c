package policy

import (
	"fmt"
	"slices"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Direct says what in the policies has a meaning on a hub alone. What somebody
// would count on is an error; what is done anyway, or does no harm, is a note.
func (s *Set) Direct() ([]Note, error) {
	d := form{}
	for _, p := range s.propagations {
		d.lines = p.lines
		d.direct(p.spec)
		s.dependentOverrides(&d, p)
	}
	return d.notes, d.err()
}

// direct goes through the fields of a policy that need a control plane.
// docs/propagating.md has them in a table.
func (f *form) direct(spec policyv1alpha1.PropagationSpec) {
	at, placement := manifest.Path{"spec"}, manifest.Path{"spec", "placement"}
	const hub = ": this needs a hub, --via karmada=CONTEXT"

	if spec.Association {
		f.wrong(at.Child("association"), "what an object refers to is not looked for; select it"+hub)
	}
	if spec.PropagateDeps {
		f.wrong(at.Child("propagateDeps"), "what an object refers to is not looked for; select it"+hub)
	}
	if spec.Failover != nil {
		f.wrong(at.Child("failover"), "nobody watches the clusters after the command has ended"+hub)
	}
	if s := spec.Suspension; s != nil && (isTrue(s.Dispatching) || s.DispatchingOnClusters != nil && len(s.DispatchingOnClusters.ClusterNames) > 0) {
		f.wrong(at.Child("suspension"), "nothing is dispatched later; leave clusters out with -C"+hub)
	}
	if spec.SchedulerName != "" && spec.SchedulerName != "default-scheduler" {
		f.wrong(at.Child("schedulerName"), "there is no scheduler"+hub)
	}
	if isTrue(spec.PreserveResourcesOnDeletion) {
		f.wrong(at.Child("preserveResourcesOnDeletion"), "--prune and withdraw do delete"+hub)
	}
	if spec.Placement.WorkloadAffinity != nil {
		f.wrong(placement.Child("workloadAffinity"), "where other workloads are is not known"+hub)
	}
	for i, term := range spec.Placement.ClusterAffinities {
		if len(term.OverflowAffinities) > 0 {
			f.wrong(placement.Child("clusterAffinities", i, "overflowAffinities"), "what does not fit is not moved on"+hub)
		}
	}
	if len(spec.Placement.ClusterTolerations) > 0 {
		f.note(placement.Child("clusterTolerations"), "clusters have no taints without a hub")
	}
	if spec.Preemption == policyv1alpha1.PreemptAlways {
		f.note(at.Child("preemption"), "no policy has claimed an object before")
	}
	if spec.ConflictResolution == policyv1alpha1.ConflictOverwrite {
		f.note(at.Child("conflictResolution"), "what others own is taken with --take-over and --force-conflicts alone")
	}
	if spec.ActivationPreference != "" {
		f.note(at.Child("activationPreference"), "the policy counts from now on")
	}
	if spec.SchedulePriority != nil {
		f.note(at.Child("schedulePriority"), "objects do not wait for one another")
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

// dependentOverrides have to be there before the policy counts.
func (s *Set) dependentOverrides(d *form, p *propagation) {
	for i, name := range p.spec.DependentOverrides {
		if !slices.ContainsFunc(s.overrides, func(o *override) bool {
			return o.object.GetName() == name && clusterScoped(o.kind) == clusterScoped(p.kind) && o.object.GetNamespace() == p.object.GetNamespace()
		}) {
			d.wrong(manifest.Path{"spec", "dependentOverrides", i}, "there is no such override policy in the input")
		}
	}
}

// contradictions are overrides of a number that a policy divides. Karmada would
// let the override win, and the sum would no longer be what was asked for.
func (s *Set) contradictions(objects []manifest.Object) error {
	d := form{}
	said := map[string]bool{}
	for _, o := range objects {
		p := s.choose(o)
		if p == nil || p.spec.Placement.ReplicaSchedulingType() != policyv1alpha1.ReplicaSchedulingTypeDivided {
			continue
		}
		for _, v := range s.overridesOf(o.Unstructured) {
			d.lines = v.lines
			for _, r := range v.rules {
				for i, change := range r.Overriders.Plaintext {
					at := r.plaintext.Child(i)
					key := fmt.Sprint(v.what(), at, p.what())
					if replicas := replicasField(o.GetKind()); sets(change.Path, replicas) && !said[key] {
						said[key] = true
						d.wrong(at, "it sets %s of %s, which %s divides among the clusters: %s; take one of them out",
							replicas, o.What(), p.what(), p.lines.Of(manifest.Path{"spec", "placement", "replicaScheduling"}))
					}
				}
			}
		}
	}
	return d.err()
}
