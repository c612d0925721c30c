package query

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubectl/pkg/util/podutils"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// AmbiguousError says that more than one pod may be meant.
type AmbiguousError struct {
	// Found are the places that have what was named: one pod of each.
	Found []Pod
	// Silent are the clusters that did not answer, and may have it, too.
	Silent []fanout.Failure
}

func (e *AmbiguousError) Error() string {
	places := make([]string, len(e.Found))
	for i, p := range e.Found {
		places[i] = fmt.Sprintf("%s (namespace %s)", p.Cluster.Name, p.Namespace)
	}
	found := strings.Join(places, ", ")
	if len(e.Silent) == 0 {
		return fmt.Sprintf("it is in %d places: %s", len(places), found)
	}
	silent := make([]string, len(e.Silent))
	for i, f := range e.Silent {
		silent[i] = f.Cluster
	}
	return fmt.Sprintf("it is in %s, and may be in clusters that did not answer: %s", found, strings.Join(silent, ", "))
}

// OnePod chooses the pod to run a command in among those that FindPods found. Of
// the pods of one workload it is the one that kubectl exec would take. Pods in
// several clusters or namespaces are an *AmbiguousError, and so is a pod that a
// cluster that did not answer may have, too.
func OnePod(pods []Pod, report Report) (*Pod, error) {
	var places []Pod
	var first []*corev1.Pod
	for i := range pods {
		p := &pods[i]
		known := slices.ContainsFunc(places, func(at Pod) bool {
			return at.Cluster.Name == p.Cluster.Name && at.Namespace == p.Namespace
		})
		if !known {
			places = append(places, *p)
		}
		first = append(first, &p.Pod)
	}
	if len(places) != 1 || len(report.Failures) > 0 {
		return nil, &AmbiguousError{Found: places, Silent: report.Failures}
	}
	sort.Sort(sort.Reverse(podutils.ActivePods(first)))
	return &Pod{Cluster: places[0].Cluster, Pod: *first[0]}, nil
}

// Exec runs a command in a container of the pod, with the streams given, until
// it ends or ctx does. The error is a *member.ExitError if the command ended with
// another code than 0, else that of the cluster.
func Exec(ctx context.Context, f Fleet, pod *Pod, o corev1.PodExecOptions, streams remotecommand.StreamOptions) error {
	if phase := pod.Status.Phase; phase == corev1.PodSucceeded || phase == corev1.PodFailed {
		return &member.Error{Reason: member.ReasonInvalid, Err: fmt.Errorf("pod %q is over, its phase is %s: nothing can be run in it", pod.Name, phase)}
	}
	m, err := f.Members.Member(ctx, pod.Cluster)
	if err != nil {
		return err
	}
	return m.Exec(ctx, pod.Namespace, pod.Name, o, streams)
}
