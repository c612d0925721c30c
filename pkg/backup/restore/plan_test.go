package restore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/restore"
)

func now() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// sealed is a good set of some members, each with a namespace of its own and shop.
func sealed(members ...string) *v1alpha1.BackupExecution {
	e := &v1alpha1.BackupExecution{Status: v1alpha1.BackupExecutionStatus{Phase: v1alpha1.BackupSealed, Grade: v1alpha1.GradeAligned, Complete: true}}
	e.Name = "shop-a1"
	e.Spec.Policy.Spec.Velero.Template.Raw = []byte(`{"includedNamespaces":["shop"]}`)
	for _, name := range members {
		e.Spec.Policy.Spec.Members = append(e.Spec.Policy.Spec.Members, v1alpha1.BackupMember{Cluster: name})
		e.Status.Members = append(e.Status.Members, v1alpha1.MemberExecution{Cluster: name, Backup: v1alpha1.MemberBackup{Name: "fb-" + name}})
	}
	return e
}

// A set is refused, or a request is wrong, or there is a plan; and which of them it is
// shows in the error.
func TestPlan(t *testing.T) {
	t.Parallel()
	policy := func(e *v1alpha1.BackupExecution, i int) *v1alpha1.BackupMember { return &e.Spec.Policy.Spec.Members[i] }
	for name, test := range map[string]struct {
		change  func(*v1alpha1.BackupExecution, *restore.Request)
		refused string
		wrong   string
		// waves are SOURCE>TARGET of each, in order.
		waves string
	}{
		"as it is": {waves: "a>a b>b c>c"},
		"not sealed": {
			change:  func(e *v1alpha1.BackupExecution, _ *restore.Request) { e.Status.Phase = v1alpha1.BackupFinishing },
			refused: "it is Finishing",
		},
		"expired": {
			change:  func(e *v1alpha1.BackupExecution, _ *restore.Request) { e.Status.Expires = metav1.NewTime(now()) },
			refused: "expired at 2026-11-21T12:00:00Z",
		},
		"torn": {
			change: func(e *v1alpha1.BackupExecution, _ *restore.Request) {
				e.Status.Grade, e.Status.Why = v1alpha1.GradeTorn, []string{"its deadman fired"}
			},
			refused: "is Torn, and should be Aligned: its deadman fired",
		},
		"torn, and told so": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				e.Status.Grade, r.AllowGrade = v1alpha1.GradeTorn, v1alpha1.GradeTorn
			},
			waves: "a>a b>b c>c",
		},
		"no grade": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				e.Status.Grade, r.AllowGrade = "", v1alpha1.GradeTorn
			},
			refused: "is of no grade",
		},
		"aligned, where something was held": {
			change: func(e *v1alpha1.BackupExecution, _ *restore.Request) {
				e.Spec.Policy.Spec.Quiesce = []v1alpha1.QuiesceWave{{}}
			},
			refused: "is Aligned, and should be Quiesced",
		},
		"the policy asks for less": {
			change: func(e *v1alpha1.BackupExecution, _ *restore.Request) {
				e.Status.Grade, e.Spec.Policy.Spec.MinimumGrade = v1alpha1.GradeIndependent, v1alpha1.GradeIndependent
			},
			waves: "a>a b>b c>c",
		},
		"incomplete": {
			change: func(e *v1alpha1.BackupExecution, _ *restore.Request) {
				e.Status.Members[1].Missing = "its Backup is Failed"
			},
			refused: "missing: b (its Backup is Failed)",
		},
		"incomplete, and told so": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				e.Status.Members[1].Missing, r.AllowIncomplete = "its Backup is Failed", true
				policy(e, 2).DependsOn = []string{"b"}
			},
			waves: "a>a c>c",
		},
		"waves": {
			change: func(e *v1alpha1.BackupExecution, _ *restore.Request) {
				policy(e, 0).DependsOn, policy(e, 1).DependsOn = []string{"b", "c"}, []string{"c"}
			},
			waves: "c>c | b>b | a>a",
		},
		"a circle": {
			change: func(e *v1alpha1.BackupExecution, _ *restore.Request) {
				policy(e, 0).DependsOn, policy(e, 1).DependsOn, policy(e, 2).DependsOn = []string{"b"}, []string{"c"}, []string{"b"}
			},
			wrong: "b -> c -> b",
		},
		"depends on a stranger": {
			change: func(e *v1alpha1.BackupExecution, _ *restore.Request) { policy(e, 0).DependsOn = []string{"z"} },
			wrong:  "a depends on z",
		},
		"mapped": {
			change: func(_ *v1alpha1.BackupExecution, r *restore.Request) { r.Clusters = map[string]string{"a": "d"} },
			waves:  "a>d b>b c>c",
		},
		"a stranger is mapped": {
			change: func(_ *v1alpha1.BackupExecution, r *restore.Request) { r.Clusters = map[string]string{"z": "d"} },
			wrong:  "shop-a1 has no member z",
		},
		"two into one": {
			change: func(_ *v1alpha1.BackupExecution, r *restore.Request) { r.Clusters = map[string]string{"a": "b"} },
			wrong:  "namespace shop of b would be that of a and that of b: -C b leaves its own part out",
		},
		"the others are not chosen": {change: chosen(nil, "b"), waves: "b>b"},
		"into one that has a part of its own": {
			change: chosen(map[string]string{"a": "b"}, "b"), waves: "a>b",
		},
		"into one by another name of it": {
			change: chosen(map[string]string{"a": "B"}, "b"), waves: "a>B",
		},
		"into one that has a part of its own, and others": {
			change: chosen(map[string]string{"a": "b"}, "b", "c"), waves: "a>b c>c",
		},
		"into one, and its own too": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				chosen(map[string]string{"a": "b", "b": "b"}, "b")(e, r)
				policy(e, 0).Velero = &runtime.RawExtension{Raw: []byte(`{"includedNamespaces":["till"]}`)}
			},
			waves: "a>b b>b",
		},
		"two change places, and one is chosen": {
			change: chosen(map[string]string{"a": "b", "b": "a"}, "b"), waves: "a>b",
		},
		"none is chosen": {change: chosen(nil, "d"), wrong: "no part of shop-a1 is restored into the chosen clusters"},
		"two into one, and apart": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				r.Clusters = map[string]string{"a": "b"}
				policy(e, 0).Velero = &runtime.RawExtension{Raw: []byte(`{"includedNamespaces":["till"]}`)}
			},
			waves: "a>b b>b c>c",
		},
		"two into one, and nobody knows": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				r.Clusters = map[string]string{"a": "b"}
				policy(e, 0).Velero = &runtime.RawExtension{Raw: []byte(`{"includedNamespaces":["*"]}`)}
			},
			refused: "which namespaces its backup has is not known",
		},
		"two namespaces become one": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				e.Spec.Policy.Spec.Velero.Template.Raw = []byte(`{"includedNamespaces":["shop","till"]}`)
				r.Namespaces = map[string]string{"shop": "till"}
			},
			wrong: "namespace till of a would be that of a and that of a",
		},
		"two namespaces change places": {
			change: func(e *v1alpha1.BackupExecution, r *restore.Request) {
				e.Spec.Policy.Spec.Velero.Template.Raw = []byte(`{"includedNamespaces":["shop","till"]}`)
				r.Namespaces = map[string]string{"shop": "till", "till": "shop"}
			},
			waves: "a>a b>b c>c",
		},
		"a namespace that is not there": {
			change: func(_ *v1alpha1.BackupExecution, r *restore.Request) { r.Namespaces = map[string]string{"shpo": "x"} },
			wrong:  "shop-a1 has no namespace shpo",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := sealed("a", "b", "c"), restore.Request{Run: "r", Now: now()}
			if test.change != nil {
				test.change(e, &r)
			}
			x, err := restore.PlanOf(e, r)
			_, refused := errors.AsType[*restore.RefusedError](err)
			switch {
			case test.refused != "":
				if !refused || !strings.Contains(err.Error(), test.refused) {
					t.Fatalf("want refused with %q, got %v", test.refused, err)
				}
				return
			case test.wrong != "":
				if err == nil || refused || !strings.Contains(err.Error(), test.wrong) {
					t.Fatalf("want an error with %q, got %v", test.wrong, err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if got := wavesIn(x); got != test.waves {
				t.Errorf("waves %q, want %q", got, test.waves)
			}
		})
	}
}

// chosen narrows a request to some targets, which have their names in capitals, too.
func chosen(mapped map[string]string, names ...string) func(*v1alpha1.BackupExecution, *restore.Request) {
	return func(_ *v1alpha1.BackupExecution, r *restore.Request) {
		r.Clusters = mapped
		r.Chosen = func(target string) string {
			if name := strings.ToLower(target); slices.Contains(names, name) {
				return name
			}
			return ""
		}
	}
}

func wavesIn(x *v1alpha1.RestoreExecution) string {
	var b strings.Builder
	for i, m := range x.Spec.Members {
		switch {
		case i > 0 && m.Wave != x.Spec.Members[i-1].Wave:
			b.WriteString(" | ")
		case i > 0:
			b.WriteString(" ")
		}
		b.WriteString(m.Source + ">" + m.Target)
	}
	return b.String()
}
