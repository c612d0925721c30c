package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// ServerOptions are those that Velero was started with.
type ServerOptions struct {
	// Known is false where no Deployment of it was found: the others are its defaults
	// then, and whether it takes CSI snapshots is not known.
	Known bool
	// Workers back up blocks of items side by side.
	Workers int
	// Concurrent is how many Backups are made at once.
	Concurrent int
	// Early: it looks for the handle of a snapshot each second at first.
	Early bool
	// CSI: it takes CSI snapshots.
	CSI bool
	// VolumePolicies is the ConfigMap of those that count for all Backups.
	VolumePolicies string
}

// tested is the release of Velero that this was tested with.
const tested = "v1.18"

// earlyPolling is an environment variable of Velero's.
const earlyPolling = "CSI_SNAPSHOT_EARLY_FREQUENT_POLLING"

func defaultServer() ServerOptions { return ServerOptions{Workers: 1, Concurrent: 1} }

// readServer looks for the Deployment of Velero, whatever it is called, that runs.
func (r *reader) readServer(ctx context.Context) error {
	r.Server = defaultServer()
	deployments, err := typed[appsv1.Deployment](ctx, r.member, builtin(appsv1.SchemeGroupVersion, "deployments", "Deployment", true), []string{r.Member.VeleroNamespace})
	if err != nil {
		return err
	}
	for _, d := range deployments {
		if d.Status.Replicas == 0 {
			continue
		}
		for i := range d.Spec.Template.Spec.Containers {
			c := &d.Spec.Template.Spec.Containers[i]
			if words := slices.Concat(c.Command, c.Args); slices.Contains(words, "server") {
				r.Server = serverOptions(words, c.Env)
				return nil
			}
		}
	}
	return nil
}

// serverOptions reads a command line of Velero's.
func serverOptions(words []string, env []corev1.EnvVar) ServerOptions {
	o := defaultServer()
	o.Known = true
	number := func(into *int, value string) {
		if n, err := strconv.Atoi(value); err == nil && n > 0 {
			*into = n
		}
	}
	for i, word := range words {
		name, value, has := strings.Cut(word, "=")
		if !has && i+1 < len(words) {
			value = words[i+1]
		}
		switch name {
		case "--item-block-worker-count":
			number(&o.Workers, value)
		case "--concurrent-backups":
			number(&o.Concurrent, value)
		case "--global-backup-volume-policies-configmap":
			o.VolumePolicies = value
		case "--features":
			o.CSI = slices.Contains(strings.Split(value, ","), velerov1.CSIFeatureFlag)
		}
	}
	for _, e := range env {
		o.Early = o.Early || e.Name == earlyPolling && e.Value == "true"
	}
	return o
}

// judgeProblems says what could not be looked at. What may not be read has its own words
// among the rights.
func (f *Facts) judgeProblems(r *Report) {
	for _, p := range f.Problems {
		silent, isSilent := errors.AsType[*velero.SilentError](p.Err)
		missing, isMissing := errors.AsType[*velero.NoLocationError](p.Err)
		switch {
		case errors.Is(p.Err, velero.ErrNotInstalled):
			if p.Check == CheckVelero && p.Matters { // once
				r.refuse(CheckVelero, "install Velero, or leave the member out", "%v", p.Err)
			}
		case isSilent:
			r.refuse(CheckVelero, f.whereVelero("look at its pod in namespace "+silent.Namespace+", or name another with --velero-namespace or spec.velero.namespace"), "%v", p.Err)
		case p.Check == CheckVelero && p.Matters && member.IsObjectNotFound(p.Err): // the namespace
			r.refuse(CheckVelero, f.whereVelero("name Velero's with --velero-namespace or spec.velero.namespace, or install it"), "there is no namespace %s", f.Member.VeleroNamespace)
		case isMissing && len(f.Elsewhere) > 0: // said already
		case isMissing:
			r.refuse(CheckLocation, "name one that is there in velero.template.storageLocation, or make it", "%v", missing)
		case p.Matters && f.isDenied(p.Err):
		case p.Matters:
			r.refuse(p.Check, fixOf(p.Err, "try again; -v=6 shows the requests"), "%s cannot be looked at: %v", p.What, p.Err)
		default:
			r.warn(CheckOptional, "", "not known: %s: %v", p.What, p.Err)
		}
	}
}

// whereVelero says where there is a Velero, or else what mostly helps.
func (f *Facts) whereVelero(otherwise string) string {
	if len(f.Elsewhere) == 0 {
		return otherwise
	}
	return fmt.Sprintf("Velero is in namespace %s: --velero-namespace %s, or spec.velero.namespace of the policy", strings.Join(f.Elsewhere, " and "), f.Elsewhere[0])
}

// isDenied is true for the error of a request that the rights say is refused.
func (f *Facts) isDenied(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	kind := status.Status().Details.Kind
	return slices.ContainsFunc(f.Denied, func(d Denial) bool { return strings.Split(d.Resource, ".")[0] == kind })
}

func (f *Facts) judgeVelero(r *Report) {
	if v := f.Member.VeleroVersion; v != "" && v != tested && !strings.HasPrefix(v, tested+".") {
		r.warn(CheckVelero, "", "its Velero is %s: this is tested with %s", v, tested)
	}
}

// The times of a location that is looked at.
const (
	defaultValidation = time.Minute
	// lateValidations may be left out before the location counts as out of reach.
	lateValidations = 3
)

// judgeLocation: a store that hangs is still called Available, and only was looked at
// long ago.
func (f *Facts) judgeLocation(r *Report) {
	l := f.Location
	if l == nil {
		return
	}
	r.Member.Location, r.Store = velero.Place(l), storeOf(l)
	if l.Status.Phase != velerov1.BackupStorageLocationPhaseAvailable {
		message := ""
		if l.Status.Message != "" {
			message = ": " + l.Status.Message
		}
		phase := string(l.Status.Phase)
		if phase == "" {
			phase = "not looked at yet"
		}
		r.refuse(CheckLocation, "mend the store or its credentials; kubectl describe backupstoragelocation "+l.Name, "location %s is %s%s", l.Name, phase, message)
		return
	}
	if l.Spec.AccessMode == velerov1.BackupStorageLocationAccessModeReadOnly {
		r.refuse(CheckLocation, "name one that can be written to in velero.template.storageLocation", "location %s is ReadOnly", l.Name)
	}
	every := defaultValidation
	if l.Spec.ValidationFrequency != nil {
		every = l.Spec.ValidationFrequency.Duration
	}
	if every == 0 || l.Status.LastValidationTime == nil {
		r.warn(CheckLocation, "", "location %s is not validated: whether its store answers is not known", l.Name)
		return
	}
	if ago := f.Now.Sub(l.Status.LastValidationTime.Time); ago > lateValidations*every+defaultValidation {
		r.refuse(CheckLocation, "look at the store, and at Velero's log", "location %s was last reached %s ago, and should be every %s: its store may hang", l.Name, ago.Round(time.Second), every)
	}
}

// storeOf tells stores apart that have buckets of the same name.
func storeOf(l *velerov1.BackupStorageLocation) string {
	return strings.Join([]string{l.Spec.Provider, l.Spec.Config["s3Url"], l.Spec.Config["storageAccount"], l.Spec.Config["resourceGroup"]}, "|")
}
