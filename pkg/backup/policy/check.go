package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// maxName is how long a policy's name may be: a Backup's has it, the set's suffix and
// something of the cluster in 50 characters.
const maxName = 24

// check says all that is wrong with a policy, each with where it is.
func check(p *v1alpha1.BackupSchedule) error {
	var wrong []error
	at := func(path, format string, args ...any) {
		wrong = append(wrong, &FieldError{Path: path, Err: fmt.Errorf(format, args...)})
	}
	for _, e := range validation.IsDNS1123Label(p.Name) {
		at("metadata.name", "%q: %s", p.Name, e)
	}
	if len(p.Name) > maxName {
		at("metadata.name", "%q has %d characters: at most %d", p.Name, len(p.Name), maxName)
	}
	s := &p.Spec
	// below is what is wrong in a part that is read by itself.
	below := func(path string, err error) {
		named := false
		each(err, func(field *FieldError) {
			named = true
			at(strings.TrimSuffix(path+"."+field.Path, "."), "%w", field.Err)
		})
		if err != nil && !named {
			at(path, "%w", err)
		}
	}
	checkMembers(p, at, below)
	if s.MaxFreeze.Duration < time.Second || s.MaxFreeze.Duration > time.Hour {
		at("spec.maxFreeze", "%s: from 1s to 1h", s.MaxFreeze.Duration)
	}
	checkCut(s, at)
	for i, wave := range s.Quiesce {
		if len(wave.Actions) == 0 {
			at(fmt.Sprintf("spec.quiesce[%d]", i), "it has no actions")
		}
		for k := range wave.Actions {
			a := &wave.Actions[k]
			checkAction(a, fmt.Sprintf("spec.quiesce[%d].actions[%d]", i, k), at)
			checkClusters(p, a.Clusters, fmt.Sprintf("spec.quiesce[%d].actions[%d].clusters", i, k), at)
		}
	}
	if c := s.Canary; c != nil {
		checkPods(c.Namespace, c.Selector, "spec.canary", at)
		checkClusters(p, c.Clusters, "spec.canary.clusters", at)
		if len(c.Write) == 0 || len(c.Read) == 0 {
			at("spec.canary", "it needs write and read")
		}
		if len(s.Quiesce) == 0 {
			at("spec.canary", "it is written while everything is still: it needs spec.quiesce")
		}
	}
	for i, probe := range s.Probes {
		path := fmt.Sprintf("spec.probes[%d]", i)
		checkPods(probe.Namespace, probe.Selector, path, at)
		checkClusters(p, probe.Clusters, path+".clusters", at)
		if len(probe.Command) == 0 {
			at(path, "it needs a command")
		}
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		at("spec.timeZone", "%v", err)
	} else if _, err := times(p); err != nil {
		at("spec.cron", "%q: %v", s.Cron, err)
	}
	if s.Retention < 0 {
		at("spec.retention", "%d: not below 0", s.Retention)
	}
	if !slices.Contains([]v1alpha1.BackupGrade{v1alpha1.GradeQuiesced, v1alpha1.GradeAligned, v1alpha1.GradeIndependent}, s.MinimumGrade) {
		at("spec.minimumGrade", "%q: Quiesced, Aligned or Independent", s.MinimumGrade)
	}
	return errors.Join(wrong...)
}

type complain func(path, format string, args ...any)

func checkCut(s *v1alpha1.BackupScheduleSpec, at complain) {
	switch {
	case !slices.Contains([]v1alpha1.BackupCut{"", v1alpha1.CutBackup, v1alpha1.CutVolumes}, s.Cut):
		at("spec.cut", "%q: Backup or Volumes", s.Cut)
	case s.Cut == v1alpha1.CutVolumes && len(s.Quiesce) == 0:
		at("spec.cut", "it says when what is held still is released: it needs spec.quiesce")
	}
}

// checkMembers checks the members, and what is asked of the Velero of each. What is wrong
// in the template is wrong once, and not in each of them.
func checkMembers(p *v1alpha1.BackupSchedule, at complain, below func(string, error)) {
	_, wrong := Backup(p, v1alpha1.BackupMember{})
	below("spec.velero.template", wrong)
	if len(p.Spec.Members) == 0 {
		at("spec.members", "there are none")
	}
	seen := map[string]bool{}
	required := false
	for i, m := range p.Spec.Members {
		path := fmt.Sprintf("spec.members[%d]", i)
		switch {
		case m.Cluster == "":
			at(path+".cluster", "it is missing")
		case seen[m.Cluster]:
			at(path+".cluster", "%q is there twice", m.Cluster)
		}
		seen[m.Cluster] = true
		required = required || *m.Required
		checkClusters(p, m.DependsOn, path+".dependsOn", at)
		spec, err := Backup(p, m)
		switch {
		case wrong != nil:
			continue
		case err != nil:
			below(path+".velero", err)
			continue
		}
		if *spec.DefaultVolumesToFsBackup && len(p.Spec.Quiesce) > 0 {
			at("spec.velero.template.defaultVolumesToFsBackup", "a copy of the live file system would have to be made while everything is held still: take snapshots, or leave spec.quiesce away")
		}
	}
	if len(p.Spec.Members) > 0 && !required {
		at("spec.members", "none is required: an empty set would be complete")
	}
	if round := cycle(p.Spec.Members); round != nil {
		at("spec.members", "dependsOn goes round: %s", strings.Join(round, " -> "))
	}
}

// cycle finds members that depend on themselves in the end.
func cycle(members []v1alpha1.BackupMember) []string {
	on := map[string][]string{}
	for _, m := range members {
		on[m.Cluster] = m.DependsOn
	}
	done := map[string]bool{}
	var visit func(path []string, name string) []string
	visit = func(path []string, name string) []string {
		if i := slices.Index(path, name); i >= 0 {
			return append(slices.Clone(path[i:]), name)
		}
		if done[name] {
			return nil
		}
		done[name] = true
		for _, next := range on[name] {
			if round := visit(append(path, name), next); round != nil {
				return round
			}
		}
		return nil
	}
	for _, m := range members {
		if round := visit(nil, m.Cluster); round != nil {
			return round
		}
	}
	return nil
}

func checkClusters(p *v1alpha1.BackupSchedule, clusters []string, path string, at complain) {
	for _, c := range clusters {
		if Member(p, c) == nil {
			at(path, "%q is no member", c)
		}
	}
}

func checkPods(namespace, selector, path string, at complain) {
	if namespace == "" {
		at(path+".namespace", "it is missing")
	}
	parsed, err := labels.Parse(selector)
	switch {
	case err != nil:
		at(path+".selector", "%v", err)
	case parsed.Empty():
		at(path+".selector", "it is empty: it would be all pods of the namespace")
	}
}

func checkAction(a *v1alpha1.QuiesceAction, path string, at complain) {
	kinds := 0
	if a.Exec != nil {
		kinds++
		checkPods(a.Exec.Namespace, a.Exec.Selector, path+".exec", at)
		if len(a.Exec.Freeze) == 0 || len(a.Exec.Release) == 0 {
			at(path+".exec", "it needs freeze and release")
		}
	}
	if a.Scale != nil {
		kinds++
		if !slices.Contains([]string{"Deployment", "StatefulSet", "ReplicaSet"}, a.Scale.Kind) {
			at(path+".scale.kind", "%q: Deployment, StatefulSet or ReplicaSet", a.Scale.Kind)
		}
		if a.Scale.Namespace == "" || a.Scale.Name == "" {
			at(path+".scale", "it needs namespace and name")
		}
		if a.Scale.To < 0 {
			at(path+".scale.to", "%d: not below 0", a.Scale.To)
		}
	}
	if a.Patch != nil {
		kinds++
		if a.Patch.APIVersion == "" || a.Patch.Kind == "" || a.Patch.Name == "" || a.Patch.Freeze == nil {
			at(path+".patch", "it needs apiVersion, kind, name and freeze")
		}
	}
	if kinds != 1 {
		at(path, "it needs one of exec, scale and patch, and has %d", kinds)
	}
	if a.Timeout.Duration < 0 {
		at(path+".timeout", "%s: not below 0", a.Timeout.Duration)
	}
}
